"""Arguments that every opener of images takes: resolution, channels, fit, background and limit."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

import numpy as np

from everymode.data.decode import FITS
from everymode.data.prepare import Request
from everymode.resolution import AskedResolution, height_and_width, parse_resolution

__all__ = ["image_size", "request_of", "require_limit"]

MAX_SIDE = 16384


def request_of(
    resolution: AskedResolution | None, channels: int | None, fit: str, background: Sequence[int]
) -> Request:
    """Return the requested format, after checking each argument as `open_images` describes it.

    Raises:
        ValueError: if an argument is out of range.
    """
    if channels not in (None, 1, 3, 4):
        raise ValueError(f"channels is {channels}; choose 1 (gray), 3 (color), 4 (with alpha) or None")
    if fit not in FITS:
        raise ValueError(f'fit is "{fit}"; choose one of {", ".join(FITS)}')
    return Request(image_size(resolution), channels, fit, _color(background))


def require_limit(limit: int | None) -> None:
    """Check a limit of the number of images.

    Raises:
        TypeError: if `limit` is neither None nor an integer.
        ValueError: if `limit` is below 1.
    """
    if limit is not None and not isinstance(limit, Integral):
        raise TypeError(f"limit is {limit!r}; give an integer number of images, or omit it")
    if limit is not None and limit < 1:
        raise ValueError(f"limit is {limit}; give at least 1, or omit it")


def image_size(resolution: AskedResolution | None) -> tuple[int, int] | None:
    """Convert 64, "64", "64x96" or (64, 96) to (H, W); None stays None.

    Raises:
        ValueError: if the resolution can't be parsed, or a side is outside 1 .. 16384.
    """
    if resolution is None:
        return None
    size = height_and_width(parse_resolution(resolution))
    if not all(1 <= side <= MAX_SIDE for side in size):
        raise ValueError(f"resolution is {resolution!r}; give sides of 1 to {MAX_SIDE} pixels")
    return size


def _color(background: Sequence[int]) -> tuple[int, int, int]:
    values = tuple(background)
    if len(values) != 3 or not all(isinstance(v, int | np.integer) and 0 <= v <= 255 for v in values):
        raise ValueError(f"background is {background!r}; give three numbers 0 .. 255 such as (255, 255, 255)")
    return int(values[0]), int(values[1]), int(values[2])
