"""A recipe's numbers as command-line flags; their help is the sentence below each field in the source."""

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

from everymode.recipe import FROM_DATA, Recipe, Resolution


def number_fields(recipe: Recipe) -> list[Field[Any]]:
    """The fields that a user may set: all but those that only the data knows."""
    return [field for field in fields(recipe) if not FROM_DATA.items() <= field.metadata.items()]


def field_help(kind: type[Recipe]) -> dict[str, str]:
    """The sentence that stands below each field in the source of a recipe class and of those it derives from.

    A class whose source can't be read adds none.
    """
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, Recipe):
            found |= _sentences(base)
    return found


def number_flags(recipe: Recipe, *, reserved: Collection[str]) -> list[inspect.Parameter]:
    """One keyword-only parameter per number, with the recipe's value as its default.

    A field whose name is in `reserved` gets none: the command's own option has that flag.
    """
    kinds = typing.get_type_hints(type(recipe))
    sentences = field_help(type(recipe))
    group = Group(f"Numbers of {recipe.name}" if recipe.name else "Numbers of every recipe", sort_key=1)
    flags = []
    for field in number_fields(recipe):
        if field.name in reserved:
            continue
        value = getattr(recipe, field.name)
        kind = kinds[field.name]
        sizes = kind == Resolution
        described = Parameter(
            help=sentences.get(field.name, ""),
            group=group,
            show_default=shown if value not in ("", None) else False,
            metavar="SIZE" if sizes else None,
            converter=whole_number if kind in (int, int | None) else None,
        )
        flags.append(
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=value,
                # A resolution is handed on as text: the recipe takes 64x48 apart and says what is wrong.
                annotation=Annotated[str if sizes else kind, described],
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


def _sentences(kind: type[Recipe]) -> dict[str, str]:
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
