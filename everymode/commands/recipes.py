"""`everymode recipes`: lists of the recipes and of their parts, and the hyper-parameters of a recipe."""

from __future__ import annotations

import difflib
import inspect
import json
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from everymode.commands.data_kinds import DataKind, data_kind
from everymode.commands.ending import say
from everymode.commands.numbers import documentation, numbers_of, shown
from everymode.commands.origins import origin_of, pieces_of
from everymode.part import Part
from everymode.recipe import Recipe
from everymode.recipes import RECIPES, find
from everymode.recipes.parts.catalog import PARTS, name_of


def list_recipes(
    *words: Annotated[
        str,
        Parameter(
            name="WORD", help="List only recipes with all these words in name, description or heading."
        ),
    ],
) -> None:
    """List the recipes by the kind of data they are for."""
    matches = matching(words)
    width = max(map(len, matches))
    groups: dict[DataKind, list[str]] = {kind: [] for kind in DataKind}
    for name in matches:
        groups[data_kind(find(name))].append(name)
    for kind, names in groups.items():
        if names:
            say(f"{kind.value}:")
            say("\n".join(f"  {name:<{width}}  {RECIPES[name][2]}" for name in names) + "\n")
    say("`everymode recipes show NAME` shows a recipe; `everymode train NAME --data PATH` trains it.")
    say(
        "Parts can be exchanged: `everymode recipes parts` lists the values of --networks, --loss, --labels and --norm."
    )
    if not words:
        say(
            "`everymode recipes WORD WORD` lists recipes with all these words, as in `everymode recipes omni cifar10`."
        )


def matching(words: Sequence[str]) -> list[str]:
    """Return the recipes with all words (ignoring case) in their name, description or heading.

    Raises:
        ValueError: if there is none; the message suggests similar words.
    """
    if not words:
        return list(RECIPES)
    texts = {
        name: f"{name} {line} {data_kind(find(name)).value.partition(' (')[0]}".lower()
        for name, (_, _, line) in RECIPES.items()
    }
    with_each = {word: [name for name, text in texts.items() if word.lower() in text] for word in words}
    matches = [name for name in RECIPES if all(name in names for names in with_each.values())]
    if matches:
        return matches
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


def list_parts() -> None:
    """List the parts that recipes are made of, by kind: the values of --networks, --loss, --labels and --norm."""
    width = max(len(name) for entries in PARTS.values() for name in entries)
    for kind, entries in PARTS.items():
        say(f"{kind}:")
        say("\n".join(f"  {name:<{width}}  {entry.line}" for name, entry in entries.items()) + "\n")
    say(
        "`everymode train omni-gan-64 --labels clusters --norm sparsity-aware --help` shows their hyper-parameters."
    )


def show_recipe(
    name: Annotated[str, Parameter(help="A recipe's name, or a Python file that defines RECIPE.")],
    /,
    *,
    as_json: Annotated[
        bool, Parameter(name="--json", help="Print JSON.", negative="", show_default=False)
    ] = False,
    origins: Annotated[
        bool,
        Parameter(
            help="Show the file and line that set each hyper-parameter, and those of generator, discriminator, loss "
            "and terms.",
            negative="",
            show_default=False,
        ),
    ] = False,
) -> None:
    """Show a recipe: its description, its parts, and all its hyper-parameters."""
    recipe = find(name)
    if as_json:
        say(json.dumps(described(name, recipe), indent=1))
        return
    line = RECIPES[name][2] if name in RECIPES else name
    say(f"{line}\n\n{document_of(name, recipe)}")
    rows = [
        (owner, each.name, shown(each.value), origin_of(name, each) if origins else each.help)
        for owner, numbers in _by_owner(recipe)
        for each in numbers
    ]
    widths = [max(len(row[column]) for row in rows) for column in (1, 2)]
    heading = ""
    for owner, number, value, text in rows:
        if owner != heading:
            say(f"\n{owner}")
            heading = owner
        head = f"  {number:<{widths[0]}}  {value:<{widths[1]}}  "
        indent = " " * len(head)
        width = 1000 if origins else 110  # a path is not wrapped
        say(textwrap.fill(text, width, initial_indent=head, subsequent_indent=indent) or head.rstrip())
    if origins:
        say("\n" + "\n".join(f"{role:<14}{definition}" for role, definition in pieces_of(recipe)))


def described(name: str, recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as JSON values: name, summary, description, class, parts, numbers (with value and help)."""
    return {
        "name": name,
        "summary": RECIPES[name][2] if name in RECIPES else "",
        "description": document_of(name, recipe),
        "class": f"{type(recipe).__module__}.{type(recipe).__name__}",
        "parts": {part.kind: name_of(part) or type(part).__name__ for part in recipe.parts()},
        "numbers": {each.name: {"value": each.value, "help": each.help} for each in numbers_of(recipe)},
    }


def document_of(name: str, recipe: Recipe) -> str:
    """Return the docstring of the module that defines a recipe, or of its class if the module has none."""
    module = RECIPES[name][0] if name in RECIPES else f"user_recipe_{Path(name).stem}"
    text = getattr(sys.modules.get(module), "__doc__", None)
    return inspect.cleandoc(text or documentation(type(recipe)))


def _by_owner(recipe: Recipe) -> list[tuple[str, list[Any]]]:
    """Return (heading, hyper-parameters) of the recipe and of each part, including parts without hyper-parameters."""
    numbers = numbers_of(recipe)
    groups = []
    for owner in (recipe, *recipe.parts()):
        title = (
            f"{owner.kind}: {name_of(owner) or type(owner).__name__}"
            if isinstance(owner, Part)
            else "hyper-parameters"
        )
        groups.append((title, [each for each in numbers if each.owner is owner]))
    return groups
