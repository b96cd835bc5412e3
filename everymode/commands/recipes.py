"""`everymode recipes`: which recipes there are, and all numbers of one."""

from __future__ import annotations

import inspect
import json
import sys
import textwrap
from typing import Annotated, Any

from cyclopts import Parameter

from everymode.commands.ending import say
from everymode.commands.numbers import documentation, field_help, number_fields, shown
from everymode.recipe import Recipe
from everymode.recipes import RECIPES, find


def list_recipes() -> None:
    """List the recipes, or show one."""
    width = max(map(len, RECIPES))
    for name, (_, _, line) in RECIPES.items():
        say(f"{name:<{width}}  {line}")
    say("\n`everymode recipes show NAME` tells more; `everymode train NAME --data PATH` trains it.")


def show_recipe(
    name: Annotated[str, Parameter(help="A recipe's name, or a Python file that defines RECIPE.")],
    /,
    *,
    as_json: Annotated[bool, Parameter(name="--json", help="Print JSON.", negative="")] = False,
) -> None:
    """Show what a recipe does, and all its numbers."""
    recipe = find(name)
    if as_json:
        say(json.dumps(described(name, recipe), indent=1))
        return
    line = RECIPES[name][2] if name in RECIPES else name
    say(f"{line}\n\n{_document(recipe)}\n")
    rows = [(field, *row) for field, row in _numbers(recipe).items()]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for field, value, sentence in rows:
        head = f"{field:<{widths[0]}}  {value:<{widths[1]}}  "
        indent = " " * len(head)
        say(textwrap.fill(sentence, 110, initial_indent=head, subsequent_indent=indent) or head.rstrip())


def described(name: str, recipe: Recipe) -> dict[str, Any]:
    """A recipe as JSON values: name, summary, description, class and numbers (each with value and help)."""
    sentences = field_help(type(recipe))
    return {
        "name": name,
        "summary": RECIPES[name][2] if name in RECIPES else "",
        "description": _document(recipe),
        "class": f"{type(recipe).__module__}.{type(recipe).__name__}",
        "numbers": {
            field.name: {"value": getattr(recipe, field.name), "help": sentences.get(field.name, "")}
            for field in number_fields(recipe)
        },
    }


def _numbers(recipe: Recipe) -> dict[str, tuple[str, str]]:
    sentences = field_help(type(recipe))
    return {
        field.name: (shown(getattr(recipe, field.name)), sentences.get(field.name, ""))
        for field in number_fields(recipe)
    }


def _document(recipe: Recipe) -> str:
    """The docstring of the module that the recipe's class stands in, else of the class."""
    return inspect.cleandoc(sys.modules[type(recipe).__module__].__doc__ or documentation(type(recipe)))
