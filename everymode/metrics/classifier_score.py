"""Inception score (Salimans et al. 2016): exp of the mean KL divergence of each prediction from the mean prediction.

Computed from any classifier other than TensorFlow's 2015 Inception, report it as a classifier score.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from everymode.metrics.inputs import Values, feature_rows, tiles

_SUM_TOLERANCE = 0.01
"""Largest deviation of a row's sum from 1 (half precision comes near 0.005)."""


def inception_score(
    probabilities: Values, *, splits: int = 10, shuffle: bool = True, seed: int = 2020
) -> tuple[float, float]:
    """Compute the inception score's mean and population std over splits, as torch-fidelity does.

    Args:
        probabilities: [N, K], at least 0; rows are divided by their sum, which must be 1 to within 0.01.
        splits: number of groups of rows. Every row is used: group i is rows i N // splits to (i + 1) N // splits, so
            that sizes differ by at most one.
        shuffle: whether to permute the rows first; otherwise rows sorted by class score far too low.
        seed: seed of numpy's RandomState for the permutation.
    Returns:
        Mean and std. The mean is between 1 (all predictions equal) and K (certain predictions, balanced classes).
    Raises:
        ValueError: if rows are not probabilities (logits, for example) or hold NaN, or splits is not in 1 .. N.
    """
    rows = feature_rows("probabilities", probabilities, least=1)
    for part in tiles(*rows.shape):
        tile = rows[part].double()
        if (tile < 0).any() or ((tile.sum(1) - 1).abs() > _SUM_TOLERANCE).any():
            raise ValueError(
                "probabilities must be at least 0 and add up to 1 in every row; "
                "for raw class scores call inception_score_from_logits"
            )
    return _scores(rows, splits, shuffle, seed, lambda tile: tile / tile.sum(1, keepdim=True))


def inception_score_from_logits(
    logits: Values, *, splits: int = 10, shuffle: bool = True, seed: int = 2020
) -> tuple[float, float]:
    """Compute `inception_score` from logits [N, K]; the softmax is taken in float64."""
    rows = feature_rows("logits", logits, least=1)
    return _scores(rows, splits, shuffle, seed, lambda tile: tile.softmax(1))


def _scores(
    rows: Tensor, splits: int, shuffle: bool, seed: int, normalized: Callable[[Tensor], Tensor]
) -> tuple[float, float]:
    count = len(rows)
    if not 1 <= splits <= count:
        raise ValueError(f"splits is {splits} for {count} rows; it must be from 1 to the number of rows")
    order = np.random.RandomState(seed).permutation(count) if shuffle else np.arange(count)
    edges = [i * count // splits for i in range(splits + 1)]
    scores = []
    for start, stop in pairwise(edges):
        indices = torch.from_numpy(order[start:stop])
        total, entropy = torch.zeros(rows.shape[1], dtype=torch.float64), 0.0
        for part in tiles(len(indices), rows.shape[1]):
            tile = normalized(rows[indices[part]].double())
            total += tile.sum(0)
            entropy += float(torch.special.entr(tile).sum())
        marginal = float(torch.special.entr(total / len(indices)).sum())
        # The mean KL divergence from the mean prediction is the mean's entropy minus the mean entropy: never negative.
        scores.append(math.exp(max(0.0, marginal - entropy / len(indices))))
    return float(np.mean(scores)), float(np.std(scores))
