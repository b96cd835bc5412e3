"""Numbers by name: the fields of a recipe and of its parts, checked against their types. Free of torch."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Callable, Collection, Iterable
from dataclasses import fields, replace
from functools import cache, wraps
from typing import Any, Literal

from everymode.resolution import Resolution, parse_resolution

FROM_DATA: dict[str, bool] = {"from_data": True}
"""Metadata of a field that only the data, or a file, fills in: no flag sets it."""
AUTO = "auto"
"""How a person writes None where it means that a number is chosen automatically."""


class NotFinite(ValueError):
    """What a network gave holds NaN or infinite numbers."""


class UnknownNumber(ValueError):
    """There is no number of that name."""


def unknown_number(name: str, whose: str, known: Iterable[str]) -> UnknownNumber:
    """The error for a name that is not among those known, with the nearest one."""
    known = list(dict.fromkeys(known))
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else f" It has: {', '.join(known)}"
    return UnknownNumber(f"{whose} has no number called {name!r}.{hint}")


def names_of(values: Any) -> list[str]:
    """The names of a dataclass's fields, in their order; of an instance or of the class."""
    return [each.name for each in fields(values)]


@cache
def types_of(kind: type) -> dict[str, Any]:
    """The types of a dataclass's fields, by name."""
    return typing.get_type_hints(kind)


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


def changed(recipe: Any, kinds: Collection[str], numbers: dict[str, Any]) -> dict[str, Any]:
    """The fields of a recipe that differ once these numbers are changed: its own, and parts with theirs.

    Args:
        kinds: the fields that hold parts; where `numbers` has one, it is changed before the numbers are.

    Raises UnknownNumber for an unknown name, with the nearest; ValueError for a value of the wrong kind.
    """
    types = types_of(type(recipe))
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
        for name in numbers:
            if name not in names_of(type(self)):
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
