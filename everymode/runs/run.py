"""Training run: joins recipe, dataset, run folder and trainer."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from everymode.data.dataset import Dataset
from everymode.data.joined_names import short_name
from everymode.data.map_style import Objects, require_objects
from everymode.machine.device import find_device
from everymode.machine.distributed import World
from everymode.machine.progress import Progress
from everymode.machine.stopping import Stopped, StopRequest, stop_on_signals
from everymode.pictures import require_font
from everymode.recipe import Recipe
from everymode.runs.data import order_of
from everymode.runs.extending import restore_newest
from everymode.runs.finished import finished_step
from everymode.runs.matching import with_matching_run
from everymode.runs.occupied import require_free
from everymode.runs.planning import Plan, check_folder, opened_for, plan_of
from everymode.runs.record import change_of, config_of, introduce, say_changes
from everymode.runs.resume_call import resume_call
from everymode.runs.resuming import start_from
from everymode.runs.snapshots import draw_reals, draw_samples, held_out_of, measure_of
from everymode.sampling.generator import Generator, load
from everymode.storage.atomic import clean
from everymode.storage.run_folder import RunFolder, require_tracker
from everymode.training.nonfinite import Diverged
from everymode.training.preparation import Preparation
from everymode.training.probe import SampleProbe
from everymode.training.trainer import Collapsed, OnCollapse, Trainer

if TYPE_CHECKING:
    import torch

    from everymode.training.stepper import Order


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        folder: the run folder.
        recipe: the recipe, with the hyper-parameters that were set.
        steps: completed generator steps.
    """

    folder: Path
    recipe: Recipe
    steps: int

    def generator(self) -> Generator:
        """Load the averaged generator of the newest checkpoint."""
        return load(self.folder, recipe=self.recipe)


def train(
    recipe: Recipe | str,
    data: str | Path | Objects | None = None,
    out: str | Path = "runs",
    *,
    resume: str | Path | None = None,
    init_from: str | Path | None = None,
    device: str | None = None,
    on_nonfinite: str = "stop",
    on_collapse: str = "warn",
    font: str | Path | None = None,
    track: str | None = None,
    quiet: bool = False,
    **numbers: Any,
) -> Run:
    """Train a recipe, and return the finished run.

    Args:
        recipe: a Recipe, a recipe's name, or a Python file that defines RECIPE.
        data: a path or name, a Dataset, or other data in memory: a map-style dataset of (image, label) pairs, or
            arrays (images, labels) (see `open_images`); None means the recipe's default data.
        out: folder in which a numbered run folder is created.
        resume: a run folder to resume, or "auto": the newest run in `out` of this recipe with these hyper-parameters
            and parts on this data (and this `init_from`), if any (`steps` may be more than it was started with).
        init_from: a checkpoint or run whose generator and discriminator to start from (fine-tuning).
        device: "cpu", "cuda" or "cuda:1"; None means a GPU if there is one.
        on_nonfinite: what to do if a loss is not finite: "stop" or "rollback" (to the last good checkpoint, with half
            the discriminator's learning rate).
        on_collapse: what to do if the collapse watch raises an alarm: "warn", "stop" or "rollback" (to the last healthy
            checkpoint, with the recipe's remedy).
        font: font file for the class names in pictures; None means DejaVu Sans.
        track: "tensorboard", "wandb" or "none", where losses and scores go beside the log; None means TensorBoard if
            it is installed.
        quiet: whether to print nothing.
        numbers: fields of the recipe and its parts to change.

    Raises:
        ValueError: if an argument or hyper-parameter is invalid.
        FileNotFoundError: if there is no such recipe, data, run or checkpoint.
        TypeError: if `data` is of another type, such as a DataLoader.
        ImportError: if the package of `track` is not installed.
        DataError: if the data can't be used.
        Diverged: if a loss is not finite and `on_nonfinite` is "stop", or no rollback is left.
        Collapsed: if the collapse watch raises an alarm and `on_collapse` is "stop", or no rollback is left.
        Stopped: if a signal stops the run; the message has the call that resumes it.
    """
    _check_choices(on_nonfinite, on_collapse, data)
    require_font(font)
    require_tracker(track)
    torch_device = find_device(device)
    world = World.from_environment(cuda=torch_device.type == "cuda")
    verbose = world.is_writer and not quiet
    try:
        plan = plan_of(recipe, data, resume, numbers)
        own_column = "label_column" not in numbers
        plan, opened, dataset = opened_for(plan, data, world, quiet=not verbose, own_column=own_column)
        if str(resume) == "auto":
            plan = with_matching_run(plan, dataset, Path(out), world, init_from)
        rollback = on_nonfinite == "rollback"
        choices = _Choices(rollback, OnCollapse(on_collapse), init_from, torch_device, font, track, verbose)
        return _run(plan, opened, dataset, Path(out), world, choices)
    except Stopped as stopped:
        if stopped.folder is not None:
            options = {"name": numbers.get("name"), "device": device, "font": font, "track": track}
            options = {name: value for name, value in options.items() if value is not None}
            options |= {} if on_nonfinite == "stop" else {"on_nonfinite": on_nonfinite}
            options |= {} if on_collapse == "warn" else {"on_collapse": on_collapse}
            options |= {"quiet": True} if quiet else {}
            stopped.resume_call = resume_call(recipe, data, stopped.folder, options)
        raise
    finally:
        world.close()


