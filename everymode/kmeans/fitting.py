"""The whole of k-means: starts in the directions that matter, the best one polished in all of them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from everymode.kmeans.lloyd import inertia, lloyd
from everymode.kmeans.point_blocks import Gather, Points, Total, around_mean, same
from everymode.kmeans.projection import principal_directions, project
from everymode.kmeans.seeding import seed_centers


class KMeans(NamedTuple):
    """A clustering. Over several processes all but the labels are of all points, and the same in each process."""

    centers: Tensor
    """[K, F] in the features' type."""
    labels: Tensor
    """[N] int64, this process's points: the nearest center, the first of several equally near."""
    counts: Tensor
    """[K] int64: points of each label. Some may be 0 where there are fewer distinct points than clusters."""
    inertia: float
    """Sum of squared distances to the nearest center."""
    spread: float
    """Sum of squared distances to the mean of all points."""
    iterations: int
    """Iterations that were made in all F dimensions."""


@torch.no_grad()
def kmeans(
    features: Tensor,
    k: int,
    *,
    seed: int = 0,
    starts: int = 10,
    initial: Tensor | None = None,
    iterations: int = 300,
    tolerance: float = 1e-4,
    dimensions: int = 64,
    total: Total = same,
    gather: Gather = same,
    block_rows: int | None = None,
) -> KMeans:
    """Cluster features [N, F] (float32 or float64) around K centers.

    Without `initial`, k-means++ and Lloyd's iteration run from several starts on the features' coordinates along their
    `dimensions` principal directions (or all, if there are no more); the start of least inertia is then iterated on in
    full. With `initial` [K, F], only that iteration runs. The result depends on the features and the seed alone, not on
    the device's random numbers.

    A cluster that loses all its points is put on a point that is far from its center. Where there are fewer distinct
    points than clusters, the clusters left over stay where they are, without points.

    Args:
        seed: of the starts' draws and of the search for principal directions.
        starts: runs of k-means++, of which the best is kept.
        iterations: the most that one run makes, on the coordinates and in full.
        tolerance: a run ends when the squared moves of all centers sum to at most this, times the mean variance of a
            feature (scikit-learn's rule); 0 = when no center moves at all.
        total: sums a tensor over processes that hold different points; each passes its own rows.
        gather: the rows of all processes, in the order of ranks. One process with the rows in that order finds the
            same clusters, up to rounding. Only coordinates [N, dimensions] are gathered, not features.
        block_rows: rows that are computed at once; None = as many as suit the device.

    Raises:
        TypeError: for features that are no tensor.
        ValueError: for fewer points than clusters, features that are not finite, or centers that don't fit.
    """
    _require_possible(features, (k, starts, iterations, dimensions, block_rows), tolerance)
    points, number, spread = around_mean(features, total=total, gather=gather, block_rows=block_rows)
    if number < k:
        raise ValueError(
            f"{number} points can't make {k} clusters: ask for fewer clusters, or give more points"
        )
    if initial is None:
        generator = torch.Generator().manual_seed(seed)
        centers = _best_start(points, k, starts, dimensions, generator, iterations, tolerance)
    else:
        _require_centers(initial, (k, features.shape[1]))
        centers = initial.to(features) - points.origin
    settled = lloyd(points, centers, iterations=iterations, tolerance=tolerance, spread=spread)
    return KMeans(
        settled.centers + points.origin,
        settled.labels,
        total(torch.bincount(settled.labels, minlength=k)),
        inertia(points, settled),
        spread * number,
        settled.iterations,
    )


def _require_possible(features: object, counts: tuple[int | None, ...], tolerance: float) -> None:
    if not isinstance(features, Tensor):
        raise TypeError(
            f"features are a torch tensor [N, F], not {type(features).__name__}: torch.as_tensor(features) makes one"
        )
    if min(1 if count is None else count for count in counts) < 1 or tolerance < 0:
        raise ValueError(
            "k, starts, iterations, dimensions and block_rows must be at least 1, and tolerance at least 0, not "
            f"{', '.join(map(str, counts))} and {tolerance}"
        )


def _require_centers(initial: Tensor, shape: tuple[int, int]) -> None:
    if initial.shape != shape or not bool(initial.isfinite().all()):
        raise ValueError(
            f"initial centers must be finite numbers of shape {list(shape)}, not of shape "
            f"{list(initial.shape)}, or not finite: leave them out to start anew"
        )


def _best_start(
    points: Points,
    k: int,
    starts: int,
    dimensions: int,
    generator: torch.Generator,
    iterations: int,
    tolerance: float,
) -> Tensor:
    """[K, F] centers around the points' origin: the best of several runs on the points' leading coordinates."""
    width = points.features.shape[1]
    if width > dimensions:
        directions = principal_directions(points, dimensions, generator)
    else:
        directions = torch.eye(width, dtype=points.features.dtype, device=points.features.device)
    rows = points.gather(project(points, directions))
    coordinates = Points(rows, rows.new_zeros(rows.shape[1]), block_rows=points.block_rows)
    spread = float(rows.square().sum(dtype=torch.float64)) / len(rows)
    best, least = None, float("inf")
    for centers in seed_centers(rows, k, starts, generator):
        settled = lloyd(coordinates, centers, iterations=iterations, tolerance=tolerance, spread=spread)
        cost = inertia(coordinates, settled)
        if best is None or cost < least:
            best, least = settled.centers, cost
    assert best is not None
    # Processes whose matrix products round differently must not go different ways: all take the first one's centers.
    return points.gather(best[None])[0] @ directions.T
