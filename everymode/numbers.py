"""Numbers by name: the fields of a recipe and of its parts, checked against their types. Free of torch."""

from __future__ import annotations

import difflib
import math
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields, replace
from functools import cache, wraps
from typing import Any, Literal

from everymode.resolution import Resolution, parse_resolution

FROM_DATA: dict[str, bool] = {"from_data": True}
"""Metadata of a field that only the data, or a file, fills in: no flag sets it."""
RENAMED = {"conditional": "labels says it now: --labels given, or --labels none"}
"""Numbers that recipes had until 0.2, and what stands for them."""
SPELLINGS = {
    "grey": "gray",
    "labelled_fraction": "labeled_fraction",
    "labelled_share": "labeled_share",
    "neighbours": "neighbors",
}
"""Numbers that were spelled otherwise until 0.2; the old spelling is still read, from flags, calls, and files."""
AUTO = "auto"
"""How a person writes None where it means that a number is chosen automatically."""


class NotFinite(ValueError):
    """What a network gave holds NaN or infinite numbers."""


class UnknownNumber(ValueError):
    """There is no number of that name."""


def unknown_number(name: str, whose: str, known: Iterable[str]) -> UnknownNumber:
    """The error for a name that is not among those known, with the nearest one."""
    if name in RENAMED:
        return UnknownNumber(f"{name} is no number of a recipe any more: {RENAMED[name]}")
    known = list(dict.fromkeys(known))
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else f" It has: {', '.join(known)}"
    return UnknownNumber(f"{whose} has no number called {name!r}.{hint}")


def respelled(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """The same numbers under the names they have now. Raises ValueError where one has both spellings."""
    renamed = {SPELLINGS.get(name, name): value for name, value in numbers.items()}
    if len(renamed) < len(numbers):
        twice = next(name for name in numbers if SPELLINGS.get(name) in numbers)
        raise ValueError(
            f"{twice} is the old spelling of {SPELLINGS[twice]}, which is given too: leave it out"
        )
    return renamed


def names_of(values: Any) -> list[str]:
    """The names of a dataclass's fields, in their order; of an instance or of the class."""
    return [each.name for each in fields(values)]


@cache
def types_of(kind: type) -> dict[str, Any]:
    """The types of a dataclass's fields, by name."""
    return typing.get_type_hints(kind)


def require_finite(numbers: Any) -> None:
    """Raise ValueError for a field of a dataclass that is NaN or infinite, or holds such a number."""
    for name in names_of(numbers):
        value = getattr(numbers, name)
        several = value if isinstance(value, tuple) else (value,)
        if any(isinstance(each, float) and not math.isfinite(each) for each in several):
            raise ValueError(f"{name} must be a finite number, not {value}")


def with_tuples(value: Any) -> Any:
    """JSON's lists as the tuples they were, and numpy's numbers (out of a sweep) as Python's."""
    if isinstance(value, (list, tuple)):
        return tuple(with_tuples(each) for each in value)
    if type(value).__module__ == "numpy" and hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        return value.item()
    return value


def checked(name: str, value: Any, kind: Any) -> Any:
    """The value as its field's type; "auto" is None where None is allowed. Raises ValueError that says what is."""
    if not isinstance(value, (list, tuple)):
        value = with_tuples(value)
    if kind == Resolution:
        return parse_resolution(value)
    if typing.get_origin(kind) is Literal:
        return _chosen(name, value, typing.get_args(kind))
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        choices = typing.get_args(kind)
        optional = type(None) in choices
        if optional and (value is None or value == AUTO):
            return None
        if isinstance(value, (tuple, list)) and tuple in map(typing.get_origin, choices):
            return with_tuples(list(value))
        kind = next(choice for choice in choices if choice is not type(None))
        if typing.get_origin(kind) is Literal:
            return _chosen(name, value, typing.get_args(kind))
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


def require_types(values: Any) -> None:
    """Raise ValueError for a field of a dataclass that is a number, text, switch or choice and holds another value.

    Other fields, and those of classes whose types can't be read, are not looked at.
    """
    for name, kind in _plain_fields(type(values)):
        value = getattr(values, name)
        if checked(name, value, kind) is None and value is not None:
            raise ValueError(f"{name} is None where it is chosen automatically, not {value!r}")


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
    """The fields of a recipe that differ once these numbers are changed: its own, and parts with theirs.

    Args:
        kinds: the fields that hold parts; where `numbers` has one, it is changed before the numbers are.

    Raises UnknownNumber for an unknown name, with the nearest; ValueError for a value of the wrong kind.
    """
    types = types_of(type(recipe))
    numbers = respelled(numbers)
    for kind in kinds:
        if isinstance(numbers.get(kind), str):
            raise ValueError(
                f"{kind} takes a part, not its name {numbers[kind]!r}; everymode.train(..., {kind}={numbers[kind]!r}) "
                "takes names"
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
    """An initializer with which `Recipe(width=48)` and `replace(recipe, width=48)` say how parts are changed."""

    @wraps(make)
    def init(self: Any, **numbers: Any) -> None:
        own = names_of(type(self))
        for name in numbers:
            if name in RENAMED or (name not in own and difflib.get_close_matches(name, own, n=1, cutoff=0.8)):
                raise TypeError(str(unknown_number(name, "a recipe", own)))
            if name not in own:
                raise TypeError(
                    f"a recipe has no field {name!r}: numbers of its parts are changed by "
                    f"recipe.with_numbers({name}=...), or in the part, as in "
                    "replace(recipe, networks=replace(recipe.networks, width=48))"
                )
        make(self, **numbers)

    return init


def _chosen(name: str, value: Any, choices: tuple[Any, ...]) -> Any:
    if value not in choices:
        raise ValueError(f"{name} is one of {', '.join(map(str, choices))}, not {value!r}")
    return value
