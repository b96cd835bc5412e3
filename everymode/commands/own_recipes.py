"""Runs of recipes that users wrote themselves: a run's copy of their code is used only when it is named."""

from __future__ import annotations

import json
import shlex
from pathlib import Path


def has_own_code(folder: Path) -> bool:
    """Whether the recipe of a run or checkpoint is a class that does not ship with everymode."""
    file = folder / "config.json"
    if not file.is_file():
        return False
    return not json.loads(file.read_text())["recipe"]["module"].startswith("everymode.recipes.")


def recipe_file(folder: Path) -> str:
    """How to name the recipe's file on a command line: the copy that the run in or above `folder` kept."""
    for place in (folder, *folder.resolve().parents[:2]):
        if (place / "recipe.py").is_file():
            return quoted(place / "recipe.py")
    return "FILE.py"


def quoted(path: Path) -> str:
    """A path as a shell reads it."""
    return shlex.quote(str(path))
