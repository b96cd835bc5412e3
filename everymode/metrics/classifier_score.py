"""Inception score (Salimans et al. 2016): exp of the mean KL divergence of each prediction from the mean prediction.

On the probabilities of any other classifier than TensorFlow's 2015 Inception it is a classifier score: name it so.
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
"""How far the probabilities of a row may add up to something else than 1 (half precision comes near 0.005)."""


def inception_score(
    probabilities: Values, *, splits: int = 10, shuffle: bool = True, seed: int = 2020
) -> tuple[float, float]:
    """Mean and population std of the score over the splits, as torch-fidelity computes it.

    Args:
        probabilities: [N, K], at least 0; rows are divided by their sum, which must be 1 to within 0.01.
        splits: groups of rows. Every row is used: group i is rows i N // splits to (i + 1) N // splits, so that sizes
            differ by one at most.
        shuffle: permute the rows by numpy's RandomState(seed) first; rows sorted by class score far too low otherwise.

    Returns:
        From 1 (every prediction the same) to K (sure, and all classes alike).

    Raises:
        ValueError: for logits in place of probabilities, NaN, or more splits than rows.
    """
    rows = feature_rows("probabilities", probabilities, least=1)
    for part in tiles(*rows.shape):
        piece = rows[part].double()
        if (piece < 0).any() or ((piece.sum(1) - 1).abs() > _SUM_TOLERANCE).any():
            raise ValueError(
                "probabilities must be at least 0 and add up to 1 in every row; "
                "for raw class scores call inception_score_from_logits"
            )
    return _scores(rows, splits, shuffle, seed, lambda piece: piece / piece.sum(1, keepdim=True))


def inception_score_from_logits(
    logits: Values, *, splits: int = 10, shuffle: bool = True, seed: int = 2020
) -> tuple[float, float]:
    """The same score from class scores before the softmax, [N, K]; the softmax is taken in float64."""
    rows = feature_rows("logits", logits, least=1)
    return _scores(rows, splits, shuffle, seed, lambda piece: piece.softmax(1))


def _scores(
    rows: Tensor, splits: int, shuffle: bool, seed: int, normalized: Callable[[Tensor], Tensor]
) -> tuple[float, float]:
    count = len(rows)
    if not 1 <= splits <= count:
        raise ValueError(f"splits is {splits} for {count} rows; it must be from 1 to the number of rows")
    order = np.random.RandomState(seed).permutation(count) if shuffle else np.arange(count)
    edges = [i * count // splits for i in range(splits + 1)]
    found = []
    for start, stop in pairwise(edges):
        chosen = torch.from_numpy(order[start:stop])
        total, entropy = torch.zeros(rows.shape[1], dtype=torch.float64), 0.0
        for part in tiles(len(chosen), rows.shape[1]):
            piece = normalized(rows[chosen[part]].double())
            total += piece.sum(0)
            entropy += float(torch.special.entr(piece).sum())
        marginal = float(torch.special.entr(total / len(chosen)).sum())
        # The mean KL divergence from the mean prediction is the mean's entropy less the mean entropy: never negative.
        found.append(math.exp(max(0.0, marginal - entropy / len(chosen))))
    return float(np.mean(found)), float(np.std(found))
