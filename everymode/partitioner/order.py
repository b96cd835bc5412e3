"""Which images each step sees: one shuffling after another, as a function of the seed and the step."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from everymode.draws import stable_seed

__all__ = ["rows_of_step"]


def rows_of_step(step: int, batch: int, total: int, *, seed: int, stage: str) -> np.ndarray:
    """Rows int64 [batch] in 0 .. total - 1; every image comes once before any comes again."""
    wanted = np.arange(step * batch, (step + 1) * batch)
    rounds, places = np.divmod(wanted, total)
    rows = np.empty(batch, np.int64)
    for each in np.unique(rounds):
        mine = rounds == each
        rows[mine] = _shuffled(total, stable_seed(seed, "partitioner", stage, each))[places[mine]]
    return rows


@lru_cache(maxsize=4)
def _shuffled(total: int, seed: int) -> np.ndarray:
    return np.random.default_rng(np.random.Philox(key=seed)).permutation(total)
