"""Agreement of clusters with classes: normalized mutual information, purity, adjusted Rand index, matched accuracy.

Each metric takes one integer per sample on either side. Only the grouping matters, not the integers, which need not be
contiguous. Negative integers are rejected, since they mark unlabeled rows.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import entr

from everymode.metrics.inputs import Values, row_labels


def contingency(clusters: Values, classes: Values) -> np.ndarray:
    """Count the samples in each cluster and class, int64 [clusters that occur, classes that occur].

    Raises:
        ValueError: if there is no sample, lengths differ, or an integer is negative.
    """
    first = row_labels("clusters", clusters)
    second = row_labels("classes", classes, rows=len(first))
    if len(first) == 0:
        raise ValueError("clusters and classes are empty; at least one sample is needed")
    for name, labels in (("clusters", first), ("classes", second)):
        if labels.min() < 0:
            raise ValueError(f"{name} holds {labels.min()}: remove unlabeled rows from both, then call again")
    _, rows = np.unique(first, return_inverse=True)
    distinct, columns = np.unique(second, return_inverse=True)
    cells = np.bincount(rows * len(distinct) + columns, minlength=(rows.max() + 1) * len(distinct))
    return cells.reshape(-1, len(distinct))


def nmi(clusters: Values, classes: Values) -> float:
    """Compute normalized mutual information 2 I / (H(clusters) + H(classes)), 0 to 1.

    This is scikit-learn's arithmetic normalization, which Self-Conditioned GAN uses; it is 1 if both sides are a single
    group.
    """
    shares = contingency(clusters, classes) / len(clusters)
    rows, columns, joint = (float(entr(part).sum()) for part in (shares.sum(1), shares.sum(0), shares))
    if rows + columns == 0:
        return 1.0
    return float(np.clip(2 * (rows + columns - joint) / (rows + columns), 0.0, 1.0))


def purity(clusters: Values, classes: Values, *, inverse: bool = False) -> float:
    """Compute the share of samples in the most frequent class of their cluster, (1 / N) sum_k max_c n_kc, in (0, 1].

    Args:
        inverse: whether to compute the share in the most frequent cluster of their class instead. Self-Conditioned
            GAN's paper prints the first formula, but its table 5 was computed by the second.
    """
    table = contingency(clusters, classes)
    return float(table.max(0 if inverse else 1).sum() / table.sum())


def adjusted_rand(clusters: Values, classes: Values) -> float:
    """Compute the adjusted Rand index (Hubert and Arabie 1985): 1 for equal groupings, 0 on average for random ones."""
    table = contingency(clusters, classes)

    def pairs(counts: np.ndarray) -> int:
        return sum(int(count) * (int(count) - 1) // 2 for count in counts.ravel())

    both, rows, columns, total = (
        pairs(part) for part in (table, table.sum(1), table.sum(0), np.array([table.sum()]))
    )
    # Multiplied by 2 * total, so that both stay integers.
    numerator, denominator = (
        2 * (both * total - rows * columns),
        (rows + columns) * total - 2 * rows * columns,
    )
    return 1.0 if denominator == 0 else numerator / denominator


def matched_accuracy(clusters: Values, classes: Values) -> float:
    """Compute the accuracy of the best one-to-one matching of clusters to classes (Hungarian algorithm), 0 to 1.

    If their numbers differ, samples of unmatched clusters or classes count as wrong.
    """
    table = contingency(clusters, classes)
    return float(table[linear_sum_assignment(table, maximize=True)].sum() / table.sum())