class _Choices(NamedTuple):
    """Options of `train` that are not part of the plan: a resumed run may have others."""

    on_nonfinite_rollback: bool
    on_collapse: OnCollapse
    init_from: str | Path | None
    device: torch.device
    font: str | Path | None
    track: str | None
    verbose: bool


def _check_choices(on_nonfinite: str, on_collapse: str, data: object) -> None:
    if on_nonfinite not in ("stop", "rollback"):
        raise ValueError(f'on_nonfinite is "stop" or "rollback", not {on_nonfinite!r}')
    if on_collapse not in [choice.value for choice in OnCollapse]:
        raise ValueError(f'on_collapse is "warn", "stop" or "rollback", not {on_collapse!r}')
    if data is not None and not isinstance(data, (str, Path)):
        require_objects(data)


def _run(plan: Plan, opened: Dataset, dataset: Dataset, out: Path, world: World, choices: _Choices) -> Run:
    """Train to the last step, in a new run folder in `out` or in the folder to resume."""
    order = order_of(plan.recipe, dataset)
    config = config_of(plan, dataset, choices.device, world, _init_from(plan, choices))
    check_folder(plan, dataset)
    if plan.folder is not None:
        require_free(plan.folder, world)
        progress = Progress(plan.recipe.steps, verbose=choices.verbose)
        finished = finished_step(plan, world, progress)
        if finished is not None:
            return Run(plan.folder.path, plan.before, finished)
    folder = plan.folder or _new_folder(out, plan.recipe, plan.source, plan.recipe_file, world)
    if plan.folder and world.is_writer:
        clean(folder.path)
    with stop_on_signals() as stop:
        stop.listening = False  # Ctrl-C ends the program until there is something to save
        with _removed_on_error(None if plan.folder else folder, world):
            trainer = _trainer(plan, opened, dataset, order, folder, config, world, stop, choices)
            restored = _restore_or_init(trainer, folder, _init_from(plan, choices))
            if world.is_writer:
                # Only now: hyper-parameters that don't fit the checkpoint must not replace those that do.
                _record(plan, folder, config, trainer.completed)
                folder.track(choices.track, quiet=not choices.verbose)
            for note in plan.notes:
                trainer.progress.say(note)
            introduce(trainer, dataset, folder, trainer.progress.say)
            if plan.folder:
                say_changes(plan.before, plan.recipe, trainer.progress.say)
        stop.listening = True
        with _recorded_end(trainer):
            if not restored:
                if world.is_writer:
                    draw_reals(trainer, dataset, folder, choices.font)
                _prepare(trainer, dataset, choices.device, stop, verbose=choices.verbose)
            trainer.run()
    return Run(folder.path, plan.recipe, trainer.completed)


