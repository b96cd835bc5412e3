"""Built-in datasets by name, such as `digits`, `digits:train` and `ring:modes=8,radius=2`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import NamedTuple

from everymode.data.dataset import Dataset
from everymode.data.domains import two_domain_digits
from everymode.data.sample_photos import sample_photos
from everymode.data.shapes import shapes
from everymode.data.stacked import stacked_digits
from everymode.data.synthetic import digits, grid, ring
from everymode.data.textures import textures
from everymode.data.words import did_you_mean

__all__ = ["BUILTIN", "BuiltinName", "build_named", "names_points", "parse_name"]

BUILTIN: dict[str, Callable[..., Dataset]] = {
    "digits": digits,
    "grid": grid,
    "ring": ring,
    "sample-photos": sample_photos,
    "shapes": shapes,
    "stacked-digits": stacked_digits,
    "textures": textures,
    "two-domain-digits": two_domain_digits,
}
SWITCH = {"yes": True, "no": False}
"""Values of an option that is on or off."""


class BuiltinName(NamedTuple):
    """Parsed name of a built-in dataset: `ring:modes=8` -> ("ring", {"modes": 8})."""

    name: str
    options: dict[str, object]


def parse_name(text: str) -> BuiltinName | None:
    """Parse the name of a built-in dataset; return None if the word before the colon is not one.

    Options follow a colon, separated by commas, as `key=value`; a bare word is a `split`.

    Raises:
        ValueError: if the dataset does not have an option, or a value has the wrong type.
    """
    name, _, rest = text.partition(":")
    if name not in BUILTIN:
        return None
    allowed = inspect.signature(BUILTIN[name], eval_str=True).parameters
    options: dict[str, object] = {}
    for piece in rest.split(",") if rest else ():
        key, equals, value = (part.strip() for part in piece.partition("="))
        if not equals:
            key, value = "split", key
        if key not in allowed or key == "resolution":
            names = [option for option in allowed if option != "resolution"]
            raise ValueError(
                f'"{text}": {name} has no option "{piece}"{did_you_mean(key, names)}; it takes '
                f"{', '.join(names) or 'no options'}"
            )
        kind = allowed[key].annotation
        try:
            options[key] = SWITCH[value] if kind is bool else kind(value)
        except KeyError:
            raise ValueError(f'"{text}": {key} must be yes or no, not "{value}"') from None
        except (TypeError, ValueError):
            raise ValueError(f'"{text}": {key} must be of type {kind.__name__}, not "{value}"') from None
        if kind is float and not math.isfinite(float(value)):
            raise ValueError(f'"{text}": {key} must be a finite number, not {value}')
    return BuiltinName(name, options)


def names_points(text: str) -> bool:
    """Return whether this is the name of a built-in dataset of points in the plane.

    Raises:
        ValueError: as in `parse_name`.
    """
    parsed = parse_name(text)
    return parsed is not None and "resolution" not in inspect.signature(BUILTIN[parsed.name]).parameters


def build_named(parsed: BuiltinName, resolution: tuple[int, int] | None) -> Dataset:
    """Build a dataset by name; `resolution` is passed on to datasets of images.

    Raises:
        ValueError: if a resolution is set for points, or an option is out of range.
    """
    build = BUILTIN[parsed.name]
    if "resolution" in inspect.signature(build).parameters:
        return build(resolution=resolution, **parsed.options)
    if resolution is not None:
        raise ValueError(f"{parsed.name} holds points in the plane, which have no resolution; omit it")
    return build(**parsed.options)
