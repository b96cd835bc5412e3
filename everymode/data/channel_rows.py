"""Some channels of stacked rows, read on access: images, label maps and edges are decoded into one array."""

from __future__ import annotations

import numpy as np

from everymode.data.rows import COPY_BYTES, LazyRows

__all__ = ["ChannelRows", "channel_rows"]


class ChannelRows(LazyRows):
    """Selected rows of some channels of an array.

    Args:
        stack: uint8 [M, C, H, W], usually memory-mapped.
        channels: slice of channels, or one channel, whose axis is dropped.
        row_of: int64 [N], the rows (default: all).
    """

    def __init__(self, stack: np.ndarray, channels: slice | int, row_of: np.ndarray | None = None) -> None:
        self.stack = stack
        self.channels = channels
        self.row_of = np.arange(len(stack)) if row_of is None else row_of
        self.dtype = stack.dtype
        self.shape = (len(self.row_of), *stack[:0, channels].shape[1:])

    def take_into(self, indices: np.ndarray, out: np.ndarray) -> None:
        """Write rows `indices` [B] into `out` [B, ...]."""
        out[...] = self.stack[self.row_of[indices], self.channels]

    def select(self, indices: np.ndarray) -> ChannelRows:
        """Return a view of rows `indices` [B], in that order."""
        return ChannelRows(self.stack, self.channels, self.row_of[indices])


def channel_rows(stack: np.ndarray, channels: slice | int) -> np.ndarray | ChannelRows:
    """Return channels of all rows of `stack` [N, C, H, W]: a copy up to COPY_BYTES, else a view."""
    view = ChannelRows(stack, channels)
    return np.ascontiguousarray(stack[:, channels]) if view.nbytes <= COPY_BYTES else view
