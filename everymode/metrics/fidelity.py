"""Fidelity and coverage from nearest-neighbor balls: precision and recall, density and coverage.

Precision and recall: Kynkaanniemi et al. 2019, eq. 1 and 2. Density and coverage: Naeem et al. 2020, eq. 4 and 5. A
ball's radius is the distance of its center to the k-th nearest neighbor on its own side; balls are closed (distance <=
radius).

Identical fakes have balls of radius 0. Recall is then the share of real points equal to that point (usually 0),
precision is 1 if the point lies in some real ball and 0 otherwise, and density counts the real balls that contain it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from everymode.metrics.inputs import Values, feature_pair
from everymode.metrics.neighbors import Points, inside_balls, point_pair, squared_radii


class PrecisionRecall(NamedTuple):
    """Share of fakes in some real ball, and share of real points in some fake ball; 0 to 1."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Mean number of real balls around a fake, over k (about 1 for equal sets); share of real balls with a fake."""

    density: float
    coverage: float


def precision_recall(real: Values, fake: Values, k: int = 3) -> PrecisionRecall:
    """Compute improved precision and recall of fake [M, F] against real [N, F] features.

    Both depend on N, M and k: report these with the results.

    Raises:
        ValueError: if there is NaN, the numbers of features differ, or k is not below the number of rows of each side.
    """
    real, fake = feature_pair(real, fake)
    _check_k("real", k, len(real))
    _check_k("fake", k, len(fake))
    real_points, fake_points = point_pair(real, fake)
    return PrecisionRecall(
        precision=_share_reached(real_points, k, fake_points),
        recall=_share_reached(fake_points, k, real_points),
    )


def density_coverage(real: Values, fake: Values, k: int = 5) -> DensityCoverage:
    """Compute density and coverage of fake [M, F] against real [N, F] features; only the real side has balls.

    Raises:
        ValueError: if there is NaN, the numbers of features differ, or k is not below the number of real rows.
    """
    real, fake = feature_pair(real, fake)
    _check_k("real", k, len(real))
    real_points, fake_points = point_pair(real, fake)
    hits, covered = 0, 0
    for _, inside in inside_balls(real_points, squared_radii(real_points, k), fake_points):
        hits += int(inside.sum())
        covered += int(inside.any(1).sum())
    return DensityCoverage(hits / (k * len(fake)), covered / len(real))


def _share_reached(centers: Points, k: int, others: Points) -> float:
    reached = torch.zeros(len(others.rows), dtype=torch.bool)
    for _, inside in inside_balls(centers, squared_radii(centers, k), others):
        reached |= inside.any(0)
    return _share(reached)


def _share(flags: Tensor) -> float:
    return int(flags.sum()) / len(flags)


def _check_k(name: str, k: int, rows: int) -> None:
    if not 1 <= k < rows:
        raise ValueError(
            f"k is {k} and {name} has {rows} rows; k must be at least 1 and below the number of rows"
        )
