"""Repetition of a run from its config.json: `everymode train --config runs/00000-.../config.json`."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from everymode.commands.own_recipes import has_own_code, quoted, recipe_file
from everymode.extractors.naming import require_named_by_user
from everymode.numbers import FROM_DATA
from everymode.recipe import Recipe
from everymode.recipes import find

__all__ = ["Repetition", "repetition_of"]


class Repetition(NamedTuple):
    """Recipe and data of a run that is to be repeated."""

    recipe: Recipe
    source: str
    """Path or name of the data."""
    changed_at: tuple[int, ...]
    """Steps at which hyper-parameters of the run changed; `recipe` has the last ones."""
    init_from: str | None = None
    """Run or checkpoint whose networks it started from."""

    def arguments(self, name: str | None, numbers: dict[str, Any], path: Path) -> tuple[Any, dict[str, Any]]:
        """Return the recipe and the hyper-parameters that `train` takes.

        Args:
            name: recipe on the command line, if any.
            numbers: hyper-parameters on the command line.
            path: the config.json, for the error message.

        Raises:
            ValueError: if the run's extractor is code or an address, and the command line doesn't name it.
        """
        if "metric_extractor" not in numbers:
            require_named_by_user(self.recipe.metric_extractor, None, path)
        if name is None:
            return self.recipe, numbers
        # The file of a custom recipe is copied to the run folder, so the file is passed on.
        named = find(name)
        recorded = {each.name: getattr(self.recipe, each.name) for each in fields(self.recipe)}
        return name, {k: v for k, v in recorded.items() if v != getattr(named, k)} | numbers


def repetition_of(path: Path, name: str | None = None) -> Repetition:
    """Return what repeats a run: its recipe, without what only its data determines, and its data.

    Args:
        path: config.json of a run, or the run folder.
        name: recipe on the command line; required for a custom one, whose code is executed only if it is named.

    Raises:
        FileNotFoundError: if there is no such run.
        ValueError: if the file is damaged, the recipe is custom and not named, or another recipe is named.
    """
    from everymode.sampling.record import recipe_of
    from everymode.storage.run_folder import RunFolder, read_config

    config = read_config(path) if path.is_file() else RunFolder(_folder(path)).read_config()
    folder = _folder(path)
    if name is None and has_own_code(folder):
        raise ValueError(
            f"{path} is of a custom recipe, whose code is executed only if you name it: everymode train "
            f"{recipe_file(folder)} --config {quoted(path)}"
        )
    named = None if name is None else find(name)
    recipe = recipe_of(config, named, path)
    if named is not None and named.name != recipe.name:
        raise ValueError(
            f"{path} is of the recipe {recipe.name}, not {named.name}: leave the recipe out, or leave --config out"
        )
    source = config.get("data", {}).get("source")
    if not source:
        raise ValueError(f"{path} lacks data.source, so it is damaged: copy it again from its source")
    changes = [each for each in config.get("changes") or () if each.get("numbers") or each.get("parts")]
    steps = tuple(change.get("step", 0) for change in changes)  # others only say that the data has moved
    return Repetition(_without_facts(recipe), source, steps, config.get("init_from"))


def _folder(path: Path) -> Path:
    return path.parent if path.name == "config.json" else path


def _without_facts(recipe: Recipe) -> Recipe:
    """Return the recipe as it was before it met its data; what was automatic is automatic again."""
    from everymode.augmentation_names import augmentation_notes
    from everymode.decay import decay_notes

    automatic: dict[str, Any] = {"discriminator_weight_decay": None} if decay_notes(recipe) else {}
    automatic |= {"augmentation": None} if augmentation_notes(recipe) else {}
    facts = [each for each in fields(recipe) if FROM_DATA.items() <= each.metadata.items()]
    defaults = {each.name: each.default for each in facts if each.default is not MISSING}
    return replace(recipe, **defaults, **automatic)
