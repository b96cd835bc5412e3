"""Means of clusters, and new centers for clusters without a point."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.kmeans.assignment import nearest, squared_distances
from everymode.kmeans.point_blocks import Gather, Points, Total, around_mean, same


@torch.no_grad()
def means_of_clusters(
    features: Tensor, labels: Tensor, k: int, *, total: Total = same, gather: Gather = same
) -> tuple[Tensor, Tensor]:
    """Compute the mean of the features of each label.

    A cluster without a point receives a point that is far from that point's own cluster's mean: the farthest one, the
    next farthest for a second such cluster, and so on. If no point is left (each lies on its cluster's mean or is the
    only one of its cluster), it receives the mean of all points. Points with a negative label (UNLABELED) are ignored.

    Args:
        features: [N, F].
        labels: integers [N].
        k: number of clusters.
        total: function that sums a tensor over processes that hold different points; the result is then equal in all.
        gather: function that returns the rows of all these processes.
    Returns:
        The means [K, F], and a mask [K] bool, True for clusters without a point.
    Raises:
        ValueError: if shapes don't fit, a label is k or more, or no point has a label.
    """
    if labels.shape != features.shape[:1] or labels.is_floating_point():
        raise ValueError(
            f"labels must be integers of shape [N], one for each row of features {list(features.shape)}, not "
            f"{labels.dtype} of shape {list(labels.shape)}"
        )
    labels = labels.to(features.device, torch.long)
    if len(labels) and int(labels.max()) >= k:
        raise ValueError(f"labels must be below {k}, the number of clusters, and one is {int(labels.max())}")
    if len(labels) and int(labels.min()) < 0:
        features, labels = features[labels >= 0], labels[labels >= 0]
    points, _, spread = around_mean(features, total=total, gather=gather)
    gathered = Sums(k, points)
    for rows, block in points.blocks():
        gathered.add(block, labels[rows])
    sums, counts = gathered.over_processes()
    empty = counts == 0
    centers = means(sums, counts, otherwise=points.origin.new_zeros(k, features.shape[1]))
    if empty.any():
        feed_starved(points, centers, labels, sums, counts, near=spread)
        centers = torch.where(empty[:, None], means(sums, counts, otherwise=centers), centers)
    return centers + points.origin, empty


@torch.no_grad()
def reseed_centers(
    features: Tensor, centers: Tensor, empty: Tensor, *, total: Total = same, gather: Gather = same
) -> tuple[Tensor, Tensor]:
    """Move the centers of empty clusters to points that are far from their own center, the farthest points first.

    If too few points differ from their center, some of these centers do not move.

    Args:
        features: [N, F].
        centers: [K, F].
        empty: [K] bool, True for the centers to move.
        total, gather: see `means_of_clusters`.
    Returns:
        The new centers [K, F], and a mask [K] bool, True for those that moved.
    """
    points, _, spread = around_mean(features, total=total, gather=gather)
    relative = (centers - points.origin).to(points.features.dtype)
    labels = nearest(points, relative)
    gathered = Sums(len(centers), points)
    for rows, block in points.blocks():
        gathered.add(block, labels[rows])
    sums, counts = gathered.over_processes()
    feed_starved(points, relative, labels, sums, counts, near=spread)
    fed = empty & (counts > 0)
    return torch.where(fed[:, None], means(sums, counts, otherwise=relative) + points.origin, centers), fed


class Sums:
    """Accumulator of the sums [K, F] and sizes [K] of clusters, in float64."""

    def __init__(self, k: int, points: Points) -> None:
        width = points.features.shape[1]
        self._total = points.total
        self._sums = points.features.new_zeros(k, width + 1, dtype=torch.float64)

    def add(self, block: Tensor, labels: Tensor) -> None:
        """Add points [b, F] to the clusters given by labels [b]."""
        sizes = torch.bincount(labels, minlength=len(self._sums))
        order = labels.argsort(stable=True)
        self._sums[:, :-1] += F.embedding_bag(order, block, sizes.cumsum(0) - sizes, mode="sum")
        self._sums[:, -1] += sizes

    def over_processes(self) -> tuple[Tensor, Tensor]:
        """Return the sums [K, F] and sizes [K] over all processes, float64."""
        totals = self._total(self._sums)
        return totals[:, :-1].clone(), totals[:, -1].clone()


def means(sums: Tensor, counts: Tensor, *, otherwise: Tensor) -> Tensor:
    """Return the means [K, F] in the dtype of `otherwise` [K, F], the rows for clusters without a point."""
    quotients = (sums / counts.clamp(min=1)[:, None]).to(otherwise.dtype)
    return torch.where(counts[:, None] > 0, quotients, otherwise)


def feed_starved(
    points: Points, centers: Tensor, labels: Tensor, sums: Tensor, counts: Tensor, *, near: float
) -> None:
    """Move a point that is far from its center to each cluster without a point, the farthest points first.

    The point leaves its old cluster. The only point of a cluster and points equal to their center (up to rounding)
    do not move, so with fewer distinct points than clusters some clusters stay empty.

    Args:
        centers: [K, F], relative to the points' origin.
        labels: int64 [n], the cluster of each point.
        sums, counts: over all processes, float64; updated by in-place operations.
        near: mean squared length of the points; squared distances within rounding of it count as 0.
    """
    starved = (counts == 0).nonzero()[:, 0].tolist()
    distances = squared_distances(points, centers, labels)
    distances = torch.where(counts[labels] > 1, distances, torch.zeros_like(distances))
    # A cluster may give all of its points but one. That one may be among the farthest, so each cluster that gives
    # causes at most one skipped candidate.
    candidates = 2 * len(starved)
    farthest = distances.argsort(descending=True, stable=True)[:candidates]
    rows = points.features[farthest] - points.origin
    distances, owners, rows = (points.gather(part) for part in (distances[farthest], labels[farthest], rows))
    order = distances.argsort(descending=True, stable=True)[:candidates]
    order = order[distances[order] > near * torch.finfo(distances.dtype).eps]
    sizes = counts.tolist()
    for row, owner in zip(order.tolist(), owners[order].tolist(), strict=True):
        if starved and sizes[owner] > 1:
            cluster = starved.pop(0)
            sizes[owner], sizes[cluster] = sizes[owner] - 1, 1
            sums[owner] -= rows[row]
            sums[cluster] = rows[row]
    counts.copy_(counts.new_tensor(sizes))
