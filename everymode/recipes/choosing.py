"""Changes of a recipe as users type them: parts by name, hyper-parameters of any part, and renamed ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from everymode.numbers import RENAMED, UnknownNumber, names_of
from everymode.part import Part
from everymode.recipe import KINDS, Recipe
from everymode.recipes.parts.catalog import PARTS, holders_of, name_of, part_called

_WERE_0 = ("clusters", "parts", "pretext_steps", "partition_steps", "doublings", "packs")
ZERO_WAS_AUTO = (*_WERE_0, "metric_extractor")
"""Hyper-parameters for which 0 or an empty text meant automatic before 0.2."""


def with_choices(recipe: Recipe, **numbers: Any) -> Recipe:
    """Return the recipe with hyper-parameters changed; parts ("labels") may be given by name ("clusters").

    A part that the recipe already has keeps its hyper-parameters.

    Raises:
        ValueError: for unknown names, for hyper-parameters of parts that are not selected (the error message names the
            parts that have them), and as `Recipe.with_numbers` does.
    """
    for kind in KINDS:
        if isinstance(numbers.get(kind), str):
            numbers[kind] = chosen(recipe, kind, numbers[kind])
    for name in (each for each in ZERO_WAS_AUTO if each in numbers):
        if not numbers[name] and numbers[name] is not None:
            raise ValueError(
                f"{name} can't be {numbers[name]!r}: for automatic, set it to auto (None in Python)"
            )
    parts = {kind: numbers[kind] for kind in KINDS if kind in numbers}
    if parts and not recipe.parts():
        raise ValueError(f"{recipe.called} builds its game without parts: omit {', '.join(parts)}")
    try:
        return recipe.with_numbers(**numbers)
    except UnknownNumber as error:
        present = {part.kind: part for part in recipe.parts()} | parts
        for name in numbers:
            if name not in names_of(recipe) and (message := of_another_part(recipe, name, present)):
                raise ValueError(message) from error
        raise


def chosen(recipe: Recipe, kind: str, name: str) -> Part:
    """Return the part of this name, with the hyper-parameters of the recipe's part if that has the same class.

    Raises:
        ValueError: for unknown names.
    """
    current: Part | None = getattr(recipe, kind, None)
    part = part_called(kind, name)
    if current is None or type(current) is not type(part):
        return part
    if name_of(current) == name:
        return current
    # Hyper-parameters that distinguish the names of this class are those of the selected one.
    distinctive = {
        number for entry in PARTS[kind].values() if entry.part_class is type(part) for number in entry.numbers
    }
    return replace(current, **{number: getattr(part, number) for number in distinctive})


def of_another_part(recipe: Recipe, number: str, parts: dict[str, Part]) -> str:
    """Return the error message for a hyper-parameter that was renamed or that only other parts have, or "".

    Args:
        parts: kind -> selected part.
    """
    if number in RENAMED:
        return f"{number} is not a hyper-parameter any more: {RENAMED[number]}"
    if any(number in names_of(part) for part in parts.values()):
        return ""
    reasons = []
    for kind, names in holders_of(number).items():
        current = parts.get(kind)
        has = f"has {kind} {name_of(current) or type(current).__name__}" if current else f"has no {kind} part"
        options = " or ".join(f"--{kind} {name}" for name in names[:3])
        reasons.append(f"of {kind} {', '.join(names)}, but {recipe.called} {has}. Choose {options} to set it")
    return f"{number} is a hyper-parameter {'; or '.join(reasons)}" if reasons else ""
