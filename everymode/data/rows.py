"""Rows of images: fast selection, and a view that joins or selects rows without copying them."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np

__all__ = ["LazyRows", "RowsView", "join_rows", "select_rows", "take_rows"]

PARALLEL_BYTES = 2**22
"""Size of a batch from which several threads copy it; for a smaller batch, starting them takes longer."""
COPY_BYTES = 2**28
"""Size up to which a selection is copied, because rows of a contiguous array are gathered fastest."""


class LazyRows(ABC):
    """Rows [N, ...] that are computed or copied only on access, and otherwise behave like an array.

    Attributes:
        shape: (N, ...).
        dtype: data type of the rows.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @abstractmethod
    def take_into(self, indices: np.ndarray, out: np.ndarray) -> None:
        """Write rows `indices` [B] into `out` [B, ...]."""

    @abstractmethod
    def select(self, indices: np.ndarray) -> LazyRows:
        """Return a view of rows `indices` [B], in that order."""

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Size of all rows in bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def __getitem__(self, index: int | slice | np.ndarray) -> np.ndarray:
        single = isinstance(index, int | np.integer)
        if single and not -len(self) <= index < len(self):  # iteration ends at this error
            raise IndexError(f"there are rows 0 .. {len(self) - 1}; requested {index}")
        rows = np.array([index % len(self)]) if single else np.arange(len(self))[index]
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        self.take_into(rows, out)
        return out[0] if single else out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("a view of rows can't be converted to an array without a copy; omit `copy`")
        rows = self[:]
        return rows if dtype is None else rows.astype(dtype)


class RowsView(LazyRows):
    """Rows [N, ...] selected from one or more arrays, which are read only on access.

    Args:
        arrays: arrays (or other lazy rows) of the same dtype and row shape.
        array_of: int64 [N], the array that holds each row.
        row_of: int64 [N], the row in that array.
    """

    def __init__(
        self, arrays: Sequence[np.ndarray | LazyRows], array_of: np.ndarray, row_of: np.ndarray
    ) -> None:
        assert len(array_of) == len(row_of)
        self.arrays = tuple(arrays)
        self.array_of = array_of
        self.row_of = row_of
        self.dtype = self.arrays[0].dtype
        self.shape = (len(row_of), *self.arrays[0].shape[1:])

    def take_into(self, indices: np.ndarray, out: np.ndarray) -> None:
        """Write rows `indices` [B] into `out` [B, ...]."""
        array_of, row_of = self.array_of[indices], self.row_of[indices]
        for number, array in enumerate(self.arrays):
            positions = np.flatnonzero(array_of == number)
            if len(positions) == len(indices):
                take_rows(array, row_of, out)
            elif len(positions):
                out[positions] = array[row_of[positions]]

    def select(self, indices: np.ndarray) -> RowsView:
        """Return a view of rows `indices` [B], in that order."""
        return RowsView(self.arrays, self.array_of[indices], self.row_of[indices])


def take_rows(images: np.ndarray | LazyRows, indices: np.ndarray, out: np.ndarray) -> None:
    """Write rows `indices` [B] of `images` [N, ...] into `out` [B, ...].

    Large batches are read in file order by several threads, which makes good use of a disk.
    """
    if isinstance(images, LazyRows):
        images.take_into(indices, out)
    elif out.nbytes < PARALLEL_BYTES or len(indices) < 2:
        # mode="clip" writes directly into `out`; callers have checked the range
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
    # threads do not survive a fork: a child process that used its parent's pool would wait forever
    os.register_at_fork(after_in_child=_readers.cache_clear)


def select_rows(images: np.ndarray | LazyRows, indices: np.ndarray) -> np.ndarray | LazyRows:
    """Return rows `indices` of `images`: a copy up to COPY_BYTES, else a view; of computed rows always a view."""
    if isinstance(images, LazyRows):
        view = images.select(indices)
        if not isinstance(view, RowsView):
            return view
    else:
        view = RowsView([images], np.zeros(len(indices), np.int64), np.asarray(indices, np.int64))
    return view[:] if view.nbytes <= COPY_BYTES else view


def join_rows(arrays: Sequence[np.ndarray | LazyRows]) -> np.ndarray | LazyRows:
    """Return the concatenated rows of `arrays`: a copy up to COPY_BYTES, else a view."""
    sources: list[np.ndarray | LazyRows] = []
    array_of: list[np.ndarray] = []
    row_of: list[np.ndarray] = []
    for array in arrays:
        first = len(sources)
        if isinstance(array, RowsView):
            sources += array.arrays
            array_of.append(array.array_of + first)
            row_of.append(array.row_of)
        else:
            sources.append(array)
            array_of.append(np.full(len(array), first, np.int64))
            row_of.append(np.arange(len(array)))
    view = RowsView(sources, np.concatenate(array_of), np.concatenate(row_of))
    return view[:] if view.nbytes <= COPY_BYTES else view
