"""Recipes by name, or from a Python file. Does not import torch."""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path

from everymode.recipe import Recipe
from everymode.recipes.catalog import RECIPES

__all__ = ["RECIPES", "find", "from_file"]


def find(name: str) -> Recipe:
    """Return the recipe of this name, or the RECIPE that a Python file (`my_recipe.py`) defines.

    Raises:
        ValueError: if there is none; the error message has the nearest names.
    """
    if name.endswith(".py"):
        return from_file(Path(name))
    if name not in RECIPES:
        near = difflib.get_close_matches(name, RECIPES, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else "`everymode recipes` lists them all."
        raise ValueError(f"there is no recipe called {name!r}. {hint}")
    module, constant, _ = RECIPES[name]
    return getattr(importlib.import_module(module), constant)


def from_file(path: Path) -> Recipe:
    """Run a Python file and return the recipe that it defines as RECIPE.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it can't be read, parsed or imported (with the line), or does not define RECIPE.
        Exception: any exception of the code in the file.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file {path}: give a recipe's name or a Python file that defines RECIPE"
        )
    from everymode.machine.python_files import run_python_file

    recipe = getattr(run_python_file(path, f"user_recipe_{path.stem}"), "RECIPE", None)
    if not isinstance(recipe, Recipe):
        raise ValueError(
            f"{path} must define RECIPE, an everymode Recipe, such as "
            "RECIPE = everymode.recipes.omni_gan.CIFAR10.with_numbers(width=32)"
        )
    return recipe
