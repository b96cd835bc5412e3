"""Command-line flags for the hyper-parameters of a recipe and its parts, or of a partition.

The help of a flag is the docstring below the field in the source.
"""

from __future__ import annotations

import ast
import inspect
import sys
import types
import typing
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import Field, fields
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple, Protocol, cast

from cyclopts import Group, Parameter, Token

from everymode.numbers import AUTO, FROM_DATA, types_of
from everymode.part import Part
from everymode.partitioner.settings import PartitionSettings
from everymode.recipe import KINDS, Recipe
from everymode.recipes.parts.catalog import name_of
from everymode.resolution import Resolution

Numbers = Recipe | PartitionSettings | Part


class Number(NamedTuple):
    """A hyper-parameter that a user may set."""

    name: str
    value: Any
    type: Any
    help: str
    owner: Numbers
    """The recipe or part that has the field; the first one if two parts have it."""


def numbers_of(recipe: Numbers, parts: Sequence[Part] | None = None) -> list[Number]:
    """Return all hyper-parameters that a user may set: those of the recipe, then those of its parts.

    Args:
        recipe: the recipe, the partition's settings, or a part.
        parts: parts to use instead of the recipe's.
    """
    if parts is None:
        parts = recipe.parts() if isinstance(recipe, Recipe) else []
    numbers: dict[str, Number] = {}
    for owner in (recipe, *parts):
        helps, kinds = field_help(type(owner)), types_of(type(owner))
        for each in number_fields(owner):
            value = getattr(owner, each.name)
            number = Number(each.name, value, kinds[each.name], helps.get(each.name, ""), owner)
            numbers.setdefault(each.name, number)
    return list(numbers.values())


def number_fields(owner: Numbers) -> list[Field[Any]]:
    """Return the fields that a user may set: all except those derived from the data, and those that hold parts."""
    return [
        each
        for each in fields(owner)
        if not FROM_DATA.items() <= each.metadata.items() and each.name not in KINDS
    ]


def field_help(kind: type[Numbers]) -> dict[str, str]:
    """Return the docstrings of the fields of a class and its base classes, read from their source.

    A class whose source can't be read adds none.
    """
    helps: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, Numbers):
            helps |= {name: text for name, (text, _) in fields_in_source(base).items() if text}
    return helps


def fields_in_source(kind: type) -> dict[str, tuple[str, int]]:
    """Return the docstring ("" for none) and the line of each field that a class defines itself."""
    node = class_in_source(kind)
    docstrings = {}
    for statement, follower in zip(node.body, [*node.body[1:], None], strict=True) if node else ():
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            text = ""
            if isinstance(follower, ast.Expr) and isinstance(follower.value, ast.Constant):
                text = inspect.cleandoc(str(follower.value.value))
            docstrings[statement.target.id] = (text, statement.lineno)
    return docstrings


@lru_cache(maxsize=64)
def parsed(source: str) -> ast.Module:
    """Return the syntax tree of a module's source."""
    return ast.parse(source)


def class_in_source(kind: type) -> ast.ClassDef | None:
    """Return the syntax tree of a class; None if its module's source can't be read."""
    try:
        tree = parsed(inspect.getsource(sys.modules[kind.__module__]))
    except (OSError, TypeError, KeyError):
        return None
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__]
    return classes[-1] if classes else None


def number_flags(
    recipe: Numbers, *, reserved: Collection[str], parts: Sequence[Part] | None = None
) -> list[inspect.Parameter]:
    """Return a keyword-only parameter for each hyper-parameter, with the recipe's value as its default.

    Args:
        recipe: the recipe, the partition's settings, or a part.
        reserved: names of the command's options, which get no flag here.
        parts: as for `numbers_of`.
    """
    numbers = numbers_of(recipe, parts)
    groups = {id(owner): group for owner, group in _groups(numbers)}
    flags = []
    for number in numbers:
        if number.name in reserved:
            continue
        sizes, several = number.type == Resolution, number.type in _LISTS
        kind, converter = _as_typed(number.type)
        described = Parameter(
            help=number.help,
            group=groups[id(number.owner)],
            show_default=(_list if several else shown) if number.value != "" else False,
            metavar="SIZE" if sizes else _LISTS.get(number.type),
            converter=converter,
            allow_leading_hyphen=any(str(choice).startswith("-") for choice in typing.get_args(kind)),
        )
        flags.append(
            inspect.Parameter(
                number.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=number.value,
                # A resolution is passed on as text: the recipe parses 64x48 and reports errors.
                annotation=Annotated[str if sizes or several else kind, described],
            )
        )
    return flags


class _Command(Protocol):
    """Attributes of a function that cyclopts reads."""

    __signature__: inspect.Signature
    __doc__: str | None


def describe(command: Callable[..., Any], parameters: Sequence[inspect.Parameter], text: str) -> None:
    """Set the signature and the docstring of a function, from which cyclopts makes its flags and help."""
    described = cast("_Command", command)  # functions take a __signature__, which their declared type lacks
    described.__signature__ = inspect.Signature(parameters)
    described.__doc__ = text


