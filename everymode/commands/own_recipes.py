"""Runs of recipes that users wrote themselves: a run's copy of their code is used only when it is named."""

from __future__ import annotations

import shlex
from pathlib import Path

from everymode.sampling.record import own_classes
from everymode.storage.run_folder import read_config


def require_named_recipe(given: str | Path, folder: Path) -> None:
    """Refuse to go on where a recipe of the user's own is needed, and no flag has named it.

    Args:
        given: the run or checkpoint, as the command line has it.
        folder: where its config.json lies.

    Raises ValueError, with the flag to add.
    """
    if has_own_code(folder):
        raise ValueError(
            f"{given} was trained with a recipe of your own, and its code is run only if you name it: "
            f"--recipe {recipe_file(Path(given).expanduser())}"
        )


def has_own_code(folder: Path) -> bool:
    """Whether the recipe of a run or checkpoint has classes that do not ship with everymode."""
    file = folder / "config.json"
    if not file.is_file():
        return False
    record = read_config(file).get("recipe")
    if not isinstance(record, dict):
        return False  # everymode did not write it, as whoever loads it will say
    return bool(own_classes(record))


def recipe_file(folder: Path) -> str:
    """How to name the recipe's file on a command line: the copy that the run in or above `folder` kept."""
    for place in (folder, *folder.resolve().parents[:2]):
        if (place / "recipe.py").is_file():
            return quoted(place / "recipe.py")
    return "FILE.py"


def quoted(path: Path) -> str:
    """A path as a shell reads it."""
    return shlex.quote(str(path))
