"""Which numbers stand for black and white: found from the values by a stated rule, or said by the user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from everymode.data.errors import DataError

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
"""What `value_range` may say: the numbers of black and of white."""
LOOSE = {"0..1": 0.05, "-1..1": 0.05, "0..255": 0.5, "0..65535": 0.5}
"""How far values may lie outside: by rounding, or by the overshoot of a resize. They are clamped."""
CLEARLY_BYTES = 2.0
LEAST_CLEARLY_BYTES = 0.01
"""Share of the values that must be above CLEARLY_BYTES, or 0..255 is not believed."""
CHUNK = 4096


class Scale(NamedTuple):
    """How values become bytes: (v + shift) * factor, rounded and clamped to 0 .. 255; and what a user should know."""

    shift: float
    factor: float
    notes: tuple[str, ...] = ()


def require_range(value_range: str | None) -> None:
    """Raise ValueError if `value_range` is neither None nor one of RANGES."""
    if value_range is not None and value_range not in RANGES:
        raise ValueError(
            f"value_range is {value_range!r}; choose one of {', '.join(RANGES)}, or leave it out"
        )


def scale_of(values: np.ndarray, where: str, value_range: str | None = None) -> Scale:
    """How an array of images becomes bytes.

    Said by `value_range`, or else: uint8 stays; bool: 1 -> 255; 16 bits without a sign: 65,535 -> 255; other whole
    numbers must lie in 0 .. 255. Fractions are 0..1 if all lie in -0.05 .. 1.05; else -1..1 if all lie in -1.05 ..
    1.05; else 0..255 if all lie in -0.5 .. 255.5 and at least 1 % of them are above 2.

    Args:
        values: of any shape and byte order.
        where: for messages.

    Raises:
        DataError: values in none of these ranges, outside the range that was said, or not finite.
    """
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind not in "biuf":
        raise DataError(f"{where} is of type {values.dtype}; save uint8 or float")
    if value_range is not None:
        return _asked(values, where, value_range)
    if kind == "b":
        return Scale(0.0, 255.0)
    if kind == "f":
        return _of_fractions(values, where)
    if values.dtype == np.uint8:
        return Scale(0.0, 1.0, mask_note(values, where))
    low, high = _extremes(values)
    if kind == "u" and size == 2:
        return Scale(0.0, 255 / 65535, dark_note(f"{where} holds 16-bit values", int(high), 16))
    if low < 0 or high > 255:
        raise DataError(
            f"{where} has values from {low:g} to {high:g}; whole numbers in 0 .. 255 are taken as they are: "
            f"{_advice(low, high)}"
        )
    return Scale(0.0, 1.0, dark_note(f"{where} holds whole numbers", int(high), 8))


def mask_note(values: np.ndarray, where: str) -> tuple[str, ...]:
    """`dark_note` of uint8 values; it stops reading where the first is above 1."""
    largest = 0
    for part in chunks(values):
        largest = max(largest, int(part.max()) if part.size else 0)
        if largest > 1:
            return ()
    return dark_note(f"{where} holds 8-bit values", largest, 8)


def dark_note(what: str, largest: int, bits: int) -> tuple[str, ...]:
    """A note on images that look black because their values are of a smaller range than their type, or ()."""
    if bits == 8 and largest != 1:
        return ()
    if bits == 16 and largest >= 256:
        return ()
    meant = "0..1" if largest <= 1 else "0..255"
    return (
        f"{what}, none above {largest}, so that the images are black or nearly black; if they mean {meant}, say so: "
        f'value_range="{meant}" (--value-range {meant})',
    )


def in_bytes(values: np.ndarray, value_range: str | None, where: str) -> np.ndarray:
    """Values of one picture file as bytes: uint8 as they are, unless the user said a range that they have to be brought
    from; others as the user said, or divided by 257.

    Raises:
        DataError: values outside the range.
    """
    if values.dtype == np.uint8 and value_range in (None, "0..255", "0..65535"):
        return values
    if value_range is None and (values.min() < 0 or values.max() > 65535):
        raise DataError(
            f"{where} values from {values.min()} to {values.max()}; 0 .. 65535 is accepted, unless the range is said "
            "(value_range, --value-range)"
        )
    return to_bytes(values, _asked(values, where, value_range or "0..65535"))


class Brightest:
    """The largest value of the pictures of a set, 8-bit and 16-bit ones apart."""

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
        """`dark_note` of each kind that is there; of 8-bit pictures only where there are no deeper ones."""
        if self.deep is not None:
            return dark_note(f"{name} holds 16-bit images", self.deep, 16)
        return () if self.shallow is None else dark_note(f"{name} holds 8-bit images", self.shallow, 8)


def to_bytes(values: np.ndarray, scale: Scale) -> np.ndarray:
    """uint8, of the same shape."""
    if values.dtype == np.uint8 and (scale.shift, scale.factor) == (0.0, 1.0):
        return values
    scaled = (values.astype(np.float64) + scale.shift) * scale.factor
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def chunks(values: np.ndarray) -> Iterator[np.ndarray]:
    """The rows of an array, some thousands at a time, so that a memory map stays one."""
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))


def _asked(values: np.ndarray, where: str, name: str) -> Scale:
    if values.dtype == np.uint8 and name == "0..65535":
        raise DataError(f"{where} holds 8-bit values, which can't reach 65535: leave the value range out")
    low, high = _extremes(values)
    black, white = RANGES[name]
    loose = LOOSE[name]
    if not (black - loose <= low and high <= white + loose):
        outside = _share(values, lambda part: (part < black - loose) | (part > white + loose))
        raise DataError(
            f"{where} has values from {low:g} to {high:g}, {outside} of them outside {name}, as which they are to be "
            "read; name the range that they have"
        )
    return Scale(-black, 255 / (white - black), _clamped_note(where, name, low, high))


def _of_fractions(values: np.ndarray, where: str) -> Scale:
    low, high = _extremes(values)
    for name in ("0..1", "-1..1"):
        black, white = RANGES[name]
        if black - LOOSE[name] <= low and high <= white + LOOSE[name]:
            return Scale(-black, 255 / (white - black), _clamped_note(where, name, low, high))
    if low >= -0.5 and high <= 255.5:
        above = _count(values, lambda part: part > CLEARLY_BYTES)
        if above >= LEAST_CLEARLY_BYTES * values.size:
            return Scale(0.0, 1.0)
    finite = np.isfinite(low) and np.isfinite(high)
    shares = (
        f"{_share(values, lambda part: (part < -0.05) | (part > 1.05))} lie outside 0..1, "
        f"{_share(values, lambda part: np.abs(part) > 1.05)} outside -1..1, "
        f"{_share(values, lambda part: (part < -0.5) | (part > 255.5))} outside 0..255, and "
        f"{_share(values, lambda part: part > CLEARLY_BYTES)} above 2, where 0..255 needs 1 %"
    )
    raise DataError(
        f"{where} has values from {low:g} to {high:g}; "
        + (
            f"{shares}: {_advice(low, high)}"
            if finite
            else f"{_share(values, lambda part: ~np.isfinite(part))} are not finite: mend or remove these images"
        )
    )


def _advice(low: float, high: float) -> str:
    """What to do with values that no rule takes: name a range that holds all of them, or bring them to one."""
    fitting = [
        name
        for name, (black, white) in RANGES.items()
        if black - LOOSE[name] <= low and high <= white + LOOSE[name]
    ]
    if not fitting:
        return f"bring them to one of {', '.join(RANGES)} first"
    return f'if they mean {fitting[0]}, say so: value_range="{fitting[0]}" (--value-range {fitting[0]})'


def _clamped_note(where: str, name: str, low: float, high: float) -> tuple[str, ...]:
    black, white = RANGES[name]
    if black <= low and high <= white:
        return ()
    return (f"{where} has values from {low:.9g} to {high:.9g}; they are read as {name}, and clamped to it",)


def _extremes(values: np.ndarray) -> tuple[float, float]:
    """Smallest and largest value, nan where any is not a number; (0, 0) of none."""
    found = [(float(part.min()), float(part.max())) for part in chunks(values) if part.size]
    lows, highs = zip(*found, strict=True) if found else ((0.0,), (0.0,))
    return float(np.min(lows)), float(np.max(highs))


def _count(values: np.ndarray, which: Callable[[np.ndarray], np.ndarray]) -> int:
    return sum(int(np.count_nonzero(which(part))) for part in chunks(values))


def _share(values: np.ndarray, which: Callable[[np.ndarray], np.ndarray]) -> str:
    share = _count(values, which) / max(1, values.size)
    return "less than 0.01 %" if 0 < share < 1e-4 else f"{100 * share:.3g} %"
