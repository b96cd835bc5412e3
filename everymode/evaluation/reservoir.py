"""A fair choice of at most so many rows of a stream whose length need not be known (bottom-k sampling by random keys).

Row i has a key that is a function of (seed, i); the rows with the smallest keys are kept. So how the stream was cut
into batches changes nothing, and every subset of that size is equally likely.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from everymode.draws import Draws, Rows

__all__ = ["Reservoir", "random_rows", "row_keys"]


def row_keys(seed: int, start: int, stop: int) -> Tensor:
    """Float64 keys in [0, 1) of rows start .. stop - 1."""
    return Draws(seed, "reservoir", Rows(start, stop, stop), dtype=torch.float64).uniform("key").flatten()


def random_rows(count: int, total: int, seed: int) -> Tensor:
    """The rows, in ascending order, that a reservoir of `count` keeps of 0 .. total - 1; all where there are fewer."""
    if count >= total:
        return torch.arange(total)
    return row_keys(seed, 0, total).argsort(stable=True)[:count].sort().values


class Reservoir:
    """Keeps at most `capacity` rows of several columns of equal length, in the order in which they came.

    Args:
        capacity: rows kept; while reading, a quarter more may be held.
        seed: of the choice.
    """

    def __init__(self, capacity: int, seed: int = 0) -> None:
        if capacity < 1:
            raise ValueError(f"a reservoir of {capacity} rows keeps nothing; give at least 1")
        self.capacity = capacity
        self.seed = seed
        self.seen = 0
        self._held: list[dict[str, Tensor]] = []
        self._count = 0
        self._bound = 1.0

    def offer(self, columns: Mapping[str, Tensor]) -> None:
        """Read the next rows: every column [n, ...], always under the same names."""
        lengths = {len(column) for column in columns.values()}
        if len(lengths) != 1:
            raise ValueError(f"columns of {sorted(lengths)} rows; all need the same number")
        stop = self.seen + lengths.pop()
        keys = row_keys(self.seed, self.seen, stop)
        chosen = (keys < self._bound).nonzero()[:, 0]
        rows = {name: column[chosen] for name, column in columns.items()}
        self._held.append({**rows, "": keys[chosen], "rows": self.seen + chosen})
        self.seen = stop
        self._count += len(chosen)
        if self._count > self.capacity + self.capacity // 4:
            self._drop()

    def kept(self) -> dict[str, Tensor]:
        """The chosen rows of every column, and "rows": int64, their places in the stream, ascending."""
        self._drop()
        joined = self._held[0] if self._held else {"rows": torch.zeros(0, dtype=torch.int64)}
        return {name: column for name, column in joined.items() if name != ""}

    def _drop(self) -> None:
        if not self._held:
            return
        names = list(self._held[0])
        # Name by name, each source freed as it is joined: no moment holds everything twice.
        joined = {name: torch.cat([part.pop(name) for part in self._held]) for name in names}
        keys = joined[""]
        if len(keys) > self.capacity:
            smallest = keys.argsort(stable=True)[: self.capacity].sort().values
            for name in names:
                joined[name] = joined[name][smallest]
            self._bound = float(joined[""].max())
        self._held = [joined]
        self._count = len(joined[""])
