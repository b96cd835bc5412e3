"""A recipe's numbers as command-line flags (or a partition's); their help is the sentence below each field's source."""

from __future__ import annotations

import ast
import inspect
import sys
import typing
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import Field, fields
from typing import Annotated, Any

from cyclopts import Group, Parameter, Token

from everymode.partitioner.settings import PartitionSettings
from everymode.recipe import FROM_DATA, Recipe
from everymode.resolution import Resolution

Numbers = Recipe | PartitionSettings


def number_fields(recipe: Numbers) -> list[Field[Any]]:
    """The fields that a user may set: all but those that only the data knows."""
    return [field for field in fields(recipe) if not FROM_DATA.items() <= field.metadata.items()]


def field_help(kind: type[Numbers]) -> dict[str, str]:
    """The sentence that stands below each field in the source of a recipe class and of those it derives from.

    A class whose source can't be read adds none.
    """
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, Numbers):
            found |= _sentences(base)
    return found


def number_flags(recipe: Numbers, *, reserved: Collection[str]) -> list[inspect.Parameter]:
    """One keyword-only parameter per number, with the recipe's value as its default.

    A field whose name is in `reserved` gets none: the command's own option has that flag.
    """
    kinds = typing.get_type_hints(type(recipe))
    sentences = field_help(type(recipe))
    group = Group(_title(recipe), sort_key=1)
    flags = []
    for field in number_fields(recipe):
        if field.name in reserved:
            continue
        value = getattr(recipe, field.name)
        kind = kinds[field.name]
        sizes = kind == Resolution
        several = kind == tuple[int, ...]
        described = Parameter(
            help=sentences.get(field.name, ""),
            group=group,
            show_default=(_list if several else shown) if value not in ("", None) else False,
            metavar="SIZE" if sizes else "INT,INT,..." if several else None,
            converter=_CONVERTERS.get(kind),
        )
        flags.append(
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=value,
                # A resolution is handed on as text: the recipe takes 64x48 apart and says what is wrong.
                annotation=Annotated[str if sizes or several else kind, described],
            )
        )
    return flags


def whole_number(kind: Any, tokens: Sequence[Token]) -> int:
    """What was typed as a whole number: 30, 1_000, 30.0 or 0x1e. Left to itself, cyclopts rounds 1.5 to 2.

    Raises ValueError for anything else.
    """
    text = tokens[0].value
    with suppress(ValueError):
        return int(text, 0) if text.lower().lstrip("+-").startswith("0x") else int(text)
    with suppress(ValueError, OverflowError):
        if float(text).is_integer():
            return int(float(text))
    raise ValueError(f"{text!r} is not a whole number")


def each_whole_number(kind: Any, tokens: Sequence[Token]) -> list[int]:
    """What was typed for a flag that may be repeated, as whole numbers. Raises ValueError for anything else."""
    return [whole_number(int, [token]) for token in tokens]


def whole_numbers(kind: Any, tokens: Sequence[Token]) -> tuple[int, ...]:
    """What was typed as whole numbers joined by commas, such as 2,2,2. Raises ValueError for anything else."""
    try:
        return tuple(int(piece) for piece in tokens[0].value.split(","))
    except ValueError:
        raise ValueError(f"{tokens[0].value!r} is not a list of whole numbers such as 2,2,2") from None


def documentation(kind: type[Recipe]) -> str:
    """A recipe class's docstring, or "" where there is only the one that dataclasses make up."""
    text = kind.__doc__ or ""
    return "" if text.startswith(f"{kind.__name__}(") else inspect.cleandoc(text)


def shown(value: Any) -> str:
    """A number as the user would write it: 64x48, on and off for switches."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return str(value)


def _list(values: tuple[int, ...]) -> str:
    return ",".join(map(str, values))


def _title(numbers: Numbers) -> str:
    if not isinstance(numbers, Recipe):
        return "Numbers"
    return f"Numbers of {numbers.name}" if numbers.name else "Numbers of every recipe"


_CONVERTERS: dict[Any, Any] = {int: whole_number, int | None: whole_number, tuple[int, ...]: whole_numbers}


def _sentences(kind: type[Numbers]) -> dict[str, str]:
    try:
        tree = ast.parse(inspect.getsource(sys.modules[kind.__module__]))
    except (OSError, TypeError, KeyError):
        return {}
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__]
    found = {}
    for statement, follower in zip(classes[-1].body, classes[-1].body[1:], strict=False) if classes else ():
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        if isinstance(follower, ast.Expr) and isinstance(follower.value, ast.Constant):
            found[statement.target.id] = inspect.cleandoc(str(follower.value.value))
    return found
