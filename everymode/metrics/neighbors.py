"""Nearest-neighbor balls around feature vectors: their radii, and which points lie in them, ties decided exactly.

Distances come from matrix products, which round: the same pair can get two values in two tiles, and a point's distance
to its own copy can differ from 0. So a comparison that rounding could turn is made again on the distance computed from
the differences, whose value depends on the pair alone. Two points whose squared distance is below the rounding error
of the matrix product, 4 (F + 4) epsilon (|x|^2 + |y|^2) with lengths from the mean of the real points, are one point:
their distance is 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from everymode.metrics.inputs import tiles


class Points(NamedTuple):
    """Feature vectors [N, F] in their own type, the origin [F] that distances are computed around, lengths^2 [N]."""

    rows: Tensor
    origin: Tensor
    squared: Tensor

    def tile(self, part: slice | Tensor) -> Tensor:
        """Some rows in float64, around the origin."""
        return self.rows[part].double() - self.origin


def points_around(rows: Tensor, origin: Tensor) -> Points:
    """Points with their squared lengths from the origin. Raises ValueError where those overflow."""
    squared = torch.cat([(rows[part].double() - origin).square().sum(1) for part in tiles(*rows.shape)])
    if not torch.isfinite(squared).all():
        raise ValueError(
            "the features are too large for float64 when squared; scale both sides down by one number"
        )
    return Points(rows, origin, squared)


def point_pair(real: Tensor, fake: Tensor) -> tuple[Points, Points]:
    """Both sides around the mean of the real rows, which keeps lengths, and so rounding, small."""
    total = torch.zeros(real.shape[1], dtype=torch.float64)
    for part in tiles(*real.shape):
        total += real[part].double().sum(0)
    return points_around(real, total / len(real)), points_around(fake, total / len(real))


def squared_radii(points: Points, k: int) -> Tensor:
    """Squared distance of each point to its k-th nearest neighbor, itself not counted; float64 [N], k < N."""
    found = torch.empty(len(points.rows), dtype=torch.float64)
    farthest = points.squared.max()
    for part in tiles(len(points.rows), len(points.rows)):
        distances, _ = _squared_distances(points, part, points)
        distances[torch.arange(len(distances)), torch.arange(part.start, part.stop)] = torch.inf
        radii = distances.kthvalue(k, dim=1).values
        margin = 2 * _margin(points) * (points.squared[part] + farthest)
        # All neighbors that rounding could have swapped with the k-th, by their own distances.
        near = (distances - radii[:, None]).abs_() <= margin[:, None]
        near &= distances > 0
        near &= (radii > 0)[:, None]
        closer = ((distances < radii[:, None]) & ~near).sum(1)
        rows, columns = near.nonzero(as_tuple=True)
        exact = _exact(points, rows + part.start, points, columns)
        order = np.lexsort((exact.numpy(), rows.numpy()))
        starts = near.sum(1).cumsum(0) - near.sum(1)
        moved = radii > 0
        place = (starts + k - 1 - closer)[moved]
        radii[moved] = exact[torch.from_numpy(order)[place]]
        found[part] = radii
    return found


def inside_balls(centers: Points, radii: Tensor, others: Points) -> Iterator[tuple[slice, Tensor]]:
    """For tiles of the centers: bool [n, M], which of the other points lie in or on each ball of squared radius [N]."""
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
    """Squared distances [n, M] of some of the first points to all second ones, and the rounding error of each."""
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
    """Squared distances of listed pairs [P] from their differences."""
    width = first.rows.shape[1]
    found = torch.empty(len(rows), dtype=torch.float64)
    for part in tiles(len(rows), 4 * width):
        difference = first.rows[rows[part]].double() - second.rows[columns[part]].double()
        found[part] = difference.square_().sum(1)
    return found
