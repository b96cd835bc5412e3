"""Image sizes as users write them: 64, "64", "64x48" or (64, 48), height first. Does not import torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

Resolution = int | tuple[int, int]
"""Image size in pixels: one number for squares, or (height, width)."""

AskedResolution = int | str | Sequence[int]
"""Image size as users may write it."""


def parse_resolution(given: AskedResolution) -> Resolution:
    """Convert 64, "64", "64x48" or (64, 48) to a Resolution; the range of the numbers is not checked.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(given, str):
        sides: Iterable[Any] = given.lower().split("x")
    else:
        sides = given if isinstance(given, Iterable) else (given,)
    numbers = [_whole(side) for side in sides]
    if len(numbers) not in (1, 2) or None in numbers:
        raise ValueError(f"a resolution is a number or HEIGHTxWIDTH, such as 64 or 64x48, not {given!r}")
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])


def height_and_width(resolution: Resolution) -> tuple[int, int]:
    """Return (height, width) in pixels."""
    return (resolution, resolution) if isinstance(resolution, int) else resolution


def _whole(side: Any) -> Any:
    """Convert a side (also a NumPy integer) to int; None if it is no whole number."""
    if isinstance(side, str):
        return int(side) if side.strip().isdecimal() else None
    return int(side) if isinstance(side, Integral) and not isinstance(side, bool) else None
