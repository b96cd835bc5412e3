"""Python call that resumes a run, for the message of a run that a signal stopped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from everymode.recipe import Recipe
from everymode.recipes import RECIPES
from everymode.sampling.record import own_classes, record_of

__all__ = ["resume_call"]


def resume_call(recipe: Recipe | str, data: object, folder: Path, options: Mapping[str, Any]) -> str:
    """Return the call of `everymode.train` that resumes a run.

    What can't be written as text, such as a custom recipe or data in memory, has the name of its argument.

    Args:
        recipe: the `recipe` of the interrupted call.
        data: its `data`.
        folder: the run folder.
        options: its other arguments that are not defaults; those of the recipe are in the run folder, except `name`.
    """
    given = [_recipe(recipe)]
    if data is not None and not isinstance(data, str | Path):
        given.append("data")
    given.append(f"resume={str(folder)!r}")
    shown = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    return f"everymode.train({', '.join([*given, *(f'{name}={value!r}' for name, value in shown.items())])})"


def _recipe(recipe: Recipe | str) -> str:
    if not isinstance(recipe, Recipe):
        return repr(str(recipe))
    built_in = recipe.name in RECIPES and not own_classes(record_of(recipe))
    return repr(recipe.name) if built_in else "recipe"
