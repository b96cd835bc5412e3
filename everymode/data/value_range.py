"""Values of black and white in arrays and images: detected by a documented rule, or set by the user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from everymode.data.errors import DataError
from everymode.data.rows import LazyRows

__all__ = [
    "RANGES",
    "Brightest",
    "Scale",
    "chunks",
    "dark_note",
    "in_bytes",
    "mask_note",
    "require_range",
    "scale_of",
    "to_bytes",
]

RANGES: dict[str, tuple[float, float]] = {
    "0..1": (0, 1),
    "-1..1": (-1, 1),
    "0..255": (0, 255),
    "0..65535": (0, 65535),
}
"""Values of `value_range` -> (black, white)."""
TOLERANCE = {"0..1": 0.05, "-1..1": 0.05, "0..255": 0.5, "0..65535": 0.5}
"""Accepted excess over a range, from rounding or the overshoot of resizing; such values are clamped."""
CLEARLY_BYTES = 2.0
"""Value above which a fraction is clearly on the scale 0..255."""
LEAST_CLEARLY_BYTES = 0.01
"""Smallest share of values above CLEARLY_BYTES for which fractions are read as 0..255."""
CHUNK = 4096


class Scale(NamedTuple):
    """Conversion of values v to bytes: (v + shift) * factor, rounded and clamped to 0 .. 255, with notes for users."""

    shift: float
    factor: float
    notes: tuple[str, ...] = ()


def require_range(value_range: str | None) -> None:
    """Check the name of a range.

    Raises:
        ValueError: if `value_range` is neither None nor one of RANGES.
    """
    if value_range is not None and value_range not in RANGES:
        raise ValueError(f"value_range is {value_range!r}; choose one of {', '.join(RANGES)}, or omit it")


def scale_of(values: np.ndarray, where: str, value_range: str | None = None) -> Scale:
    """Return the conversion of an array of images to bytes.

    Without `value_range`, the rule is: uint8 is unchanged; bool: 1 -> 255; unsigned 16 bits: 65,535 -> 255; other
    integers must be in 0 .. 255. Floating-point values are 0..1 if all are in -0.05 .. 1.05; else -1..1 if all are in
    -1.05 .. 1.05; else 0..255 if all are in -0.5 .. 255.5 and at least 1 % of them are above 2.

    Args:
        values: array of any shape and byte order.
        where: name of the data in messages.
        value_range: key of RANGES (default: by the rule above).

    Raises:
        DataError: if the values are in none of these ranges, outside `value_range`, or not finite.
    """
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind not in "biuf":
        raise DataError(f"{where} is of type {values.dtype}; save it as uint8 or float")
    if value_range is not None:
        return _requested_scale(values, where, value_range)
    if kind == "b":
        return Scale(0.0, 255.0)
    if kind == "f":
        return _scale_of_fractions(values, where)
    if values.dtype == np.uint8:
        return Scale(0.0, 1.0, mask_note(values, where))
    low, high = _extremes(values)
    if kind == "u" and size == 2:
        return Scale(0.0, 255 / 65535, dark_note(f"{where} holds 16-bit values", int(high), 16))
    if low < 0 or high > 255:
        raise DataError(
            f"{where} has values from {low:g} to {high:g}, but whole numbers must be in 0 .. 255; {_advice(low, high)}"
        )
    return Scale(0.0, 1.0, dark_note(f"{where} holds whole numbers", int(high), 8))


def mask_note(values: np.ndarray | LazyRows, where: str) -> tuple[str, ...]:
    """Return `dark_note` for uint8 values; reading stops at the first chunk with a value above 1."""
    largest = 0
    for chunk in chunks(values):
        largest = max(largest, int(chunk.max()) if chunk.size else 0)
        if largest > 1:
            return ()
    return dark_note(f"{where} holds 8-bit values", largest, 8)


def dark_note(what: str, largest: int, bits: int) -> tuple[str, ...]:
    """Return a note on images that look black because their values use a small part of their type's range, or ()."""
    if bits == 8 and largest != 1:
        return ()
    if bits == 16 and largest >= 256:
        return ()
    meant = "0..1" if largest <= 1 else "0..255"
    return (
        f"{what}, none above {largest}, so the images are black or nearly black; if their range is {meant}, set "
        f'value_range="{meant}" (--value-range {meant})',
    )


def in_bytes(values: np.ndarray, value_range: str | None, where: str) -> np.ndarray:
    """Convert the values of one image file to bytes.

    uint8 is unchanged unless the range is 0..1 or -1..1; other values are scaled from the range, 0..65535 by default.

    Args:
        values: values of any numeric type.
        value_range: key of RANGES, or None.
        where: subject of error messages, such as "gray image".

    Raises:
        DataError: if values are outside the range.
    """
    if values.dtype == np.uint8 and value_range in (None, "0..255", "0..65535"):
        return values
    if value_range is None and (values.min() < 0 or values.max() > 65535):
        raise DataError(
            f"{where} has values from {values.min()} to {values.max()}; 0 .. 65535 is accepted, unless value_range "
            "(--value-range) is set"
        )
    return to_bytes(values, _requested_scale(values, where, value_range or "0..65535"))


