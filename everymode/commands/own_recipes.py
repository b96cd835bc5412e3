"""Runs of custom recipes: the code that a run folder stores is executed only if the user names it."""

from __future__ import annotations

import shlex
from pathlib import Path

from everymode.sampling.record import own_classes
from everymode.storage.run_folder import read_config


def require_named_recipe(source: str | Path, folder: Path) -> None:
    """Reject a run or checkpoint of a custom recipe, for which the user has named no recipe file.

    Args:
        source: path of the run or checkpoint on the command line.
        folder: folder with its config.json.

    Raises:
        ValueError: if the recipe is custom; the message has the flag to add.
    """
    if has_own_code(folder):
        raise ValueError(
            f"{source} was trained with a custom recipe, whose code is executed only if you name it: "
            f"--recipe {recipe_file(Path(source).expanduser())}"
        )


def has_own_code(folder: Path) -> bool:
    """Return whether the recipe of a run or checkpoint has classes that are not part of everymode."""
    file = folder / "config.json"
    if not file.is_file():
        return False
    record = read_config(file).get("recipe")
    if not isinstance(record, dict):
        return False  # not written by everymode; loading it raises an error
    return bool(own_classes(record))


def recipe_file(folder: Path) -> str:
    """Return the quoted path of the recipe file: the copy in the run folder at or above `folder`, else FILE.py."""
    for parent in (folder, *folder.resolve().parents[:2]):
        if (parent / "recipe.py").is_file():
            return quoted(parent / "recipe.py")
    return "FILE.py"


def resume_command(folder: Path, program: str = "everymode") -> str:
    """Return the command that resumes a run; it names the recipe file if the recipe is custom."""
    recipe = f" {recipe_file(folder)}" if has_own_code(folder) else ""
    return f"{program} train{recipe} --resume {quoted(folder)}"


def quoted(path: Path) -> str:
    """Return a path quoted for a shell."""
    return shlex.quote(str(path))
