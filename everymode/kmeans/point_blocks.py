"""Points that are too many to copy: read in blocks, around an origin, and shared out over processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

Total = Callable[[Tensor], Tensor]
"""A tensor -> its sum over all processes."""
Gather = Callable[[Tensor], Tensor]
"""This process's rows [n, ...] -> the rows of all processes, in the order of ranks."""

_NUMBERS_AT_ONCE = {"cpu": 2**20, "cuda": 2**26}
"""Numbers in a block and its scores: little enough for a processor's cache, much enough to keep a GPU busy."""


def same(values: Tensor) -> Tensor:
    """The tensor itself: sum and rows of all processes where there is one."""
    return values


class Points(NamedTuple):
    """This process's points [n, F], and how they are read: differences from an origin [F].

    Distances by matrix products lose digits where points lie far from 0 in comparison to each other; around their mean
    they don't. Centers are kept around the same origin.
    """

    features: Tensor
    origin: Tensor
    total: Total = same
    gather: Gather = same
    block_rows: int | None = None
    """Points in a block; None = as many as suit the device."""

    def blocks(self, columns: int = 0) -> Iterator[tuple[slice, Tensor]]:
        """(rows, their points [b, F] around the origin), block by block.

        Every block lies in the same memory: it is valid until the next one is asked for.

        Args:
            columns: numbers a point that the caller makes of a block.
        """
        count, width = self.features.shape
        if self.block_rows is None:
            at_once = _NUMBERS_AT_ONCE.get(self.features.device.type, 2**20)
            size = max(512, at_once // (width + columns))
        else:
            size = self.block_rows
        memory = self.features.new_empty(min(size, count), width)
        for start in range(0, count, size):
            rows = slice(start, min(start + size, count))
            yield rows, torch.sub(self.features[rows], self.origin, out=memory[: rows.stop - start])


def around_mean(
    features: Tensor, *, total: Total = same, gather: Gather = same, block_rows: int | None = None
) -> tuple[Points, int, float]:
    """Points around the mean of all processes' points, how many all are, and their mean squared length from there.

    Raises ValueError if features are not a float32 or float64 matrix, if there are none, or if one is not finite.
    """
    if features.dim() != 2 or features.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"features must be float32 or float64 of shape [N, F], not {features.dtype} of shape "
            f"{list(features.shape)}: flatten each example's features, and convert them by .float()"
        )
    raw = Points(features, features.new_zeros(features.shape[1]), total, gather, block_rows)
    width = features.shape[1]
    sums = features.new_zeros(width + 1, dtype=torch.float64)
    sums[width] = len(features)
    for _, block in raw.blocks():
        sums[:width] += block.sum(0, dtype=torch.float64)
    sums = total(sums)
    count = int(sums[width])
    if count == 0:
        raise ValueError("there are no points: give at least one row of features")
    points = raw._replace(origin=(sums[:width] / count).to(features.dtype))
    squared = features.new_zeros((), dtype=torch.float64)
    for _, block in points.blocks():
        squared += block.square().sum(dtype=torch.float64)
    spread = float(total(squared)) / count
    if not spread < float("inf"):  # not-a-number too
        raise ValueError(
            "features must be finite, and their squares too: some are not, so the network that computes them may have "
            "diverged"
        )
    return points, count, spread
