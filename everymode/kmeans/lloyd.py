"""Lloyd's iteration: assign each point to its nearest center, move each center to the mean of its points, repeat."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from everymode.kmeans.assignment import Scorer, nearest, squared_distances
from everymode.kmeans.means import Sums, feed_starved, means
from everymode.kmeans.point_blocks import Points


class Settled(NamedTuple):
    """Result of the iteration."""

    centers: Tensor
    """[K, F] relative to the points' origin."""
    labels: Tensor
    """[n] int64: index of the nearest of these centers for each of this process's points."""
    iterations: int
    """Number of iterations."""


def lloyd(points: Points, centers: Tensor, *, iterations: int, tolerance: float, spread: float) -> Settled:
    """Run Lloyd's iteration.

    Args:
        centers: the initial ones, [K, F], relative to the points' origin.
        iterations: maximum number of iterations.
        tolerance: the iteration ends when the squared moves of all centers sum to at most this, times the points' mean
            variance of a feature (scikit-learn's rule); 0 = when no center moves at all.
        spread: mean squared length of the points.
    Returns:
        The centers, the labels by these centers, and the number of iterations.
    """
    limit = tolerance * spread / centers.shape[1]
    labels = torch.empty(len(points.features), dtype=torch.long, device=centers.device)
    iteration, shift = 0, float("inf")
    while iteration < iterations and shift > limit:
        scorer, gathered = Scorer(centers), Sums(len(centers), points)
        for rows, block in points.blocks(len(centers)):
            labels[rows] = scorer.nearest(block)
            gathered.add(block, labels[rows])
        sums, counts = gathered.over_processes()
        if (counts == 0).any():
            feed_starved(points, centers, labels, sums, counts, near=spread)
        moved = means(sums, counts, otherwise=centers)
        shift = float((moved - centers).double().square().sum())
        centers, iteration = moved, iteration + 1
    return Settled(centers, labels if shift == 0 else nearest(points, centers), iteration)


def inertia(points: Points, settled: Settled) -> float:
    """Return the sum of squared distances to the nearest center over the points of all processes."""
    distances = squared_distances(points, settled.centers, settled.labels)
    return float(points.total(distances.sum(dtype=torch.float64)))
