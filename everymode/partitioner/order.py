"""Rows of each step's batch: one permutation of the dataset after another, a function of the seed and the step."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from everymode.draws import stable_seed

__all__ = ["rows_of_step"]


def rows_of_step(step: int, batch: int, total: int, *, seed: int, stage: str) -> np.ndarray:
    """Return a step's rows, int64 [batch] in 0 .. total - 1; every row occurs once before any occurs again."""
    epochs, positions = np.divmod(np.arange(step * batch, (step + 1) * batch), total)
    rows = np.empty(batch, np.int64)
    for epoch in np.unique(epochs):
        members = epochs == epoch
        rows[members] = _shuffled(total, stable_seed(seed, "partitioner", stage, epoch))[positions[members]]
    return rows


@lru_cache(maxsize=4)
def _shuffled(total: int, seed: int) -> np.ndarray:
    return np.random.default_rng(np.random.Philox(key=seed)).permutation(total)
