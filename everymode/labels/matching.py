"""Cluster indices that stay consistent while the clustered features change.

Paper: Liu, Wang, Bau, Zhu, Torralba: Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), equations 2 and 3.
Released: stevliu/self-conditioned-gan:clusterers. Departures: the overlaps of all pairs are counted in one pass, not in
a double loop; an empty cluster takes a far point (there: a random one, and a crash).
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from everymode.kmeans import Gather, Total, means_of_clusters, same


def induced_means(
    features: Tensor, labels: Tensor, k: int, *, total: Total = same, gather: Gather = same
) -> tuple[Tensor, Tensor]:
    """Compute the mean of the features of each label's examples (equation 2).

    A label without examples receives an example that is far from that example's own label's mean: the farthest one,
    the next farthest for a second such label, and so on. If no example is left (each lies on its label's mean or is
    the only one of its label), it receives the mean of all examples. Examples with a negative label (UNLABELED) are
    ignored.

    Args:
        features: [N, F].
        labels: integers [N].
        k: number of labels.
        total: function that sums a tensor over processes that hold different rows; the result is then equal in all.
        gather: function that returns the rows of all these processes, in the order of ranks.
    Returns:
        The means [K, F], and a mask [K] bool, True for labels without examples.
    Raises:
        ValueError: if shapes don't fit, a label is k or more, no example has a label, or features are not finite.
    """
    return means_of_clusters(features, labels, k, total=total, gather=gather)


def match_clusters(old: Tensor, new: Tensor, k: int) -> tuple[Tensor, int]:
    """Match new clusters to old ones by a permutation of lowest cost (equation 3).

    The cost is the number of examples that change their cluster: N minus the overlap of the matched clusters. The
    paper's cost of a pair, the examples of the old cluster that the new one lacks, has the same optimum. Examples that
    are UNLABELED (any negative number) on either side are ignored, also in N. If there are several optima, the result
    is deterministic.

    Args:
        old, new: clusters 0..K - 1 of the same examples, integers [N].
        k: number of clusters.
    Returns:
        The old cluster whose index each new one takes, [K] int64, and the cost.
    Raises:
        ValueError: if the lengths differ, a cluster is k or more, or clusters aren't integers.
    """
    if old.dim() != 1 or old.shape != new.shape:
        raise ValueError(
            f"old and new clusters must be of the same examples, shape [N] each, not {list(old.shape)} and "
            f"{list(new.shape)}"
        )
    if k < 1:
        raise ValueError(f"k is {k}: there must be at least 1 cluster to match")
    if len(old) and (old.is_floating_point() or new.is_floating_point()):
        raise ValueError(f"clusters must be integers, not {old.dtype} and {new.dtype}")
    device = new.device
    old, new = old.cpu().long(), new.cpu().long()
    known = (old >= 0) & (new >= 0)
    old, new = old[known], new[known]
    if len(old) and max(int(old.max()), int(new.max())) >= k:
        raise ValueError(
            f"clusters must be numbered 0..{k - 1}, and one is {max(int(old.max()), int(new.max()))}"
        )
    overlap = torch.bincount(new * k + old, minlength=k * k).view(k, k).numpy()
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    cost = len(old) - int(overlap[rows, columns].sum())
    return torch.from_numpy(np.asarray(columns, dtype=np.int64)).to(device), cost
