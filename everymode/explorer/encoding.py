"""Encoding of tiles as one picture: lossless WebP for small tiles, WebP of quality 90 for large ones, or PNG."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from PIL import Image

__all__ = ["MOST_PIXELS", "Cache", "encoded", "fits_in_one", "media_type"]

MOST_PIXELS = 2**22
"""Most pixels of one picture."""
WIDEST = 16383
"""Widest picture that WebP can hold, in pixels."""

LOSSLESS = 128
"""Largest side of a tile that is encoded without loss."""
QUALITY = 90
"""Quality of WebP for larger tiles."""


def encoded(tiles: Sequence[np.ndarray], ending: str) -> bytes:
    """Return tiles side by side as one picture.

    Args:
        tiles: arrays uint8 [H, W, channels] of equal shape.
        ending: "webp" or "png".
    """
    row = np.concatenate(list(tiles), axis=1)
    picture = Image.fromarray(row[:, :, 0] if row.shape[2] == 1 else row)
    buffer = io.BytesIO()
    if ending == "png":
        picture.save(buffer, "PNG", compress_level=6)
    elif max(tiles[0].shape[:2]) <= LOSSLESS or row.shape[2] == 4:
        picture.save(buffer, "WEBP", lossless=True, quality=20, method=0, exact=True)
    else:
        picture.save(buffer, "WEBP", quality=QUALITY, method=0)
    return buffer.getvalue()


def fits_in_one(tiles: int, size: tuple[int, int]) -> bool:
    """Return whether a number of tiles of a size (height, width) fits into one picture, side by side."""
    height, width = size
    return tiles * width <= WIDEST and tiles * height * width <= MOST_PIXELS


def media_type(ending: str) -> str:
    """Return the media type of a file ending."""
    return {"webp": "image/webp", "png": "image/png"}[ending]


class Cache:
    """Encoded pictures by request, the least recently used of which are dropped.

    Args:
        most: bytes that are kept.
    """

    def __init__(self, most: int = 2**25) -> None:
        self._most, self._bytes = most, 0
        self._entries: OrderedDict[object, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: object) -> bytes | None:
        """Return the picture of a request, or None."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def put(self, key: object, content: bytes) -> None:
        """Keep the picture of a request."""
        with self._lock:
            if key in self._entries or len(content) > self._most:
                return
            self._entries[key] = content
            self._bytes += len(content)
            while self._bytes > self._most:
                self._bytes -= len(self._entries.popitem(last=False)[1])
