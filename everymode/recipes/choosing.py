"""Changing a recipe by what a person writes: parts by name, numbers of whichever part, and what was renamed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from everymode.numbers import RENAMED, UnknownNumber, names_of
from everymode.part import Part
from everymode.recipe import KINDS, Recipe
from everymode.recipes.parts.catalog import PARTS, holders_of, name_of, part_called

_WERE_0 = ("clusters", "parts", "pretext_steps", "partition_steps", "doublings", "packs")
ZERO_WAS_AUTO = (*_WERE_0, "metric_extractor")
"""Numbers for which 0, or nothing, meant until 0.2 that they are chosen automatically."""


def with_choices(recipe: Recipe, **numbers: Any) -> Recipe:
    """The recipe with numbers changed, of which those that choose a part ("labels") may be names ("clusters").

    A part that the recipe has already keeps its numbers. Raises ValueError for unknown names, for numbers of parts that
    are not chosen (naming the parts that have them), and as `Recipe.with_numbers` does.
    """
    for kind in KINDS:
        if isinstance(numbers.get(kind), str):
            numbers[kind] = chosen(recipe, kind, numbers[kind])
    for name in (each for each in ZERO_WAS_AUTO if each in numbers):
        if not numbers[name] and numbers[name] is not None:
            raise ValueError(f"{name} is chosen automatically by auto (None in Python), not by 0")
    parts = {kind: numbers[kind] for kind in KINDS if kind in numbers}
    if parts and not recipe.parts():
        raise ValueError(f"{recipe.called} builds its own game, without parts: leave out {', '.join(parts)}")
    try:
        return recipe.with_numbers(**numbers)
    except UnknownNumber as error:
        present = {part.kind: part for part in recipe.parts()} | parts
        for name in numbers:
            if name not in names_of(recipe) and (sentence := of_another_part(recipe, name, present)):
                raise ValueError(sentence) from error
        raise


def chosen(recipe: Recipe, kind: str, name: str) -> Part:
    """The part of that name; with the numbers of the recipe's own, where that is of the same class.

    Raises ValueError for unknown names.
    """
    mine, part = getattr(recipe, kind, None), part_called(kind, name)
    if type(mine) is not type(part):
        return part
    if name_of(mine) == name:
        return mine
    # What tells the names of this class apart is as the chosen one has it.
    marks = {
        each for entry in PARTS[kind].values() if entry.part_class is type(part) for each in entry.numbers
    }
    return replace(mine, **{mark: getattr(part, mark) for mark in marks})


def of_another_part(recipe: Recipe, number: str, parts: dict[str, Part]) -> str:
    """What to say of a number that was renamed, or that none of these parts has and others have; "" for any other.

    Args:
        parts: kind -> part, as chosen.
    """
    if number in RENAMED:
        return f"{number} is no number of a recipe any more: {RENAMED[number]}"
    if any(number in names_of(part) for part in parts.values()):
        return ""
    told = []
    for kind, names in holders_of(number).items():
        mine = parts.get(kind)
        has = f"has {kind} {name_of(mine) or type(mine).__name__}" if mine else f"has no {kind} part"
        choices = " or ".join(f"--{kind} {name}" for name in names[:3])
        told.append(f"of {kind} {', '.join(names)}, and {recipe.called} {has}. Choose {choices} to set it")
    return f"{number} is a number {'; or '.join(told)}" if told else ""