def _groups(numbers: Sequence[Number]) -> Iterator[tuple[Numbers, Group]]:
    """Yield a heading for the recipe and for each of its parts, in this order."""
    owners = {id(number.owner): number.owner for number in numbers}
    for order, owner in enumerate(owners.values()):
        yield owner, Group(_title(owner), sort_key=order + 2)


def _title(numbers: Numbers) -> str:
    if isinstance(numbers, Part):
        return f"{numbers.kind.capitalize()}: {name_of(numbers) or type(numbers).__name__}"
    if not isinstance(numbers, Recipe):
        return "Hyper-parameters"
    return f"Hyper-parameters of {numbers.name}" if numbers.name else "Hyper-parameters of every recipe"


def _as_typed(kind: Any) -> tuple[Any, Callable[..., Any] | None]:
    """Return a field's type for cyclopts, and its converter. If None is allowed, `auto` is too."""
    if typing.get_origin(kind) not in (types.UnionType, typing.Union) or kind == Resolution:
        return kind, _CONVERTERS.get(kind)
    choices = [choice for choice in typing.get_args(kind) if choice is not type(None)]
    if typing.get_origin(choices[0]) is Literal:
        return Literal[(*typing.get_args(choices[0]), AUTO)], None
    if str in choices:  # as text, because cyclopts would convert none to None, which is automatic
        return str, None
    if choices[0] in (int, float):
        return kind, _or_auto(whole_number if choices[0] is int else _any_number)
    return kind, _CONVERTERS.get(kind)


def _or_auto(read: Callable[[Any, Sequence[Token]], Any]) -> Callable[[Any, Sequence[Token]], Any]:
    def convert(kind: Any, tokens: Sequence[Token]) -> Any:
        return AUTO if tokens[0].value == AUTO else read(kind, tokens)

    return convert


def _any_number(kind: Any, tokens: Sequence[Token]) -> float:
    try:
        return float(tokens[0].value)
    except ValueError:
        raise ValueError(f"{tokens[0].value!r} is neither a number nor auto") from None


def whole_number(kind: Any, tokens: Sequence[Token]) -> int:
    """Parse a whole number: 30, 1_000, 30.0 or 0x1e. (The default converter of cyclopts rounds 1.5 to 2.)

    Raises:
        ValueError: if the text is not a whole number.
    """
    text = tokens[0].value
    with suppress(ValueError):
        return int(text, 0) if text.lower().lstrip("+-").startswith("0x") else int(text)
    with suppress(ValueError, OverflowError):
        if float(text).is_integer():
            return int(float(text))
    raise ValueError(f"{text!r} is not a whole number")


def each_whole_number(kind: Any, tokens: Sequence[Token]) -> list[int]:
    """Parse the values of a flag that may be repeated as whole numbers.

    Raises:
        ValueError: if one is not a whole number.
    """
    return [whole_number(int, [token]) for token in tokens]


def whole_numbers(kind: Any, tokens: Sequence[Token]) -> tuple[int, ...]:
    """Parse whole numbers separated by commas, such as 2,2,2.

    Raises:
        ValueError: if the text is not such a list.
    """
    try:
        return tuple(int(piece) for piece in tokens[0].value.split(","))
    except ValueError:
        raise ValueError(f"{tokens[0].value!r} is not a list of whole numbers such as 2,2,2") from None


def fractions(kind: Any, tokens: Sequence[Token]) -> tuple[float, ...]:
    """Parse numbers separated by commas, such as 0.25,0.5; none or an empty text is an empty list.

    Raises:
        ValueError: if the text is not such a list.
    """
    text = tokens[0].value.strip()
    try:
        return tuple(float(piece) for piece in text.split(",")) if text not in ("", "none") else ()
    except ValueError:
        raise ValueError(f"{text!r} is neither a list of numbers such as 0.25,0.5 nor none") from None


def documentation(kind: type) -> str:
    """Return a class's docstring, or "" if dataclasses generated it."""
    text = kind.__doc__ or ""
    return "" if text.startswith(f"{kind.__name__}(") else inspect.cleandoc(text)


def shown(value: Any) -> str:
    """Return a value as the user would write it: 64x48 for a resolution, on or off for a switch, auto for None."""
    if value is None:
        return AUTO
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        fractional = not value or any(isinstance(each, float) for each in value)
        return _list(value) if fractional else "x".join(map(str, value))
    return str(value)


def _list(values: tuple[float, ...]) -> str:
    return ",".join(map(str, values)) or "none"


_LISTS: dict[Any, str] = {tuple[int, ...]: "INT,INT,...", tuple[float, ...]: "FLOAT,FLOAT,..."}
"""Types that are given as lists separated by commas, and their form in the help."""
_CONVERTERS: dict[Any, Any] = {
    int: whole_number,
    tuple[int, ...]: whole_numbers,
    tuple[float, ...]: fractions,
}
