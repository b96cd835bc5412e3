"""Random numbers without hidden state: each is a function of (seed, moment, stream, row of the global batch).

Therefore resuming a run needs no generator states, random numbers don't depend on the number of ranks or micro-batches,
and tests can reproduce or replace them. They come from the counter-based generator Philox on the CPU: each row has its
own range of counters, all devices get the same numbers, and each process computes only its own rows.
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
"""Number of 64-bit words that Philox returns per count."""


class Rows(NamedTuple):
    """Rows start, ..., stop - 1 of a global batch of `total` rows."""

    start: int
    stop: int
    total: int

    @classmethod
    def all(cls, total: int) -> Rows:
        """Return all rows of a batch."""
        return cls(0, total, total)


@dataclass(frozen=True)
class Draws:
    """Random numbers of one moment (such as step 12's second discriminator update) for rows of the global batch."""

    seed: int
    """Seed of the run."""
    moment: str
    """Name of the moment."""
    rows: Rows
    """Rows of the global batch that are drawn."""
    device: torch.device | str = "cpu"
    """Device of the drawn tensors."""
    dtype: torch.dtype = torch.float32
    """Data type of drawn floating-point numbers."""
    injected: Mapping[str, Tensor] | None = None
    """Stream name -> tensor that replaces its random numbers, used unchanged."""
    prefix: str = ""
    """Prefix of all stream names."""
    injected_rows: Rows | None = None
    """Rows of the global batch that injected tensors hold; None = `rows`."""
    drawn: set[str] | None = field(default=None, compare=False)
    """Receives the name of every drawn stream, unless None."""

    def named(self, prefix: str) -> Draws:
        """Return draws of the same moment whose stream names have a prefix, so that they differ from others."""
        return replace(self, prefix=f"{self.prefix}{prefix}/")

    def over(self, total: int) -> Draws:
        """Return draws of the same moment with `total` rows, all of them in this process."""
        return replace(self, rows=Rows.all(total), injected_rows=None)

    def normal(self, stream: str, *shape: int) -> Tensor:
        """Draw standard normal numbers [rows, *shape] (Box-Muller transform)."""

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
        """Draw uniform numbers [rows, *shape] in [0, 1); they are below 1 in every precision."""

        def draw(words: Words) -> Tensor:
            return torch.from_numpy(_unit_interval(words(math.prod(shape)))).view(-1, *shape)

        return self._draw(stream, draw, below=1.0)

    def integers(self, stream: str, high: int, *shape: int) -> Tensor:
        """Draw integers [rows, *shape] (int64) uniformly from 0, ..., high - 1."""

        def draw(words: Words) -> Tensor:
            numbers = np.floor(_unit_interval(words(math.prod(shape))) * high).astype(np.int64)
            return torch.from_numpy(numbers).view(-1, *shape)

        return self._draw(stream, draw)

    def choice(self, stream: str, probabilities: Tensor) -> Tensor:
        """Draw integers [rows] (int64) from 0, ..., K - 1.

        Args:
            probabilities: [K], on the CPU, proportional to the probability of each integer.
        """

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

        numbers = draw(words)
        if numbers.is_floating_point():
            numbers = numbers.to(self.dtype)
            if below is not None:  # rounding to a lower precision may reach the bound
                numbers.clamp_(max=below - torch.finfo(self.dtype).eps / 2)
        if torch.device(self.device).type == "cuda":
            numbers = numbers.pin_memory()
        return numbers.to(self.device, non_blocking=True)

    def _injected(self, name: str, tensor: Tensor) -> Tensor:
        """Return this object's rows of an injected tensor."""
        held = self.rows if self.injected_rows is None else self.injected_rows
        if tensor.dim() == 0 or len(tensor) != held.stop - held.start:
            raise ValueError(
                f"the tensor injected for the stream {name!r} must have {held.stop - held.start} rows; its shape is "
                f"{list(tensor.shape)}"
            )
        if held == self.rows:
            return tensor
        return tensor[self.rows.start - held.start : self.rows.stop - held.start]


@dataclass(frozen=True)
class Distribution:
    """Distribution of one label (or combination of labels) in numbers, so that other programs can draw it too."""

    stream: str
    """Name of the random stream."""
    count: int
    """Number of values, 0 to count - 1."""
    weights: tuple[float, ...] | None = None
    """[count], proportional to the probability of each value (`Draws.choice`); None = uniform (`Draws.integers`)."""
    combinations: tuple[tuple[int, ...], ...] | None = None
    """[count] combinations of labels, of which the value is the index; None: the value is the label."""

    def draw(self, random: Draws) -> Tensor:
        """Draw labels [rows], or combinations [rows, blocks], int64."""
        if self.weights is None:
            values = random.integers(self.stream, self.count)
        else:
            values = random.choice(self.stream, torch.tensor(self.weights, dtype=torch.float64))
        if self.combinations is None:
            return values
        return torch.tensor(self.combinations, device=values.device)[values]


Words = Callable[[int], np.ndarray]
"""Words per row -> [rows, words per row] uint64."""


def _unit_interval(words: np.ndarray) -> np.ndarray:
    """Convert 64-bit words to numbers in [0, 1) with 53 bits."""
    return (words >> np.uint64(11)) * 2.0**-53


def stable_seed(*parts: object) -> int:
    """Return a 63-bit seed that depends only on the text of the parts (not on process, machine or Python version)."""
    digest = hashlib.blake2b("\x1f".join(str(part) for part in parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
