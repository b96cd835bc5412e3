"""Changing a recipe by what a person writes: parts by name, numbers of whichever part, and what was renamed."""

from __future__ import annotations

from typing import Any

from everymode.numbers import UnknownNumber
from everymode.recipe import KINDS, Recipe
from everymode.recipes.parts.catalogue import holders_of, name_of, part_called

RENAMED = {"conditional": "labels says it now: --labels given, or --labels none"}
"""Numbers that there were until 0.2, and what stands for them."""
ZERO_WAS_AUTO = {
    "clusters",
    "parts",
    "pretext_steps",
    "partition_steps",
    "doublings",
    "packs",
    "metric_extractor",
}
"""Numbers for which 0, or nothing, meant until 0.2 that they are chosen automatically."""


def with_choices(recipe: Recipe, **numbers: Any) -> Recipe:
    """The recipe with numbers changed, of which those that choose a part ("labels") may be names ("clusters").

    A part that the recipe has already keeps its numbers. Raises ValueError for unknown names, for numbers of parts that
    are not chosen (naming the parts that have them), and as `Recipe.with_numbers` does.
    """
    for kind in KINDS:
        if isinstance(numbers.get(kind), str):
            numbers[kind] = chosen(recipe, kind, numbers[kind])
    for name in sorted(ZERO_WAS_AUTO & numbers.keys()):
        if not numbers[name] and numbers[name] is not None:
            raise ValueError(f"{name} is chosen automatically by auto (None in Python), not by 0")
    try:
        return recipe.with_numbers(**numbers)
    except UnknownNumber as error:
        with_parts = recipe.with_numbers(**{kind: numbers[kind] for kind in KINDS if kind in numbers})
        for name in numbers:
            sentence = of_another_part(with_parts, name)
            if sentence:
                raise ValueError(sentence) from error
        raise


def chosen(recipe: Recipe, kind: str, name: str) -> Any:
    """The part of that name: the recipe's own, where it is of that name already. Raises ValueError for others."""
    mine = getattr(recipe, kind, None)
    return mine if mine is not None and name_of(mine) == name else part_called(kind, name)


def of_another_part(recipe: Recipe, number: str) -> str:
    """What to say of a number that was renamed, or that only parts have which the recipe has not; "" for any other."""
    if number in RENAMED:
        return f"{number} is no number of a recipe any more: {RENAMED[number]}"
    holders = {} if number in recipe.flat_numbers() else holders_of(number)
    for kind, names in holders.items():
        mine = getattr(recipe, kind, None)
        has = f"has {kind} {name_of(mine) or type(mine).__name__}" if mine else f"has no {kind} part"
        choices = " or ".join(f"--{kind} {name}" for name in names[:3])
        owners = f"{kind} {', '.join(names)}"
        return f"{number} is a number of {owners}, and {recipe.called} {has}. Choose {choices} to set it"
    return ""
