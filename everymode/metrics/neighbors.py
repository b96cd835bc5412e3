"""Nearest-neighbor balls around feature vectors: their radii, and the points they contain, with exact comparisons.

Distances come from matrix products, which round: the same pair can have different values in two tiles, and a point's
distance to its own copy can differ from 0. So each comparison that rounding could reverse is repeated with a distance
computed from differences, whose value depends on the pair alone. Two points whose squared distance is below the
rounding error of the matrix product, 4 (F + 4) epsilon (|x|^2 + |y|^2) with lengths measured from the mean of the real
points, count as one point: their distance is 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from everymode.metrics.inputs import tiles


class Points(NamedTuple):
    """Feature vectors [N, F] in their own dtype, the origin [F] of computations, and squared lengths [N] from it."""

    rows: Tensor
    origin: Tensor
    squared: Tensor

    def tile(self, part: slice | Tensor) -> Tensor:
        """Return some rows in float64, relative to the origin."""
        return self.rows[part].double() - self.origin


def points_around(rows: Tensor, origin: Tensor) -> Points:
    """Build points with their squared lengths from the origin.

    Raises:
        ValueError: if a squared length overflows.
    """
    squared = torch.cat([(rows[part].double() - origin).square().sum(1) for part in tiles(*rows.shape)])
    if not torch.isfinite(squared).all():
        raise ValueError(
            "the features are too large for float64 when squared; scale both sides down by the same factor"
        )
    return Points(rows, origin, squared)


def point_pair(real: Tensor, fake: Tensor) -> tuple[Points, Points]:
    """Build both sides' points relative to the mean of the real rows, which keeps lengths and hence rounding small."""
    total = torch.zeros(real.shape[1], dtype=torch.float64)
    for part in tiles(*real.shape):
        total += real[part].double().sum(0)
    return points_around(real, total / len(real)), points_around(fake, total / len(real))


def squared_radii(points: Points, k: int) -> Tensor:
    """Return the squared distance of each point to its k-th nearest other point, float64 [N]; k < N."""
    result = torch.empty(len(points.rows), dtype=torch.float64)
    farthest = points.squared.max()
    for part in tiles(len(points.rows), len(points.rows)):
        distances, _ = _squared_distances(points, part, points)
        distances[torch.arange(len(distances)), torch.arange(part.start, part.stop)] = torch.inf
        radii = distances.kthvalue(k, dim=1).values
        margin = 2 * _margin(points) * (points.squared[part] + farthest)
        # Recompute the distances of all neighbors that rounding could have swapped with the k-th.
        near = (distances - radii[:, None]).abs_() <= margin[:, None]
        near &= distances > 0
        near &= (radii > 0)[:, None]
        closer = ((distances < radii[:, None]) & ~near).sum(1)
        rows, columns = near.nonzero(as_tuple=True)
        exact = _exact(points, rows + part.start, points, columns)
        order = np.lexsort((exact.numpy(), rows.numpy()))
        starts = near.sum(1).cumsum(0) - near.sum(1)
        positive = radii > 0
        position = (starts + k - 1 - closer)[positive]
        radii[positive] = exact[torch.from_numpy(order)[position]]
        result[part] = radii
    return result


def inside_balls(centers: Points, radii: Tensor, others: Points) -> Iterator[tuple[slice, Tensor]]:
    """Iterate over tiles of the centers; yield a slice and a mask [n, M], True if a closed ball contains a point.

    Args:
        radii: squared radii of the balls, [N].
        others: M points.
    """
    for part in tiles(len(centers.rows), len(others.rows)):
        distances, margin = _squared_distances(centers, part, others)
        limit = radii[part, None]
        inside = distances <= limit
        unsure = ((distances - limit).abs_() <= margin) & (distances > 0) & (limit > 0)
        rows, columns = unsure.nonzero(as_tuple=True)
        exact = _exact(centers, rows + part.start, others, columns)
        inside[rows, columns] = exact <= limit[rows, 0]
        yield part, inside


def _squared_distances(first: Points, part: slice, second: Points) -> tuple[Tensor, Tensor]:
    """Return the squared distances [n, M] of some first points to all second ones, and bounds of their rounding."""
    tile = first.tile(part)
    lengths = first.squared[part, None] + second.squared
    distances = torch.empty_like(lengths)
    for columns in tiles(*second.rows.shape):
        torch.mm(tile, second.tile(columns).T, out=distances[:, columns])
    distances.mul_(-2).add_(lengths)
    margin = lengths.mul_(_margin(first))
    distances[distances <= margin] = 0.0
    return distances, margin


def _margin(points: Points) -> float:
    return 4 * (points.rows.shape[1] + 4) * torch.finfo(torch.float64).eps


def _exact(first: Points, rows: Tensor, second: Points, columns: Tensor) -> Tensor:
    """Return the squared distances of pairs [P], given by indices of both sides, computed from differences."""
    width = first.rows.shape[1]
    distances = torch.empty(len(rows), dtype=torch.float64)
    for part in tiles(len(rows), 4 * width):
        difference = first.rows[rows[part]].double() - second.rows[columns[part]].double()
        distances[part] = difference.square_().sum(1)
    return distances
