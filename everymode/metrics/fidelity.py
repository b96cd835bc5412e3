"""Fidelity and coverage from nearest-neighbor balls: precision and recall, density and coverage.

Precision and recall: Kynkaanniemi et al. 2019, eq. 1 and 2. Density and coverage: Naeem et al. 2020, eq. 4 and 5. A
ball reaches to its center's k-th nearest neighbor on its own side, and its surface belongs to it (distance <= radius).

Constant fakes have balls of radius 0: recall is then the share of real points equal to that one point (0 as a rule),
precision is 1 if it lies in some real ball and 0 otherwise, density counts the real balls it lies in.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from everymode.metrics.inputs import Values, feature_pair
from everymode.metrics.neighbors import Points, inside_balls, point_pair, squared_radii


class PrecisionRecall(NamedTuple):
    """Share of fakes in the reach of the real points, and of real points in the reach of the fakes; 0 to 1."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Real balls around a fake over k, averaged (0 up, about 1 for equal sets); share of real balls with a fake."""

    density: float
    coverage: float


def precision_recall(real: Values, fake: Values, k: int = 3) -> PrecisionRecall:
    """Improved precision and recall of real [N, F] and fake [M, F]; both depend on N, M and k: report them.

    Raises:
        ValueError: for NaN, different numbers of features, or k not below the number of rows of either side.
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
    """Density and coverage of real [N, F] and fake [M, F]; only the real side has balls.

    Raises:
        ValueError: for NaN, different numbers of features, or k not below the number of real rows.
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
