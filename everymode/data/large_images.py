"""Images of a few kilobytes may have 89 megapixels: large ones are decoded one at a time, by however many threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

__all__ = ["LARGE_PIXELS", "room_for"]

LARGE_PIXELS = 2**23
"""An image with more pixels waits for other large ones. Decoding takes up to some 25 bytes for a pixel (16-bit gray):
2.5 GB for an image of the most pixels that are accepted, and at most 200 MB for each thread beside it."""
_ALONE = threading.Lock()


@contextmanager
def room_for(image: Image.Image) -> Iterator[None]:
    """While an opened, not yet decoded image is decoded and brought to its size."""
    if image.width * image.height <= LARGE_PIXELS:
        yield
    else:
        with _ALONE:
            yield
