"""Clusters that keep their numbers while the features that they are found in change.

Paper: Liu, Wang, Bau, Zhu, Torralba: Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), equations 2 and 3.
Released: stevliu/self-conditioned-gan:clusterers. Departures: the overlaps of all pairs are
counted in one pass, not in a double loop; an empty cluster takes a far point (there: a random one, and a crash).
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
    """([K, F] mean of the features [N, F] of each label's examples, [K] bool: which labels have none); equation 2.

    The row of a label without examples is an example that is far from its own label's mean: the farthest, the next
    for a second such label, and so on; if none is left (each lies on its label's mean or is its label's last one), it
    is the mean of all examples. Examples with a negative label (UNLABELED) are left out.

    Args:
        total: sums a tensor over processes that hold different rows; the result is then the same in all of them.
        gather: the rows of all these processes, in the order of ranks.

    Raises ValueError if shapes don't fit, a label is K or more, no example has a label, or features are not finite.
    """
    return means_of_clusters(features, labels, k, total=total, gather=gather)


def match_clusters(old: Tensor, new: Tensor, k: int) -> tuple[Tensor, int]:
    """([K] int64 the old cluster whose number each new one takes, cost), a permutation of least cost; equation 3.

    The cost is the number of examples that change their number: N minus the overlap of the matched clusters. The
    paper's cost of a pair, the examples of the old cluster that the new one lacks, has the same optimum. Examples
    that are UNLABELED (any negative number) on either side have no say, and are not among the N. Of several optima
    one is returned, always the same.

    Args:
        old, new: [N] clusters 0..K - 1 of the same examples.

    Raises ValueError if the lengths differ, a number is K or more, or they aren't whole numbers.
    """
    if old.dim() != 1 or old.shape != new.shape:
        raise ValueError(
            f"old and new clusters must be of the same examples, shape [N] each, not {list(old.shape)} and "
            f"{list(new.shape)}"
        )
    if k < 1:
        raise ValueError(f"there are {k} clusters to match: give k of 1 or more")
    if len(old) and (old.is_floating_point() or new.is_floating_point()):
        raise ValueError(f"clusters are whole numbers, not {old.dtype} and {new.dtype}")
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
