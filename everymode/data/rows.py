"""Rows of images: taking some of them quickly, and a view that joins or selects rows without copying them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np

__all__ = ["RowsView", "join_rows", "select_rows", "take_rows"]

# Below this, one thread copies a batch faster than a pool can be woken.
PARALLEL_BYTES = 2**22
# Up to this size a selection is copied, because one flat array gathers fastest.
COPY_BYTES = 2**28


class RowsView:
    """Rows [N, ...] picked from one or more arrays, read only when asked for.

    Args:
        parts: arrays that share their dtype and the shape of a row.
        part_of: [N] int64, the part that holds each row.
        row_of: [N] int64, its row in that part.
    """

    def __init__(self, parts: Sequence[np.ndarray], part_of: np.ndarray, row_of: np.ndarray) -> None:
        assert len(part_of) == len(row_of)
        self.parts = tuple(parts)
        self.part_of = part_of
        self.row_of = row_of
        self.dtype = self.parts[0].dtype
        self.shape = (len(row_of), *self.parts[0].shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def take_into(self, indices: np.ndarray, out: np.ndarray) -> None:
        """Write rows `indices` [B] into `out` [B, ...]."""
        part_of, row_of = self.part_of[indices], self.row_of[indices]
        for number, part in enumerate(self.parts):
            here = np.flatnonzero(part_of == number)
            if len(here) == len(indices):
                take_rows(part, row_of, out)
            elif len(here):
                out[here] = part[row_of[here]]

    def __getitem__(self, index: int | slice | np.ndarray) -> np.ndarray:
        if isinstance(index, int | np.integer):
            return self.parts[self.part_of[index]][self.row_of[index]]
        rows = np.arange(len(self))[index]
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        self.take_into(rows, out)
        return out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("a view of rows can't become an array without a copy; leave `copy` out")
        whole = self[:]
        return whole if dtype is None else whole.astype(dtype)


def take_rows(images: np.ndarray | RowsView, indices: np.ndarray, out: np.ndarray) -> None:
    """Write rows `indices` [B] of `images` [N, ...] into `out` [B, ...].

    Large batches are read in the order of the file and by several threads, which keeps a disk busy.
    """
    if isinstance(images, RowsView):
        images.take_into(indices, out)
    elif out.nbytes < PARALLEL_BYTES or len(indices) < 2:
        # mode="clip" writes straight into `out`; callers have checked the range
        np.take(images.view(np.ndarray), indices, axis=0, out=out, mode="clip")
    else:
        order = np.argsort(indices, kind="stable")
        shares = [share for share in np.array_split(order, _reader_count()) if len(share)]
        list(_readers().map(lambda share: _copy_rows(images, indices, out, share), shares))


def _copy_rows(images: np.ndarray, indices: np.ndarray, out: np.ndarray, positions: np.ndarray) -> None:
    for position in positions:
        out[position] = images[indices[position]]


def _reader_count() -> int:
    return min(8, os.cpu_count() or 1)


@cache
def _readers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_reader_count(), thread_name_prefix="rows")


if hasattr(os, "register_at_fork"):
    # threads do not survive a fork: a child that used its parent's pool would wait for ever
    os.register_at_fork(after_in_child=_readers.cache_clear)


def select_rows(images: np.ndarray | RowsView, indices: np.ndarray) -> np.ndarray | RowsView:
    """Rows `indices` of `images`: a copy when small, else a view."""
    if isinstance(images, RowsView):
        view = RowsView(images.parts, images.part_of[indices], images.row_of[indices])
    else:
        view = RowsView([images], np.zeros(len(indices), np.int64), np.asarray(indices, np.int64))
    return view[:] if view.nbytes <= COPY_BYTES else view


def join_rows(arrays: Sequence[np.ndarray | RowsView]) -> np.ndarray | RowsView:
    """All rows of `arrays`, one after the other: a copy when small, else a view."""
    parts: list[np.ndarray] = []
    part_of: list[np.ndarray] = []
    row_of: list[np.ndarray] = []
    for array in arrays:
        first = len(parts)
        if isinstance(array, RowsView):
            parts += array.parts
            part_of.append(array.part_of + first)
            row_of.append(array.row_of)
        else:
            parts.append(array)
            part_of.append(np.full(len(array), first, np.int64))
            row_of.append(np.arange(len(array)))
    view = RowsView(parts, np.concatenate(part_of), np.concatenate(row_of))
    return view[:] if view.nbytes <= COPY_BYTES else view
