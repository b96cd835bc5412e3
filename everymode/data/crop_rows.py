"""Crops of pictures of different sizes, at positions on a grid, read on access like the rows of an array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from everymode.data.rows import LazyRows

__all__ = ["CropGrid", "CropRows"]


class CropGrid:
    """Positions of crops in pictures of different sizes, numbered picture by picture, each from top left, by rows.

    With a stride s, there is one position per s pixels and axis, and they are spread evenly from border to border.

    Args:
        sizes: (h, w) of each picture, at least `crop`.
        crop: (h, w) of the crops.
        most: largest number of positions; the stride is the smallest one that keeps to it.
    """

    def __init__(self, sizes: Sequence[tuple[int, int]], crop: tuple[int, int], *, most: int) -> None:
        self.crop = crop
        self.spare = np.array(sizes, np.int64).reshape(-1, 2) - crop
        assert (self.spare >= 0).all()
        self.stride = 1
        while self._counts().prod(axis=1).sum() > max(most, len(self.spare)):
            self.stride += 1
        self.counts = self._counts()
        self.ends = self.counts.prod(axis=1).cumsum()

    def _counts(self) -> np.ndarray:
        return self.spare // self.stride + 1

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def positions(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the picture of each crop, and the upper left corner (y and x) of the crop in it, each int64 [B]."""
        picture = np.searchsorted(self.ends, rows, side="right")
        counts, spare = self.counts[picture], self.spare[picture]
        inside = rows - (self.ends[picture] - counts.prod(axis=1))
        index = np.stack([inside // counts[:, 1], inside % counts[:, 1]], axis=1)
        corner = index * spare // np.maximum(counts - 1, 1)
        return picture, corner[:, 0], corner[:, 1]


class CropRows(LazyRows):
    """Crops of pictures, uint8 [N, C, h, w].

    Args:
        pictures: uint8 [C, H, W] each, `scale` times the sizes of the grid.
        grid: positions of the crops.
        scale: factor between the pictures and the grid.
        row_of: int64 [N], numbers of positions (default: all).
    """

    def __init__(
        self, pictures: Sequence[np.ndarray], grid: CropGrid, scale: int = 1, row_of: np.ndarray | None = None
    ) -> None:
        self.pictures = pictures
        self.grid = grid
        self.scale = scale
        self.row_of = row_of
        count = len(grid) if row_of is None else len(row_of)
        height, width = grid.crop
        self.shape = (count, pictures[0].shape[0], height * scale, width * scale)
        self.dtype = pictures[0].dtype

    def take_into(self, indices: np.ndarray, out: np.ndarray) -> None:
        """Write rows `indices` [B] into `out` [B, C, h, w]."""
        rows = indices if self.row_of is None else self.row_of[indices]
        height, width = self.shape[2:]
        corners = zip(*(each.tolist() for each in self.grid.positions(rows)), strict=True)
        for row, (number, y, x) in zip(out, corners, strict=True):
            top, left = y * self.scale, x * self.scale
            row[...] = self.pictures[number][:, top : top + height, left : left + width]

    def select(self, indices: np.ndarray) -> CropRows:
        """Return the crops `indices` [B], in that order; pictures are shared."""
        rows = np.asarray(indices, np.int64) if self.row_of is None else self.row_of[indices]
        return CropRows(self.pictures, self.grid, self.scale, rows)