def _record(plan: Plan, folder: RunFolder, config: dict[str, Any], step: int) -> None:
    """Write config.json for a new run, or add what a resumed run changes from this step on."""
    if plan.folder is None:
        folder.write_config(config)
        return
    written = folder.read_config()
    sources = (str(written["data"]["source"]), plan.source)
    change = change_of(plan.before, plan.recipe, sources=sources, step=step, stored=written["recipe"])
    if change is not None:
        folder.add_change(change)


def _trainer(
    plan: Plan,
    opened: Dataset,
    dataset: Dataset,
    order: Order,
    folder: RunFolder,
    config: dict[str, Any],
    world: World,
    stop: StopRequest,
    choices: _Choices,
) -> Trainer:
    """Return the trainer of a run, with sample images, metrics (against all labels) and collapse watch."""
    recipe = plan.recipe
    progress = Progress(recipe.steps, verbose=choices.verbose)
    held_out = held_out_of(plan, dataset, progress.say, quiet=not choices.verbose)
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
        snapshot=lambda trainer: draw_samples(trainer, dataset, folder, choices.font, held_out=held_out),
        on_nonfinite_rollback=choices.on_nonfinite_rollback,
        probe=SampleProbe(dataset, count=recipe.watch_samples, seed=recipe.seed, held_out=held_out),
        on_collapse=choices.on_collapse,
        measure=measure_of(recipe, opened, folder, choices.device, world, verbose=choices.verbose),
    )


@contextmanager
def _removed_on_error(created: RunFolder | None, world: World) -> Iterator[None]:
    """Delete a new run folder if the block raises, so that a run that can't start leaves none."""
    try:
        yield
    except BaseException:
        if created is not None and world.is_writer:
            shutil.rmtree(created.path, ignore_errors=True)
        raise


@contextmanager
def _recorded_end(trainer: Trainer) -> Iterator[None]:
    """Record in the status of the run how the block ended if it raises, and close the files of the trackers."""
    try:
        yield
    except (Diverged, Collapsed):
        raise  # recorded, with the reason
    except BaseException as error:
        trainer.write_status("stopped" if isinstance(error, Stopped | KeyboardInterrupt) else "failed")
        raise
    finally:
        if trainer.folder is not None:
            trainer.folder.end_tracking()


def _new_folder(out: Path, recipe: Recipe, source: str, recipe_file: str | None, world: World) -> RunFolder:
    """Create a run folder, the same on every rank, with a copy of the recipe file if there is one."""
    name = f"{recipe.name or type(recipe).__name__}-{short_name(source)}"
    created = str(RunFolder.create(out, name).path) if world.is_writer else ""
    folder = RunFolder(Path(str(world.share(created))))
    if world.is_writer and recipe_file:
        shutil.copy(recipe_file, folder.path / "recipe.py")
    return folder


def _restore_or_init(trainer: Trainer, folder: RunFolder, init_from: str | Path | None) -> bool:
    """Load the run's newest checkpoint and return True; without one, load the networks of `init_from`, if set."""
    if restore_newest(trainer, folder):
        return True
    world = trainer.world
    if world.is_writer:
        folder.cut_back(0)
    if init_from is not None:
        start_from(trainer, Path(init_from), trainer.progress.say)
    return False


def _init_from(plan: Plan, choices: _Choices) -> str | Path | None:
    """Return the run whose networks to start from; a run that was stopped before its first checkpoint has its own."""
    if choices.init_from is None and plan.folder is not None:
        return plan.folder.read_config().get("init_from")
    return choices.init_from


def _prepare(
    trainer: Trainer, dataset: Dataset, device: torch.device, stop: StopRequest, *, verbose: bool
) -> None:
    """Run the recipe's preparation before training, such as learning a partition; on the writer first."""
    folder, recipe = trainer.folder, trainer.recipe
    assert folder is not None
    if trainer.world.is_writer:
        folder.write_status("preparing", 0, recipe.steps)
    preparation = Preparation(
        folder.path, device, stop, trainer.progress.say, verbose, trainer.estimated_seconds
    )
    with trainer.world.writer_first():
        recipe.prepare(trainer.game, dataset, preparation)
