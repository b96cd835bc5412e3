"""Hyper-parameters by name: fields of a recipe and of its parts, checked against their types. Does not import torch."""

from __future__ import annotations

import difflib
import math
import re
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields, replace
from functools import cache, wraps
from typing import Any, Literal

from everymode.resolution import Resolution, parse_resolution

FROM_DATA: dict[str, bool] = {"from_data": True}
"""Metadata of a field that is set by the data or a file, not by a flag."""
RENAMED = {"conditional": "use --labels given or --labels none"}
"""Hyper-parameters removed in 0.2, with what replaces them."""
SPELLINGS = {
    "grey": "gray",
    "labelled_fraction": "labeled_fraction",
    "labelled_share": "labeled_share",
    "neighbours": "neighbors",
}
"""Hyper-parameters with another spelling before 0.2, which flags, calls and files may still use: old -> new."""
AUTO = "auto"
"""Text for None where None means automatic."""


class NotFinite(ValueError):
    """Output of a network that contains NaN or infinite numbers."""


class UnknownNumber(ValueError):
    """Unknown name of a hyper-parameter."""


def unknown_number(name: str, whose: str, known: Iterable[str]) -> UnknownNumber:
    """Return the error for an unknown name, with the nearest known one."""
    if name in RENAMED:
        return UnknownNumber(f"{name} is not a hyper-parameter any more: {RENAMED[name]}")
    known = list(dict.fromkeys(known))
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else f" It has: {', '.join(known)}"
    return UnknownNumber(f"{whose} has no hyper-parameter {name!r}.{hint}")


