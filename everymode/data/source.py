"""Common form of every kind of dataset before decoding: names, labels and a function that opens each image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from everymode.data.errors import DataError
from everymode.data.order import random_permutation
from everymode.data.rows import LazyRows, select_rows

__all__ = [
    "Source",
    "array_key",
    "digest_of",
    "file_key",
    "limited",
    "limited_rows",
    "pixel_source",
]

HASHED_BYTES = 2**28
"""Largest file whose key is a digest of its content."""


@dataclass(frozen=True, eq=False)
class Source:
    """Images that are not decoded yet.

    Attributes:
        name: short name of the source.
        items: name of each image, for messages.
        open_image: function that opens image i without necessarily decoding it; called from several threads; the
            caller closes the image.
        labels: int64 [N], -1 = unlabeled; [N, blocks] for several label blocks.
        classes: class names; () without labels; with several blocks all names, blocks in order.
        key: hexadecimal digest that changes if the images change.
        notes: remarks for the user.
        pixels: uint8 [N, C, H, W] if the images are already one array (possibly strided or memory-mapped).
        label_blocks: class names of each block; () unless there are several blocks.
        value_range: key of RANGES to apply in decoding; None = by the bit depth of the images.
    """

    name: str
    items: Sequence[str]
    open_image: Callable[[int], Image.Image]
    labels: np.ndarray
    classes: tuple[str, ...]
    key: str
    notes: tuple[str, ...] = ()
    pixels: np.ndarray | LazyRows | None = None
    label_blocks: tuple[tuple[str, ...], ...] = ()
    value_range: str | None = None

    def __len__(self) -> int:
        return len(self.items)


def digest_of(*pieces: object) -> str:
    """Return a digest of the texts (or bytes) of all pieces and of their lengths: 32 hexadecimal digits."""
    total = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        data = piece if isinstance(piece, bytes) else str(piece).encode("utf-8", "surrogatepass")
        total.update(len(data).to_bytes(8, "little"))
        total.update(data)
    return total.hexdigest()


def limited_rows(count: int, limit: int) -> np.ndarray:
    """Return a fixed random sample of `limit` of `count` rows, in ascending order."""
    return np.sort(random_permutation(0, "limit", 0, count)[:limit])


def limited(source: Source, limit: int) -> Source:
    """Limit a source to at most `limit` images: a fixed random sample, so that no class is favored, in source order."""
    if limit >= len(source):
        return source
    rows = limited_rows(len(source), limit)
    return replace(
        source,
        items=[source.items[row] for row in rows],
        open_image=lambda i: source.open_image(int(rows[i])),
        labels=source.labels[rows],
        key=digest_of(source.key, "limit", limit),
        pixels=None if source.pixels is None else select_rows(source.pixels, rows),
    )


def pixel_source(
    name: str,
    pixels: np.ndarray | LazyRows,
    labels: np.ndarray,
    classes: tuple[str, ...],
    key: str,
    *,
    label_blocks: tuple[tuple[str, ...], ...] = (),
    notes: tuple[str, ...] = (),
) -> Source:
    """Return a source whose images are one uint8 array [N, C, H, W] with 1, 3 or 4 channels.

    Raises:
        DataError: if the array is empty or of another type or shape, or the number of labels differs.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1] not in (1, 3, 4):
        raise DataError(
            f"{name}: images are {pixels.dtype} {list(pixels.shape)}; "
            f"they must be uint8 [N, C, H, W] with 1, 3 or 4 channels"
        )
    if len(pixels) == 0:
        raise DataError(f"{name} holds no images; check the path")
    if len(labels) != len(pixels):
        raise DataError(f"{name}: {len(pixels)} images but {len(labels)} labels; give one label per image")

    def open_image(i: int) -> Image.Image:
        rows = np.ascontiguousarray(pixels[i].transpose(1, 2, 0))
        return Image.fromarray(rows[..., 0] if rows.shape[2] == 1 else rows)

    items = [f"image {i}" for i in range(len(pixels))]
    return Source(name, items, open_image, labels, classes, key, notes, pixels, label_blocks)


def array_key(array: np.ndarray | LazyRows) -> str:
    """Return a digest of an array: of its type, shape and values, read row by row."""
    total = hashlib.blake2b(f"{array.dtype.str} {array.shape}".encode(), digest_size=16)
    for row in array:
        total.update(np.ascontiguousarray(row).data)
    return total.hexdigest()


def file_key(path: Path) -> str:
    """Return a digest of a file: of its content up to 256 MB, else of its path, size and modification time."""
    status = path.stat()
    if status.st_size > HASHED_BYTES:
        return digest_of("file", path.resolve(), status.st_size, status.st_mtime_ns)
    return digest_of("content", path.read_bytes())
