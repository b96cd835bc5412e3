"""Reservoir sampling of k rows from a stream of unknown length (bottom-k sampling by random keys).

Row i has a key that is a function of (seed, i), and the k rows with the smallest keys are selected. So the selection
does not depend on how the stream is cut into batches, and every subset of k rows is equally likely.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from everymode.draws import Draws, Rows

__all__ = ["Reservoir", "random_rows", "row_keys"]


def row_keys(seed: int, start: int, stop: int) -> Tensor:
    """Return the float64 keys in [0, 1) of rows start .. stop - 1."""
    return Draws(seed, "reservoir", Rows(start, stop, stop), dtype=torch.float64).uniform("key").flatten()


def random_rows(count: int, total: int, seed: int) -> Tensor:
    """Return the rows of 0 .. total - 1, ascending, that a reservoir of `count` rows selects; at most `total` rows."""
    if count >= total:
        return torch.arange(total)
    return row_keys(seed, 0, total).argsort(stable=True)[:count].sort().values


class Reservoir:
    """Random selection of at most `capacity` rows from several columns of equal length, in stream order.

    Args:
        capacity: number of selected rows; while reading, up to a quarter more are held in memory.
        seed: seed of the selection.

    Raises:
        ValueError: if `capacity` is below 1.
    """

    def __init__(self, capacity: int, seed: int = 0) -> None:
        if capacity < 1:
            raise ValueError(f"the capacity of a reservoir must be at least 1 row, not {capacity}")
        self.capacity = capacity
        self.seed = seed
        self.seen = 0
        self._held: list[dict[str, Tensor]] = []
        self._count = 0
        self._bound = 1.0

    def offer(self, columns: Mapping[str, Tensor]) -> None:
        """Read the next n rows: each column is [n, ...], and every call has the same column names.

        Raises:
            ValueError: if the columns have different lengths.
        """
        lengths = {len(column) for column in columns.values()}
        if len(lengths) != 1:
            raise ValueError(f"columns have {sorted(lengths)} rows; all must have the same number of rows")
        stop = self.seen + lengths.pop()
        keys = row_keys(self.seed, self.seen, stop)
        candidates = (keys < self._bound).nonzero()[:, 0]
        rows = {name: column[candidates] for name, column in columns.items()}
        self._held.append({**rows, "": keys[candidates], "rows": self.seen + candidates})
        self.seen = stop
        self._count += len(candidates)
        if self._count > self.capacity + self.capacity // 4:
            self._drop()

    def kept(self) -> dict[str, Tensor]:
        """Return the selected rows of every column, and "rows": their int64 indices in the stream, ascending."""
        self._drop()
        joined = self._held[0] if self._held else {"rows": torch.zeros(0, dtype=torch.int64)}
        return {name: column for name, column in joined.items() if name != ""}

    def _drop(self) -> None:
        if not self._held:
            return
        names = list(self._held[0])
        # Each column's batches are freed once they are joined, so memory never holds all columns twice.
        joined = {name: torch.cat([batch.pop(name) for batch in self._held]) for name in names}
        keys = joined[""]
        if len(keys) > self.capacity:
            smallest = keys.argsort(stable=True)[: self.capacity].sort().values
            for name in names:
                joined[name] = joined[name][smallest]
            self._bound = float(joined[""].max())
        self._held = [joined]
        self._count = len(joined[""])
