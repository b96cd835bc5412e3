"""Point sets too large to copy: read block by block, relative to an origin, and distributed over processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

Total = Callable[[Tensor], Tensor]
"""Function from a tensor to its sum over all processes."""
Gather = Callable[[Tensor], Tensor]
"""Function from this process's rows [n, ...] to the rows of all processes, in the order of ranks."""

_BLOCK_ELEMENTS = {"cpu": 2**20, "cuda": 2**26}
"""Elements of a block and its scores, by device type: few enough for a CPU's cache, enough to keep a GPU busy."""


def same(values: Tensor) -> Tensor:
    """Return the tensor itself: the sum, and the rows, over a single process."""
    return values


class Points(NamedTuple):
    """This process's points [n, F], read as differences from an origin [F].

    Distances computed by matrix products lose digits if points lie far from 0 compared with their distances from each
    other; relative to their mean they don't. Centers are relative to the same origin.
    """

    features: Tensor
    origin: Tensor
    total: Total = same
    gather: Gather = same
    block_rows: int | None = None
    """Points per block; None = chosen by the device."""

    def blocks(self, columns: int = 0) -> Iterator[tuple[slice, Tensor]]:
        """Iterate over blocks; yield their rows and their points [b, F] relative to the origin.

        All blocks share one buffer: a block is valid only until the next iteration.

        Args:
            columns: values per point that the caller computes from a block; they reduce its size.
        """
        count, width = self.features.shape
        if self.block_rows is None:
            elements = _BLOCK_ELEMENTS.get(self.features.device.type, 2**20)
            size = max(512, elements // (width + columns))
        else:
            size = self.block_rows
        memory = self.features.new_empty(min(size, count), width)
        for start in range(0, count, size):
            rows = slice(start, min(start + size, count))
            yield rows, torch.sub(self.features[rows], self.origin, out=memory[: rows.stop - start])


def around_mean(
    features: Tensor, *, total: Total = same, gather: Gather = same, block_rows: int | None = None
) -> tuple[Points, int, float]:
    """Read features [n, F] relative to the mean of all processes' points.

    Returns:
        The points, the number of points in all processes, and their mean squared distance from the mean.
    Raises:
        ValueError: if features are not a float32 or float64 matrix, there are none, or one is not finite.
    """
    if features.dim() != 2 or features.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"features must be float32 or float64 of shape [N, F], not {features.dtype} of shape "
            f"{list(features.shape)}: flatten each example's features, and convert them with .float()"
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
        raise ValueError("there are no points: provide at least one row of features")
    points = raw._replace(origin=(sums[:width] / count).to(features.dtype))
    squared = features.new_zeros((), dtype=torch.float64)
    for _, block in points.blocks():
        squared += block.square().sum(dtype=torch.float64)
    spread = float(total(squared)) / count
    if not spread < float("inf"):  # NaN too
        raise ValueError(
            "features and their squares must be finite, and some are not: check whether the network that computes them "
            "has diverged"
        )
    return points, count, spread
