"""Plan of a call of `train`: the recipe, the data, and the run to resume, if any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from everymode.data.dataset import Dataset
from everymode.data.hiding import with_few_labels
from everymode.data.holding_out import hold_out
from everymode.data.map_style import Objects, name_of
from everymode.extractors.naming import require_named_by_user
from everymode.machine.distributed import World
from everymode.numbers import held_out_fraction
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.recipes.choosing import with_choices
from everymode.runs.data import open_for
from everymode.runs.differences import same_source
from everymode.runs.resuming import check_same_data, resumed
from everymode.storage.run_folder import RunFolder


@dataclass(frozen=True)
class Plan:
    """Recipe, data and run folder of a call of `train`.

    Attributes:
        recipe: the recipe, with the hyper-parameters that the call sets.
        before: the recipe without them.
        source: path or name of the data.
        recipe_file: the Python file that defines the recipe; None for a recipe without a file.
        folder: folder of the run to resume; None for a new run.
        held_out: images that are held out from the data, once it is open; None without a fraction `held_out`.
        notes: messages for the user, printed when the run starts.
    """

    recipe: Recipe
    before: Recipe
    source: str
    recipe_file: str | None
    folder: RunFolder | None
    held_out: Dataset | None = None
    notes: tuple[str, ...] = ()


def plan_of(
    recipe: Recipe | str,
    data: str | Path | Objects | None,
    resume: str | Path | None,
    numbers: Mapping[str, Any],
) -> Plan:
    """Return the plan of a call of `train`, whose arguments these are.

    With `resume="auto"` it is the plan of a new run: which run matches is known once the data is open
    (`matching.with_matching_run`).

    Raises:
        ValueError: if a hyper-parameter is invalid, if the run to resume has another recipe or can't change a
            hyper-parameter, or if its extractor is code that the call does not name.
        FileNotFoundError: if there is no such recipe or run.
    """
    recipe_file = str(recipe) if str(recipe).endswith(".py") else None
    before = recipe if isinstance(recipe, Recipe) else find(str(recipe))
    source = before.data if data is None else str(data) if isinstance(data, (str, Path)) else name_of(data)
    other = before.data and not same_source(source, before.data) and "held_out" not in numbers
    if other and not held_out_fraction(before.held_out):
        before = replace(before, held_out="")  # it belongs to the recipe's default data
    folder = None
    if resume is not None and str(resume) != "auto":
        folder = RunFolder(Path(resume))
        name, named = str(numbers.get("name", before.name)), before.metric_extractor
        before, source, recipe_file = resumed(folder, before, name, source, data)
        if "metric_extractor" not in numbers:
            require_named_by_user(before.metric_extractor, named, folder.path)
    planned = with_choices(before, **numbers)
    if folder is not None and planned.seed != before.seed:
        raise ValueError(
            f"{folder.path} was trained with seed {before.seed}, which can't change on resume: leave the seed out, or "
            "start a new run"
        )
    if folder is not None and held_out_fraction(planned.held_out) != held_out_fraction(before.held_out):
        raise ValueError(
            f"{folder.path} was trained with held_out {before.held_out or 0}, and the images that are held out can't "
            "change on resume: leave held_out out, or start a new run"
        )
    return Plan(planned, before, source, recipe_file, folder)


def opened_for(
    plan: Plan, data: str | Path | Objects | None, world: World, *, quiet: bool, own_column: bool
) -> tuple[Plan, Dataset, Dataset]:
    """Open the data of a plan.

    Args:
        plan: the plan.
        data: the `data` of `train`.
        world: the processes of the run.
        quiet: whether to show no progress.
        own_column: whether the label column is the recipe's default, not set by the call.

    Returns:
        The plan with the recipe adapted to the data, the training data, and the training data with the labels hidden
        that `labeled_fraction` hides. The images that a fraction `held_out` holds out are in the plan alone.

    Raises:
        DataError: if the data can't be used.
        ValueError: if there are too few images to hold some out.
    """
    with world.writer_first():
        opened, recipe = open_for(plan.recipe, plan.source, data, quiet=quiet, own_column=own_column)
    opened, held_out = hold_out(opened, recipe.held_out, recipe.seed)
    dataset = with_few_labels(opened, recipe.labeled_fraction, recipe.seed)
    plan = replace(plan, recipe=recipe.for_data(dataset.facts()), held_out=held_out)
    return plan, opened, dataset


def check_folder(plan: Plan, dataset: Dataset) -> None:
    """Check that the data is that of the run to resume.

    Raises:
        ValueError: if it is not.
    """
    if plan.folder is not None:
        alternative = ", or start a new run, perhaps with --init-from this one"
        check_same_data(plan.folder, dataset, plan.source, otherwise=alternative)
