"""Complete k-means: several starts on the leading principal coordinates, the best one refined on all features."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from everymode.kmeans.lloyd import inertia, lloyd
from everymode.kmeans.point_blocks import Gather, Points, Total, around_mean, same
from everymode.kmeans.projection import principal_directions, project
from everymode.kmeans.seeding import seed_centers


class KMeans(NamedTuple):
    """A clustering. With several processes everything but the labels covers all points and is equal in all of them."""

    centers: Tensor
    """[K, F] in the features' dtype."""
    labels: Tensor
    """[N] int64: index of the nearest center of each of this process's points; ties go to the lowest index."""
    counts: Tensor
    """[K] int64: number of points of each label; some are 0 if there are fewer distinct points than clusters."""
    inertia: float
    """Sum of squared distances to the nearest center."""
    spread: float
    """Sum of squared distances to the mean of all points."""
    iterations: int
    """Number of iterations in all F dimensions."""


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
    """Cluster features around k centers.

    Without `initial`, k-means++ and Lloyd's iteration run from several starts on the features' coordinates along their
    leading principal directions; Lloyd's iteration on all features then refines the result of lowest inertia. With
    `initial`, only the latter runs. The result depends on the features and the seed alone, not on the device's random
    numbers.

    A cluster that loses all its points moves to a point far from that point's center. If there are fewer distinct
    points than clusters, the remaining clusters stay unchanged, without points.

    Args:
        features: [N, F], float32 or float64.
        k: number of clusters.
        seed: seed of the starts and of the search for principal directions.
        starts: runs of k-means++, of which the best is selected.
        initial: initial centers [K, F]; None draws them.
        iterations: maximum number of iterations of each run, on the coordinates and on all features.
        tolerance: a run ends when the squared moves of all centers sum to at most this, times the mean variance of a
            feature (scikit-learn's rule); 0 = when no center moves at all.
        dimensions: number of principal directions; with at most as many features all of them are used.
        total: function that sums a tensor over processes that hold different points; each passes its own rows.
        gather: function that returns the rows of all processes in the order of ranks. A single process with the rows
            in that order finds the same clusters up to rounding. Only coordinates [N, dimensions] are gathered, not
            features.
        block_rows: rows computed at once; None = chosen by the device.
    Returns:
        The clustering.
    Raises:
        TypeError: if features are not a tensor.
        ValueError: if there are fewer points than clusters, features are not finite, or centers don't fit.
    """
    _require_possible(features, (k, starts, iterations, dimensions, block_rows), tolerance)
    points, count, spread = around_mean(features, total=total, gather=gather, block_rows=block_rows)
    if count < k:
        raise ValueError(
            f"{count} points can't make {k} clusters: choose fewer clusters, or provide more points"
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
        spread * count,
        settled.iterations,
    )


def _require_possible(features: object, counts: tuple[int | None, ...], tolerance: float) -> None:
    if not isinstance(features, Tensor):
        raise TypeError(
            f"features must be a torch tensor [N, F], not {type(features).__name__}: call torch.as_tensor(features)"
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
            f"{list(initial.shape)}, or not finite: omit them to start from scratch"
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
    """Return the centers [K, F], relative to the origin, of the best of several runs on the leading coordinates."""
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
    # Matrix products may round differently in each process; all use the centers of rank 0, so that they stay equal.
    return points.gather(best[None])[0] @ directions.T
