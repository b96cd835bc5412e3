"""Train a recipe on data in a run folder: joins recipe, data set and trainer, and says what it does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from everymode.data.dataset import Dataset
from everymode.data.opening import ARRAYS_INSTEAD
from everymode.machine.device import find_device
from everymode.machine.distributed import World
from everymode.machine.progress import Progress
from everymode.machine.stopping import StopRequest, stop_on_signals
from everymode.recipe import Recipe
from everymode.runs.data import order_of
from everymode.runs.planning import Plan, check_folder, opened_for, plan_of
from everymode.runs.record import config_of, introduce, say_changes
from everymode.runs.resuming import restore, start_from
from everymode.runs.snapshots import draw_samples, measure_of, probe_of
from everymode.sampling.generator import Generator, load
from everymode.storage import checkpoint as files
from everymode.storage.atomic import clean
from everymode.storage.run_folder import RunFolder
from everymode.training.preparation import Preparation
from everymode.training.trainer import OnCollapse, Trainer

if TYPE_CHECKING:
    import torch

    from everymode.training.stepper import Order


@dataclass(frozen=True)
class Run:
    """A run that has ended at its last step."""

    folder: Path
    recipe: Recipe
    steps: int

    def generator(self) -> Generator:
        """The averaged generator of the newest checkpoint."""
        return load(self.folder, recipe=self.recipe)


def train(
    recipe: Recipe | str,
    data: str | Path | Dataset | None = None,
    out: str | Path = "runs",
    *,
    resume: str | Path | None = None,
    init_from: str | Path | None = None,
    device: str | None = None,
    on_nonfinite: str = "stop",
    on_collapse: str = "warn",
    quiet: bool = False,
    **numbers: Any,
) -> Run:
    """Train, and return the finished run.

    Args:
        recipe: a Recipe, a recipe's name, or a Python file that defines RECIPE.
        data: a path or name (see `open_images`), or a Dataset; the recipe's own if None.
        out: the folder that gets a numbered run folder.
        resume: a run folder to go on with, or "auto": the newest run in `out` of this recipe on this data with this
            seed, if any.
        init_from: a checkpoint or run whose generator and discriminator to start from (fine-tuning).
        device: "cpu", "cuda" or "cuda:1"; None takes a GPU if there is one.
        on_nonfinite: "stop" or "rollback" (back to the last good checkpoint with half D's learning rate).
        on_collapse: "warn", "stop" or "rollback" (back to the last healthy checkpoint, with the recipe's remedy).
        numbers: fields of the recipe to change.

    Raises ValueError for wrong numbers, TypeError for arrays in place of a data set, DataError for unusable data;
    Diverged, Collapsed and Stopped as the trainer does.
    """
    _check_choices(on_nonfinite, on_collapse, data)
    place = find_device(device)
    world = World.from_environment(cuda=place.type == "cuda")
    verbose = world.is_writer and not quiet
    try:
        plan = plan_of(recipe, data, Path(out), resume, numbers, world)
        own_column = "label_column" not in numbers
        plan, opened, dataset = opened_for(plan, data, world, quiet=not verbose, own_column=own_column)
        choices = _Choices(on_nonfinite == "rollback", OnCollapse(on_collapse), init_from, place, verbose)
        return _run(plan, opened, dataset, Path(out), world, choices)
    finally:
        world.close()


class _Choices(NamedTuple):
    """How a planned run is made: what can be another thing each time."""

    on_nonfinite_rollback: bool
    on_collapse: OnCollapse
    init_from: str | Path | None
    device: torch.device
    verbose: bool


def _check_choices(on_nonfinite: str, on_collapse: str, data: object) -> None:
    if on_nonfinite not in ("stop", "rollback"):
        raise ValueError(f'on_nonfinite is "stop" or "rollback", not {on_nonfinite!r}')
    if on_collapse not in [choice.value for choice in OnCollapse]:
        raise ValueError(f'on_collapse is "warn", "stop" or "rollback", not {on_collapse!r}')
    if data is not None and not isinstance(data, (str, Path, Dataset)):
        raise TypeError(
            f"data is a path, a name or an everymode.data.Dataset, not {type(data).__name__}: {ARRAYS_INSTEAD}"
        )


def _run(plan: Plan, opened: Dataset, dataset: Dataset, out: Path, world: World, choices: _Choices) -> Run:
    """Train to the last step, in a new run folder in `out` or in the one to go on with."""
    order = order_of(plan.recipe, dataset)
    config = config_of(plan.recipe, plan.source, dataset, choices.device, world, plan.recipe_file)
    check_folder(plan, dataset)
    folder = plan.folder or _new_folder(out, plan.recipe, plan.source, plan.recipe_file, world)
    if plan.folder and world.is_writer:
        clean(folder.path)
    with stop_on_signals() as stop:
        with _removed_if_refused(None if plan.folder else folder, world):
            trainer = _trainer(plan.recipe, opened, dataset, order, folder, config, world, stop, choices)
            at_a_checkpoint = _restored(trainer, folder, choices.init_from)
            if world.is_writer:
                # Not before: numbers that do not fit must not replace those that do.
                folder.write_config(config)
            introduce(trainer, dataset, folder, trainer.progress.say)
            if plan.folder:
                say_changes(plan.before, plan.recipe, trainer.progress.say)
        if not at_a_checkpoint:
            _prepare(trainer, dataset, choices.device, stop, verbose=choices.verbose)
        trainer.run()
    return Run(folder.path, plan.recipe, trainer.completed)


def _trainer(
    recipe: Recipe,
    opened: Dataset,
    dataset: Dataset,
    order: Order,
    folder: RunFolder,
    config: dict[str, Any],
    world: World,
    stop: StopRequest,
    choices: _Choices,
) -> Trainer:
    """The trainer of a run, with its pictures, its scores (against all labels) and its watch."""
    progress = Progress(recipe.steps, verbose=choices.verbose)
    return Trainer(
        recipe,
        dataset,
        order,
        folder=folder,
        config=config,
        device=choices.device,
        world=world,
        progress=progress,
        stop=stop,
        snapshot=lambda trainer: draw_samples(trainer, dataset, folder),
        on_nonfinite_rollback=choices.on_nonfinite_rollback,
        probe=probe_of(recipe, dataset, progress.say, quiet=not choices.verbose),
        on_collapse=choices.on_collapse,
        measure=measure_of(recipe, opened, folder, choices.device, world, verbose=choices.verbose),
    )


@contextmanager
def _removed_if_refused(created: RunFolder | None, world: World) -> Iterator[None]:
    """A folder that was made for this run goes away where the run does not begin."""
    try:
        yield
    except BaseException:
        if created is not None and world.is_writer:
            shutil.rmtree(created.path, ignore_errors=True)
        raise


def _new_folder(out: Path, recipe: Recipe, source: str, recipe_file: str | None, world: World) -> RunFolder:
    """A new run folder, the same on every rank, with a copy of the recipe's file where it has one."""
    name = f"{recipe.name or type(recipe).__name__}-{Path(source).stem}"
    made = str(RunFolder.create(out, name).path) if world.is_writer else ""
    folder = RunFolder(Path(str(world.share(made))))
    if world.is_writer and recipe_file:
        shutil.copy(recipe_file, folder.path / "recipe.py")
    return folder


def _restored(trainer: Trainer, folder: RunFolder, init_from: str | Path | None) -> bool:
    """Whether the run goes on from a checkpoint of its own. If not, it begins anew, perhaps with another's networks."""
    world = trainer.world
    newest = files.newest_valid(folder.checkpoints, trainer.progress.say) if world.is_writer else None
    chosen = str(world.share(str(newest or "")))  # the same on every rank
    if chosen:
        restore(trainer, Path(chosen), folder)
        return True
    if world.is_writer:
        folder.cut_back(0)
    if init_from is not None:
        start_from(trainer, Path(init_from), trainer.progress.say)
    return False


def _prepare(
    trainer: Trainer, dataset: Dataset, device: torch.device, stop: StopRequest, *, verbose: bool
) -> None:
    """Let the recipe learn what it needs before the game, such as a partition; the writing process first."""
    folder, recipe = trainer.folder, trainer.recipe
    assert folder is not None
    if trainer.world.is_writer:
        folder.write_status("preparing", 0, recipe.steps)
    with trainer.world.writer_first():
        recipe.prepare(
            trainer.game, dataset, Preparation(folder.path, device, stop, trainer.progress.say, verbose)
        )
