"""The mean of every cluster, and a new place for clusters without a point."""

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
    """([K, F] mean of the features [N, F] with each label [N], [K] bool: which clusters have none).

    A cluster without a point is put on a point that is far from its own cluster's mean: the farthest, the next for a
    second such cluster, and so on; if none is left (each lies on its cluster's mean or is its cluster's last one), on
    the mean of all points. Points with a negative label (UNLABELED) are left out of all that.

    Args:
        total: sums a tensor over processes that hold different points; the result is then the same in all of them.
        gather: the rows of all these processes.

    Raises ValueError if shapes don't fit, a label is K or more, or no point has a label.
    """
    if labels.shape != features.shape[:1] or labels.is_floating_point():
        raise ValueError(
            f"labels must be whole numbers of shape [N], one for each row of features {list(features.shape)}, not "
            f"{labels.dtype} of shape {list(labels.shape)}"
        )
    labels = labels.to(features.device, torch.long)
    if len(labels) and int(labels.max()) >= k:
        raise ValueError(f"labels must be below the {k} clusters, and one is {int(labels.max())}")
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
    """([K, F] centers, [K] bool: which have moved): the `empty` [K] bool are put on points far from their own center.

    They take the farthest of the features [N, F] first, as in `means_of_clusters`; where there are too few points that
    can be told from their center, some stay where they are.

    Args:
        total, gather: as in `means_of_clusters`.
    """
    points, _, spread = around_mean(features, total=total, gather=gather)
    around = (centers - points.origin).to(points.features.dtype)
    labels = nearest(points, around)
    gathered = Sums(len(centers), points)
    for rows, block in points.blocks():
        gathered.add(block, labels[rows])
    sums, counts = gathered.over_processes()
    feed_starved(points, around, labels, sums, counts, near=spread)
    fed = empty & (counts > 0)
    return torch.where(fed[:, None], means(sums, counts, otherwise=around) + points.origin, centers), fed


class Sums:
    """Sums [K, F] and sizes [K] of clusters, in double precision."""

    def __init__(self, k: int, points: Points) -> None:
        width = points.features.shape[1]
        self._total = points.total
        self._sums = points.features.new_zeros(k, width + 1, dtype=torch.float64)

    def add(self, block: Tensor, labels: Tensor) -> None:
        """Add points [b, F] to the clusters that labels [b] name."""
        sizes = torch.bincount(labels, minlength=len(self._sums))
        order = labels.argsort(stable=True)
        self._sums[:, :-1] += F.embedding_bag(order, block, sizes.cumsum(0) - sizes, mode="sum")
        self._sums[:, -1] += sizes

    def over_processes(self) -> tuple[Tensor, Tensor]:
        """([K, F] sums, [K] sizes) of all processes, float64."""
        everything = self._total(self._sums)
        return everything[:, :-1].clone(), everything[:, -1].clone()


def means(sums: Tensor, counts: Tensor, *, otherwise: Tensor) -> Tensor:
    """[K, F] in the type of `otherwise`, whose rows stand where a cluster has no point."""
    found = (sums / counts.clamp(min=1)[:, None]).to(otherwise.dtype)
    return torch.where(counts[:, None] > 0, found, otherwise)


def feed_starved(
    points: Points, centers: Tensor, labels: Tensor, sums: Tensor, counts: Tensor, *, near: float
) -> None:
    """Give every cluster without a point one that is far from its own center, the farthest first, in place.

    The point leaves its old cluster. Not taken are the last point of a cluster, and points that can't be told from
    their center. So with fewer distinct points than clusters, some clusters stay empty.

    Args:
        centers: [K, F], around the points' origin, by which the labels [n] were given.
        sums, counts: of all processes, float64; they are changed.
        near: mean squared length of the points: a squared distance within rounding of it counts as 0.
    """
    starved = (counts == 0).nonzero()[:, 0].tolist()
    distances = squared_distances(points, centers, labels)
    distances = torch.where(counts[labels] > 1, distances, torch.zeros_like(distances))
    # A cluster gives all of its points but one, which may be among the farthest: each that gives is passed over once.
    wanted = 2 * len(starved)
    farthest = distances.argsort(descending=True, stable=True)[:wanted]
    rows = points.features[farthest] - points.origin
    distances, owners, rows = (points.gather(part) for part in (distances[farthest], labels[farthest], rows))
    order = distances.argsort(descending=True, stable=True)[:wanted]
    order = order[distances[order] > near * torch.finfo(distances.dtype).eps]
    sizes = counts.tolist()
    for row, owner in zip(order.tolist(), owners[order].tolist(), strict=True):
        if starved and sizes[owner] > 1:
            cluster = starved.pop(0)
            sizes[owner], sizes[cluster] = sizes[owner] - 1, 1
            sums[owner] -= rows[row]
            sums[cluster] = rows[row]
    counts.copy_(counts.new_tensor(sizes))
