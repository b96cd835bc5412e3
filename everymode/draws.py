"""Random draws without hidden state: each is a function of (seed, moment, stream, row of the global batch).

So a resumed run needs no generator states, the number of ranks or of accumulated parts changes no draw, and a test
can replay or replace any of them. Draws come from the counter-based generator Philox on the CPU: each row has a range
of counters of its own, every device gets the same numbers, and each process computes only its own rows.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

_WORDS_PER_COUNT = 4
"""64-bit words that Philox gives per count."""


class Rows(NamedTuple):
    """The rows start..stop of a global batch of `total` rows."""

    start: int
    stop: int
    total: int

    @classmethod
    def all(cls, total: int) -> Rows:
        return cls(0, total, total)


@dataclass(frozen=True)
class Draws:
    """The draws of one moment (say, step 12's second discriminator move) for some rows of the global batch.

    Args:
        injected: tensors that replace draws, by stream name; used as they are.
        injected_rows: rows of the global batch that injected tensors hold. None = `rows`.
        drawn: gets the name of every stream that is drawn, where it is not None.
    """

    seed: int
    moment: str
    rows: Rows
    device: torch.device | str = "cpu"
    dtype: torch.dtype = torch.float32
    injected: Mapping[str, Tensor] | None = None
    prefix: str = ""
    injected_rows: Rows | None = None
    drawn: set[str] | None = field(default=None, compare=False)

    def named(self, prefix: str) -> Draws:
        """The same moment with stream names of its own, for a part that draws several times."""
        return replace(self, prefix=f"{self.prefix}{prefix}/")

    def over(self, total: int) -> Draws:
        """The same moment with `total` rows, all of them here: for draws that no batch is shared over."""
        return replace(self, rows=Rows.all(total), injected_rows=None)

    def normal(self, stream: str, *shape: int) -> Tensor:
        """[rows, *shape] standard normal numbers (Box and Muller's transform)."""

        def draw(words: Words) -> Tensor:
            count = math.prod(shape)
            pairs = -(-count // 2)
            uniform = _unit_interval(words(2 * pairs))
            radius = np.sqrt(-2.0 * np.log1p(-uniform[:, :pairs]))
            angle = 2.0 * np.pi * uniform[:, pairs:]
            both = np.concatenate((radius * np.cos(angle), radius * np.sin(angle)), axis=1)
            return torch.from_numpy(both[:, :count]).reshape(-1, *shape)

        return self._draw(stream, draw)

    def uniform(self, stream: str, *shape: int) -> Tensor:
        """[rows, *shape] uniform numbers in [0, 1); 1 is never reached, whatever the precision."""

        def draw(words: Words) -> Tensor:
            return torch.from_numpy(_unit_interval(words(math.prod(shape)))).view(-1, *shape)

        return self._draw(stream, draw, below=1.0)

    def integers(self, stream: str, high: int, *shape: int) -> Tensor:
        """[rows, *shape] int64 numbers in 0..high - 1, all equally likely."""

        def draw(words: Words) -> Tensor:
            numbers = np.floor(_unit_interval(words(math.prod(shape))) * high).astype(np.int64)
            return torch.from_numpy(numbers).view(-1, *shape)

        return self._draw(stream, draw)

    def choice(self, stream: str, probabilities: Tensor) -> Tensor:
        """[rows] int64 numbers in 0..K - 1, where k comes with probability `probabilities[k]` (on the CPU)."""

        def draw(words: Words) -> Tensor:
            edges = probabilities.double().cumsum(0)
            points = torch.from_numpy(_unit_interval(words(1))).view(-1) * edges[-1]
            return torch.searchsorted(edges, points, right=True).clamp_(max=len(edges) - 1)

        return self._draw(stream, draw)

    def _draw(self, stream: str, draw: Callable[[Words], Tensor], below: float | None = None) -> Tensor:
        name = self.prefix + stream
        if self.drawn is not None:
            self.drawn.add(name)
        if self.injected is not None and name in self.injected:
            return self._injected(name, self.injected[name])
        start, stop, _ = self.rows

        def words(per_row: int) -> np.ndarray:
            counts = -(-per_row // _WORDS_PER_COUNT)
            key = stable_seed(self.seed, self.moment, name)
            philox = np.random.Philox(key=key, counter=start * counts)
            raw = philox.random_raw((stop - start) * counts * _WORDS_PER_COUNT)
            return raw.reshape(stop - start, counts * _WORDS_PER_COUNT)[:, :per_row]

        mine = draw(words)
        if mine.is_floating_point():
            mine = mine.to(self.dtype)
            if below is not None:  # rounding to fewer digits may reach the bound
                mine.clamp_(max=below - torch.finfo(self.dtype).eps / 2)
        if torch.device(self.device).type == "cuda":
            mine = mine.pin_memory()
        return mine.to(self.device, non_blocking=True)

    def _injected(self, name: str, tensor: Tensor) -> Tensor:
        """Return this object's rows of an injected tensor."""
        held = self.rows if self.injected_rows is None else self.injected_rows
        if tensor.dim() == 0 or len(tensor) != held.stop - held.start:
            raise ValueError(
                f"the tensor injected for the stream {name!r} must have {held.stop - held.start} rows; its shape is "
                f"{list(tensor.shape)}"
            )
        return (
            tensor
            if held == self.rows
            else tensor[self.rows.start - held.start : self.rows.stop - held.start]
        )


Words = Callable[[int], np.ndarray]
"""Words per row -> [rows, words per row] uint64."""


def _unit_interval(words: np.ndarray) -> np.ndarray:
    """[0, 1) with 53 bits."""
    return (words >> np.uint64(11)) * 2.0**-53


def stable_seed(*parts: object) -> int:
    """A 63-bit seed that depends on the text of the parts alone (not on the process, machine or Python version)."""
    digest = hashlib.blake2b("\x1f".join(str(part) for part in parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
