"""Train a recipe on data in a run folder: joins recipe, data set and trainer, and says what it does."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from everymode.data.dataset import Dataset
from everymode.data.hiding import with_few_labels
from everymode.data.opening import ARRAYS_INSTEAD
from everymode.machine.device import find_device
from everymode.machine.distributed import World
from everymode.machine.progress import Progress
from everymode.machine.stopping import StopRequest, stop_on_signals
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.recipes.choosing import with_choices
from everymode.runs.data import open_for, order_of
from everymode.runs.record import config_of, introduce, say_changes
from everymode.runs.resuming import check_same_data, folder_to_resume, restore, resumed, start_from
from everymode.runs.snapshots import draw_samples, measure_of, probe_of
from everymode.sampling.generator import Generator, load
from everymode.storage import checkpoint as files
from everymode.storage.run_folder import RunFolder
from everymode.training.preparation import Preparation
from everymode.training.trainer import OnCollapse, Trainer

if TYPE_CHECKING:
    import torch


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
    if on_nonfinite not in ("stop", "rollback"):
        raise ValueError(f'on_nonfinite is "stop" or "rollback", not {on_nonfinite!r}')
    if on_collapse not in [choice.value for choice in OnCollapse]:
        raise ValueError(f'on_collapse is "warn", "stop" or "rollback", not {on_collapse!r}')
    if data is not None and not isinstance(data, (str, Path, Dataset)):
        raise TypeError(
            f"data is a path, a name or an everymode.data.Dataset, not {type(data).__name__}: {ARRAYS_INSTEAD}"
        )
    place = find_device(device)
    world = World.from_environment(cuda=place.type == "cuda")
    talk = world.is_writer and not quiet
    created: RunFolder | None = None  # until it holds a run
    try:
        recipe_file = str(recipe) if str(recipe).endswith(".py") else None
        chosen = recipe if isinstance(recipe, Recipe) else find(str(recipe))
        source = str(data) if isinstance(data, (str, Path)) else (data.name if data else chosen.data)
        if chosen.data and source != chosen.data and "held_out" not in numbers:
            chosen = replace(chosen, held_out="")  # it belongs to the recipe's own data
        name, seed = str(numbers.get("name", chosen.name)), int(numbers.get("seed", chosen.seed))
        folder = folder_to_resume(resume, Path(out), name, source, seed, world)
        if folder is not None:
            chosen, source, recipe_file = resumed(folder, chosen, name, source, data)
        before = chosen
        chosen = with_choices(chosen, **numbers)
        if folder is not None and chosen.seed != before.seed:
            raise ValueError(
                f"{folder.path} was trained with seed {before.seed}, and its draws can't change on the way: leave the "
                "seed out, or start a new run"
            )
        with world.writer_first():
            own_column = "label_column" not in numbers
            opened, chosen = open_for(chosen, source, data, quiet=not talk, own_column=own_column)
        dataset = with_few_labels(opened, chosen.labelled_fraction, chosen.seed)
        chosen = chosen.for_data(dataset.facts())
        order = order_of(chosen, dataset)
        config = config_of(chosen, source, dataset, place, world, recipe_file)
        if folder is None:
            folder = created = _new_folder(Path(out), chosen, source, recipe_file, world)
        else:
            start_anew = ", or start a new run, perhaps with --init-from this one"
            check_same_data(folder, dataset, source, otherwise=start_anew)
        with stop_on_signals() as stop:
            trainer = Trainer(
                chosen,
                dataset,
                order,
                folder=folder,
                config=config,
                device=place,
                world=world,
                progress=Progress(chosen.steps, talk=talk),
                stop=stop,
                snapshot=lambda trainer: draw_samples(trainer, dataset, folder),
                on_nonfinite_rollback=on_nonfinite == "rollback",
                probe=probe_of(chosen, dataset, quiet=not talk),
                on_collapse=OnCollapse(on_collapse),
                measure=measure_of(chosen, opened, folder, place, world, talk=talk),
            )
            at_a_checkpoint = _restored(trainer, folder, init_from)
            if world.is_writer:
                # Not before: numbers that do not fit must not replace those that do.
                folder.write_config(config)
            introduce(trainer, dataset, folder, trainer.progress.say)
            if created is None:
                say_changes(before, chosen, trainer.progress.say)
            created = None
            if not at_a_checkpoint:
                _prepare(trainer, dataset, place, stop, talk=talk)
            trainer.run()
        return Run(folder.path, chosen, trainer.completed)
    finally:
        if created is not None and world.is_writer:
            shutil.rmtree(created.path, ignore_errors=True)  # the run did not begin
        world.close()


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
    trainer: Trainer, dataset: Dataset, device: torch.device, stop: StopRequest, *, talk: bool
) -> None:
    """Let the recipe learn what it needs before the game, such as a partition; the writing process first."""
    folder, recipe = trainer.folder, trainer.recipe
    assert folder is not None
    if trainer.world.is_writer:
        folder.write_status("preparing", 0, recipe.steps)
    with trainer.world.writer_first():
        recipe.prepare(
            trainer.game, dataset, Preparation(folder.path, device, stop, trainer.progress.say, talk)
        )
