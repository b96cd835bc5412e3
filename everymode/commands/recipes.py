"""`everymode recipes`: which recipes there are, and all numbers of one."""

from __future__ import annotations

import difflib
import inspect
import json
import sys
import textwrap
from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter

from everymode.commands.data_kinds import DataKind, data_kind
from everymode.commands.ending import say
from everymode.commands.numbers import documentation, field_help, number_fields, shown
from everymode.recipe import Recipe
from everymode.recipes import RECIPES, find


def list_recipes(
    *words: Annotated[str, Parameter(name="WORD", help="List those with all these words only.")],
) -> None:
    """List the recipes, by what data they are for; or those with all given words in name, description or heading."""
    found = matching(words)
    width = max(map(len, found))
    groups: dict[DataKind, list[str]] = {kind: [] for kind in DataKind}
    for name in found:
        groups[data_kind(name)].append(name)
    for kind, names in groups.items():
        if names:
            say(f"{kind.value}:")
            say("\n".join(f"  {name:<{width}}  {RECIPES[name][2]}" for name in names) + "\n")
    say("`everymode recipes show NAME` tells more; `everymode train NAME --data PATH` trains it.")
    if not words:
        say(
            "`everymode recipes WORD WORD` lists those with all these words, as in `everymode recipes omni cifar10`."
        )


def matching(words: Sequence[str]) -> list[str]:
    """The recipes with all words (in upper or lower case) in their name, description or heading.

    Raises ValueError if there is none, with near names.
    """
    if not words:
        return list(RECIPES)
    texts = {
        name: f"{name} {line} {data_kind(name).value.partition(' (')[0]}".lower()
        for name, (_, _, line) in RECIPES.items()
    }
    with_each = {word: [name for name, text in texts.items() if word.lower() in text] for word in words}
    found = [name for name in RECIPES if all(name in names for names in with_each.values())]
    if found:
        return found
    unknown = [word for word, names in with_each.items() if not names]
    if not unknown:
        counts = ", ".join(f'{len(names)} have "{word}"' for word, names in with_each.items())
        raise ValueError(
            f"no recipe has all of these words in its name, description or heading ({counts}): leave one out"
        )
    known = sorted({piece for name in RECIPES for piece in (name, *name.split("-"))})
    near = difflib.get_close_matches(unknown[0].lower(), known, n=3, cutoff=0.6)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`everymode recipes` lists them all."
    raise ValueError(f'no recipe has "{unknown[0]}" in its name, description or heading. {hint}')


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