class Brightest:
    """Largest values of the images of a dataset, separately for 8-bit (shallow) and 16-bit (deep) images."""

    def __init__(self, shallow: int | None = None, deep: int | None = None) -> None:
        self.shallow = shallow
        self.deep = deep

    def update(self, largest: int, *, deep: bool) -> None:
        """Add one image with this largest value."""
        if deep:
            self.deep = max(largest, self.deep or 0)
        else:
            self.shallow = max(largest, self.shallow or 0)

    def notes(self, name: str) -> tuple[str, ...]:
        """Return `dark_note` for the 16-bit images, or for the 8-bit images if there are no deeper ones."""
        if self.deep is not None:
            return dark_note(f"{name} holds 16-bit images", self.deep, 16)
        return () if self.shallow is None else dark_note(f"{name} holds 8-bit images", self.shallow, 8)


def to_bytes(values: np.ndarray, scale: Scale) -> np.ndarray:
    """Convert values to uint8 of the same shape."""
    if values.dtype == np.uint8 and (scale.shift, scale.factor) == (0.0, 1.0):
        return values
    scaled = (values.astype(np.float64) + scale.shift) * scale.factor
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def chunks(values: np.ndarray | LazyRows) -> Iterator[np.ndarray]:
    """Return the rows of an array, a few thousand at a time, so that a memory map is never read as a whole."""
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))


def _requested_scale(values: np.ndarray, where: str, name: str) -> Scale:
    """Return the conversion from the range that the user set."""
    if values.dtype == np.uint8 and name == "0..65535":
        raise DataError(f"{where} holds 8-bit values, which can't reach 65535; omit value_range")
    low, high = _extremes(values)
    black, white = RANGES[name]
    tolerance = TOLERANCE[name]
    if not (black - tolerance <= low and high <= white + tolerance):
        outside = _share(values, lambda chunk: (chunk < black - tolerance) | (chunk > white + tolerance))
        raise DataError(
            f"{where} has values from {low:g} to {high:g}, {outside} of them outside the requested range {name}; set "
            "value_range to the range of the values"
        )
    return Scale(-black, 255 / (white - black), _clamped_note(where, name, low, high))


def _scale_of_fractions(values: np.ndarray, where: str) -> Scale:
    """Return the conversion of floating-point values by the rule of `scale_of`."""
    low, high = _extremes(values)
    for name in ("0..1", "-1..1"):
        black, white = RANGES[name]
        if black - TOLERANCE[name] <= low and high <= white + TOLERANCE[name]:
            return Scale(-black, 255 / (white - black), _clamped_note(where, name, low, high))
    if low >= -0.5 and high <= 255.5:
        above = _count(values, lambda chunk: chunk > CLEARLY_BYTES)
        if above >= LEAST_CLEARLY_BYTES * values.size:
            return Scale(0.0, 1.0)
    finite = np.isfinite(low) and np.isfinite(high)
    shares = (
        f"{_share(values, lambda chunk: (chunk < -0.05) | (chunk > 1.05))} are outside 0..1, "
        f"{_share(values, lambda chunk: np.abs(chunk) > 1.05)} outside -1..1, "
        f"{_share(values, lambda chunk: (chunk < -0.5) | (chunk > 255.5))} outside 0..255, and "
        f"{_share(values, lambda chunk: chunk > CLEARLY_BYTES)} above 2 (0..255 needs 1 %)"
    )
    raise DataError(
        f"{where} has values from {low:g} to {high:g}; "
        + (
            f"{shares}; {_advice(low, high)}"
            if finite
            else f"{_share(values, lambda chunk: ~np.isfinite(chunk))} are not finite; repair or remove these images"
        )
    )


def _advice(low: float, high: float) -> str:
    """Return advice for values that match no rule: set a range that contains all of them, or rescale them."""
    fitting = [
        name
        for name, (black, white) in RANGES.items()
        if black - TOLERANCE[name] <= low and high <= white + TOLERANCE[name]
    ]
    if not fitting:
        return f"rescale them to one of {', '.join(RANGES)} first"
    return f'if their range is {fitting[0]}, set value_range="{fitting[0]}" (--value-range {fitting[0]})'


def _clamped_note(where: str, name: str, low: float, high: float) -> tuple[str, ...]:
    black, white = RANGES[name]
    if black <= low and high <= white:
        return ()
    return (f"{where} has values from {low:.9g} to {high:.9g}; they are read as {name} and clamped to it",)


def _extremes(values: np.ndarray) -> tuple[float, float]:
    """Return the smallest and the largest value; NaN if any value is NaN; (0, 0) for an empty array."""
    extremes = [(float(chunk.min()), float(chunk.max())) for chunk in chunks(values) if chunk.size]
    lows, highs = zip(*extremes, strict=True) if extremes else ((0.0,), (0.0,))
    return float(np.min(lows)), float(np.max(highs))


def _count(values: np.ndarray, condition: Callable[[np.ndarray], np.ndarray]) -> int:
    return sum(int(np.count_nonzero(condition(chunk))) for chunk in chunks(values))


def _share(values: np.ndarray, condition: Callable[[np.ndarray], np.ndarray]) -> str:
    share = _count(values, condition) / max(1, values.size)
    return "less than 0.01 %" if 0 < share < 1e-4 else f"{100 * share:.3g} %"
