"""Memory limit of decoding: files of a few kilobytes may have 89 megapixels, and are decoded one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

__all__ = ["LARGE_PIXELS", "room_for"]

LARGE_PIXELS = 2**23
"""Number of pixels above which an image is decoded alone. Decoding takes up to about 25 bytes per pixel (16-bit gray):
2.5 GB for the largest accepted image, and at most 200 MB for each other thread."""
_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def room_for(image: Image.Image) -> Iterator[None]:
    """Hold the lock of large images while an opened image is decoded and resized, if it is large."""
    if image.width * image.height <= LARGE_PIXELS:
        yield
    else:
        with _ONE_AT_A_TIME:
            yield
