"""Lloyd's iteration: each point to its nearest center, each center to the mean of its points, until nothing moves."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from everymode.kmeans.assignment import Scorer, nearest, squared_distances
from everymode.kmeans.means import Sums, feed_starved, means
from everymode.kmeans.point_blocks import Points


class Settled(NamedTuple):
    """Where the iteration ended."""

    centers: Tensor
    """[K, F] around the points' origin."""
    labels: Tensor
    """[n] int64, this process's points: the nearest of these centers."""
    iterations: int


def lloyd(points: Points, centers: Tensor, *, iterations: int, tolerance: float, spread: float) -> Settled:
    """Iterate from centers [K, F], which are given around the points' origin.

    Args:
        iterations: the most that are made.
        tolerance: stop when the squared moves of all centers sum to at most this, times the points' mean variance of
            a feature (scikit-learn's rule); 0 = when no center moves at all.
        spread: mean squared length of the points.
    """
    limit = tolerance * spread / centers.shape[1]
    labels = torch.empty(len(points.features), dtype=torch.long, device=centers.device)
    made, shift = 0, float("inf")
    while made < iterations and shift > limit:
        scorer, gathered = Scorer(centers), Sums(len(centers), points)
        for rows, block in points.blocks(len(centers)):
            labels[rows] = scorer.nearest(block)
            gathered.add(block, labels[rows])
        sums, counts = gathered.over_processes()
        if (counts == 0).any():
            feed_starved(points, centers, labels, sums, counts, near=spread)
        moved = means(sums, counts, otherwise=centers)
        shift = float((moved - centers).double().square().sum())
        centers, made = moved, made + 1
    return Settled(centers, labels if shift == 0 else nearest(points, centers), made)


def inertia(points: Points, settled: Settled) -> float:
    """Sum of all processes' squared distances to the nearest center."""
    distances = squared_distances(points, settled.centers, settled.labels)
    return float(points.total(distances.sum(dtype=torch.float64)))