def respelled(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hyper-parameters under their present names.

    Raises:
        ValueError: if one is given under both its old and its new name.
    """
    renamed = {SPELLINGS.get(name, name): value for name, value in numbers.items()}
    if len(renamed) < len(numbers):
        old = next(name for name in numbers if SPELLINGS.get(name) in numbers)
        raise ValueError(f"{old} is the old name of {SPELLINGS[old]}, which is also set: omit {old}")
    return renamed


def names_of(values: Any) -> list[str]:
    """Return the field names of a dataclass, or of an instance, in their order."""
    return [each.name for each in fields(values)]


def nearest_of(kind: type, *methods: str) -> str:
    """Return the method that the class defines itself or inherits from the nearest class; the first one of a tie."""
    return next(name for each in kind.__mro__ for name in methods if name in vars(each))


@cache
def types_of(kind: type) -> dict[str, Any]:
    """Return the types of a dataclass's fields by name."""
    return typing.get_type_hints(kind)


def require_finite(numbers: Any) -> None:
    """Check that no field of a dataclass is or contains NaN or an infinite number.

    Raises:
        ValueError: if one does.
    """
    for name in names_of(numbers):
        value = getattr(numbers, name)
        elements = value if isinstance(value, tuple) else (value,)
        if any(isinstance(each, float) and not math.isfinite(each) for each in elements):
            raise ValueError(f"{name} must be a finite number, not {value}")


def with_tuples(value: Any) -> Any:
    """Convert lists (of JSON) to tuples, and NumPy scalars to Python numbers."""
    if isinstance(value, (list, tuple)):
        return tuple(with_tuples(each) for each in value)
    if type(value).__module__ == "numpy" and hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        return value.item()
    return value


def checked(name: str, value: Any, kind: Any) -> Any:
    """Convert a value to the type of its field; "auto" becomes None where None is allowed.

    Raises:
        ValueError: if the type does not allow it; the error message states what is allowed.
    """
    if not isinstance(value, (list, tuple)) or typing.get_origin(kind) is tuple:
        value = with_tuples(value)
    if kind == Resolution:
        return parse_resolution(value)
    if typing.get_origin(kind) is Literal:
        return _choice(name, value, typing.get_args(kind))
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        choices = typing.get_args(kind)
        optional = type(None) in choices
        if optional and (value is None or value == AUTO):
            return None
        if isinstance(value, (tuple, list)) and any(typing.get_origin(each) is tuple for each in choices):
            return with_tuples(list(value))
        if isinstance(value, str) and str in choices:
            number = _number_in(value) if float in choices else None
            return value if number is None else number
        kind = next(choice for choice in choices if choice is not type(None))
        if typing.get_origin(kind) is Literal:
            return _choice(name, value, typing.get_args(kind))
    if isinstance(value, dict) and hasattr(kind, "from_json"):
        return kind.from_json(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    plain = typing.get_origin(kind) or kind
    if not isinstance(value, plain) or (isinstance(value, bool) and plain is not bool):
        raise ValueError(f"{name} must be of type {getattr(plain, '__name__', plain)}, not {value!r}")
    return value


def held_out_fraction(held_out: float | str) -> float:
    """Return the fraction of the images to hold out: a number, also as text; 0 for the name of a dataset.

    Raises:
        ValueError: if the fraction is not at least 0 and below 1.
    """
    fraction = _number_in(held_out) if isinstance(held_out, str) else held_out
    if fraction is None:
        return 0.0
    if not 0 <= fraction < 1:
        raise ValueError(
            f"held_out must be a fraction of at least 0 and below 1, such as 0.1, or a dataset, not {held_out}: for a "
            f"folder of this name, write ./{held_out}"
        )
    return fraction


def _number_in(text: str) -> float | None:
    """Return the decimal number that a text is, or None for another text (such as nan)."""
    return float(text) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text.strip().lower()) else None


def require_types(values: Any) -> None:
    """Check the types of a dataclass's fields that are numbers, texts, booleans or choices.

    Other fields, and those of classes whose types can't be read, are not checked.

    Raises:
        ValueError: if one has another type.
    """
    for name, kind in _plain_fields(type(values)):
        value = getattr(values, name)
        if checked(name, value, kind) is None and value is not None:
            raise ValueError(f"{name} must be None for automatic, not {value!r}")


@cache
def _plain_fields(kind: type) -> list[tuple[str, Any]]:
    try:
        types = types_of(kind)
    except (NameError, TypeError):
        return []
    return [(name, types[name]) for name in names_of(kind) if _is_plain(types[name])]


def _is_plain(kind: Any) -> bool:
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return all(_is_plain(choice) or choice is type(None) for choice in typing.get_args(kind))
    return kind in (int, float, str, bool) or typing.get_origin(kind) is Literal


def changed(recipe: Any, kinds: Collection[str], numbers: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a recipe that change with these hyper-parameters: its own fields, and its parts.

    Args:
        kinds: the fields that hold parts; parts in `numbers` replace the recipe's before hyper-parameters are set.

    Raises:
        UnknownNumber: for an unknown name; the error message has the nearest.
        ValueError: for a value of the wrong type.
    """
    types = types_of(type(recipe))
    numbers = respelled(numbers)
    for kind in kinds:
        if isinstance(numbers.get(kind), str):
            raise ValueError(
                f"{kind} must be a part, not the name {numbers[kind]!r}; everymode.train(..., {kind}="
                f"{numbers[kind]!r}) takes names"
            )
    own = {kind: checked(kind, numbers[kind], types[kind]) for kind in kinds if kind in numbers}
    parts = {part.kind: part for part in recipe.parts()} | own
    of_parts: dict[str, dict[str, Any]] = {}
    for name, value in numbers.items():
        if name in names_of(recipe):
            own[name] = checked(name, value, types[name])
            continue
        owners = [kind for kind, part in parts.items() if part is not None and name in names_of(part)]
        if not owners:
            known = [*names_of(recipe), *(each for part in parts.values() if part for each in names_of(part))]
            raise unknown_number(name, recipe.name or type(recipe).__name__, known)
        for kind in owners:
            of_parts.setdefault(kind, {})[name] = checked(name, value, types_of(type(parts[kind]))[name])
    return own | {kind: replace(parts[kind], **values) for kind, values in of_parts.items()}


def explaining(make: Callable[..., None]) -> Callable[..., None]:
    """Wrap an initializer so that the errors of `Recipe(width=48)` and `replace(recipe, width=48)` name the fix."""

    @wraps(make)
    def init(self: Any, **numbers: Any) -> None:
        own = names_of(type(self))
        for name in numbers:
            if name in RENAMED or (name not in own and difflib.get_close_matches(name, own, n=1, cutoff=0.8)):
                raise TypeError(str(unknown_number(name, "a recipe", own)))
            if name not in own:
                raise TypeError(
                    f"a recipe has no field {name!r}: change hyper-parameters of its parts by "
                    f"recipe.with_numbers({name}=...), or in the part, as in "
                    "replace(recipe, networks=replace(recipe.networks, width=48))"
                )
        make(self, **numbers)

    return init


def _choice(name: str, value: Any, choices: tuple[Any, ...]) -> Any:
    if value not in choices:
        raise ValueError(f"{name} is one of {', '.join(map(str, choices))}, not {value!r}")
    return value
