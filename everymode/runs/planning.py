"""What a call of `train` comes to: which recipe, on which data, and which run it goes on with, if any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from everymode.data.dataset import Dataset
from everymode.data.hiding import with_few_labels
from everymode.extractors.naming import require_named_by_user
from everymode.machine.distributed import World
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.recipes.choosing import with_choices
from everymode.runs.data import open_for
from everymode.runs.resuming import Wanted, check_same_data, folder_to_resume, resumed
from everymode.sampling.record import part_names, record_of
from everymode.storage.run_folder import RunFolder


@dataclass(frozen=True)
class Plan:
    """What is to be trained.

    Attributes:
        recipe: with the numbers that the call changes.
        before: without them.
        source: the data's path or name.
        recipe_file: the Python file that defines the recipe, where there is one.
        folder: of the run to go on with; None for a new one.
    """

    recipe: Recipe
    before: Recipe
    source: str
    recipe_file: str | None
    folder: RunFolder | None


def plan_of(
    recipe: Recipe | str,
    data: str | Path | Dataset | None,
    out: Path,
    resume: str | Path | None,
    numbers: Mapping[str, Any],
    world: World,
) -> Plan:
    """The plan of a call. Args: as `train`.

    Raises ValueError for wrong numbers, for numbers or a recipe that the run to go on with can't have, and for a run
    whose extractor is code that the call does not name; FileNotFoundError for a recipe or a run that is not there.
    """
    recipe_file = str(recipe) if str(recipe).endswith(".py") else None
    chosen = recipe if isinstance(recipe, Recipe) else find(str(recipe))
    source = str(data) if isinstance(data, (str, Path)) else (data.name if data else chosen.data)
    if chosen.data and source != chosen.data and "held_out" not in numbers:
        chosen = replace(chosen, held_out="")  # it belongs to the recipe's own data
    name, seed = str(numbers.get("name", chosen.name)), int(numbers.get("seed", chosen.seed))
    asked = with_choices(chosen, **numbers) if str(resume) == "auto" else chosen
    wanted = Wanted(name, source, seed, part_names(record_of(asked)))
    folder = folder_to_resume(resume, out, wanted, world)
    if folder is not None:
        named = chosen.metric_extractor
        chosen, source, recipe_file = resumed(folder, chosen, name, source, data)
        if "metric_extractor" not in numbers:
            require_named_by_user(chosen.metric_extractor, named, folder.path)
    before = chosen
    chosen = with_choices(chosen, **numbers)
    if folder is not None and chosen.seed != before.seed:
        raise ValueError(
            f"{folder.path} was trained with seed {before.seed}, and its draws can't change on the way: leave the "
            "seed out, or start a new run"
        )
    return Plan(chosen, before, source, recipe_file, folder)


def opened_for(
    plan: Plan, data: str | Path | Dataset | None, world: World, *, quiet: bool, own_column: bool
) -> tuple[Plan, Dataset, Dataset]:
    """The plan with the recipe as these data have it, the data, and the data with as few labels as the recipe keeps.

    Args:
        own_column: whether the recipe's label column is its own, and not one that the call asks for.

    Raises DataError for unusable data.
    """
    with world.writer_first():
        opened, recipe = open_for(plan.recipe, plan.source, data, quiet=quiet, own_column=own_column)
    dataset = with_few_labels(opened, recipe.labeled_fraction, recipe.seed)
    return replace(plan, recipe=recipe.for_data(dataset.facts())), opened, dataset


def check_folder(plan: Plan, dataset: Dataset) -> None:
    """Raise ValueError for other data than those of the run to go on with."""
    if plan.folder is not None:
        start_anew = ", or start a new run, perhaps with --init-from this one"
        check_same_data(plan.folder, dataset, plan.source, otherwise=start_anew)
