"""Train a recipe on data in a run folder: joins recipe, data set and trainer, and says what it does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from everymode import checkpoint as files
from everymode.data.builtin import names_points
from everymode.data.dataset import Dataset
from everymode.data.errors import NoColumnsError
from everymode.data.hiding import with_few_labels
from everymode.data.opening import ARRAYS_INSTEAD, open_images
from everymode.data.order import DataOrder, MixedOrder
from everymode.device import find_device
from everymode.distributed import World
from everymode.evaluation.judging import default_extractor, evaluate_generator, prepare_reference
from everymode.game import UNLABELLED
from everymode.generator import Generator, load
from everymode.metrics.scoring import chosen_metrics
from everymode.pictures import save_grid, save_scatter
from everymode.preparation import Preparation
from everymode.probe import SampleProbe, as_in_use
from everymode.progress import Progress
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.run_folder import RunFolder
from everymode.run_record import config_of, introduce, say_changes
from everymode.stopping import stop_on_signals
from everymode.trainer import Measure, OnCollapse, Trainer

SAMPLE_COLUMNS = 10
MAX_SAMPLE_ROWS = 20


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
        resume: a run folder to go on with, or "auto": the newest run of this recipe on this data in `out`, if any.
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
    created: RunFolder | None = None
    try:
        progress_talk = world.is_writer and not quiet
        recipe_file = str(recipe) if str(recipe).endswith(".py") else None
        chosen = recipe if isinstance(recipe, Recipe) else find(str(recipe))
        source = str(data) if isinstance(data, (str, Path)) else (data.name if data else chosen.data)
        name = str(numbers.get("name", chosen.name))
        seed = int(numbers.get("seed", chosen.seed))
        folder = _folder_to_resume(resume, Path(out), name, source, seed, world)
        if chosen.data and source != chosen.data and "held_out" not in numbers:
            chosen = replace(chosen, held_out="")  # it belongs to the recipe's own data
        if folder is not None:
            chosen, source, recipe_file = _resumed(folder, chosen, name, source, data)
        before = chosen
        chosen = chosen.with_numbers(**numbers)
        if folder is not None and chosen.seed != before.seed:
            raise ValueError(
                f"{folder.path} was trained with seed {before.seed}, and its draws can't change on the way: leave the "
                "seed out, or start a new run"
            )
        with world.writer_first():
            try:
                opened = _open(chosen, source, data, quiet=not progress_talk)
            except NoColumnsError:
                if "label_column" in numbers:
                    raise
                chosen = replace(
                    chosen, label_column=""
                )  # the recipe's own, for a paper's file: folders need none
                opened = _open(chosen, source, data, quiet=not progress_talk)
        if chosen.needs_labels() and not any(opened.class_counts):
            raise ValueError(
                f"{source} has no labels, and {chosen.name or type(chosen).__name__} needs them: add labels (class "
                "sub-folders, or labels.csv with the columns file,label)"
            )
        dataset = with_few_labels(opened, chosen.labelled_fraction, chosen.seed)
        chosen = chosen.for_data(dataset.facts())
        order = _order(chosen, dataset)
        config = config_of(chosen, source, dataset, place, world, recipe_file)
        if folder is None:
            name = f"{chosen.name or type(chosen).__name__}-{Path(source).stem}"
            folder = created = RunFolder(
                Path(str(world.share(str(RunFolder.create(Path(out), name).path) if world.is_writer else "")))
            )
            if world.is_writer and recipe_file:
                shutil.copy(recipe_file, folder.path / "recipe.py")
        else:
            _check_same_data(folder, dataset, source)
        progress = Progress(chosen.steps, talk=progress_talk)
        with stop_on_signals() as stop:
            trainer = Trainer(
                chosen,
                dataset,
                order,
                folder=folder,
                config=config,
                device=place,
                world=world,
                progress=progress,
                stop=stop,
                snapshot=lambda trainer: draw_samples(trainer, dataset, folder),
                on_nonfinite_rollback=on_nonfinite == "rollback",
                probe=_probe(chosen, dataset, quiet=not progress_talk),
                on_collapse=OnCollapse(on_collapse),
                measure=_measure(chosen, opened, folder, place, world, talk=progress_talk),
            )
            newest = files.newest_valid(folder.checkpoints, progress.say) if world.is_writer else None
            chosen_one = str(world.share(str(newest or "")))  # the same on every rank
            checkpoint = Path(chosen_one) if chosen_one else None
            if checkpoint is not None:
                _restore(trainer, checkpoint)
                _check_steps(trainer, folder)
            else:
                if world.is_writer:
                    folder.cut_back(0)
                if init_from is not None:
                    _start_from(trainer, Path(init_from), progress.say)
            if world.is_writer:
                # Not before: numbers that do not fit must not replace those that do.
                folder.write_config(config)
            introduce(trainer, dataset, folder, progress.say)
            if created is None:
                say_changes(before, chosen, progress.say)
            created = None  # from here on it holds a run
            if checkpoint is None:
                if world.is_writer:
                    folder.write_status("preparing", 0, chosen.steps)
                with world.writer_first():
                    chosen.prepare(
                        trainer.game,
                        dataset,
                        Preparation(folder.path, place, stop, progress.say, progress_talk),
                    )
            trainer.run()
        return Run(folder.path, chosen, trainer.completed)
    finally:
        if created is not None and world.is_writer:
            shutil.rmtree(created.path, ignore_errors=True)  # the run did not begin
        world.close()


def draw_samples(trainer: Trainer, dataset: Dataset, folder: RunFolder) -> Path:
    """samples/step-NNNNNNN.png: one row per class (at most 20), or a scatter plot of points.

    Of several label blocks the first one gives the rows, and the other labels are drawn.
    """
    path = folder.samples / f"step-{trainer.completed:07d}.png"
    with as_in_use(trainer.average):
        generator = Generator(trainer.average, trainer.game.labels, classes=dataset.classes)
        if dataset.is_points:
            means = None if dataset.mixture is None else dataset.mixture.means
            return save_scatter(generator.sample(2500, batch_size=500), path, means=means)
        sizes = generator.num_labels if isinstance(generator.num_labels, tuple) else (generator.num_labels,)
        rows = min(sizes[0], MAX_SAMPLE_ROWS)
        if rows == 0:
            return save_grid(generator.sample(100), path, columns=SAMPLE_COLUMNS)
        labels = torch.arange(rows).repeat_interleave(SAMPLE_COLUMNS)
        if isinstance(generator.num_labels, tuple):
            labels = torch.stack((labels, *[torch.full_like(labels, UNLABELLED)] * (len(sizes) - 1)), dim=1)
        names = generator.classes[:rows] if len(generator.classes) >= rows else ()
        images = generator.sample(len(labels), label=labels)
        return save_grid(images, path, columns=SAMPLE_COLUMNS, row_names=names)


def _open(recipe: Recipe, source: str, data: str | Path | Dataset | None, *, quiet: bool) -> Dataset:
    if isinstance(data, Dataset):
        return data
    if source and not recipe.takes_points and names_points(source):
        name = recipe.name or type(recipe).__name__
        raise ValueError(
            f"{source} holds points in the plane, and {name} draws images: give images, or take a recipe for points, "
            "such as gan-ring or self-conditioned-grid (`everymode recipes points` lists them)"
        )
    if not source:
        raise ValueError(
            f"{recipe.name or type(recipe).__name__} has no data set of its own: name one, as in --data photos"
        )
    return open_images(
        source,
        resolution=None if recipe.takes_points else recipe.size,
        fit=recipe.fit,
        label_column=recipe.label_column or None,
        progress=not quiet,
    )


def _order(recipe: Recipe, dataset: Dataset) -> DataOrder | MixedOrder:
    if recipe.labelled_share:
        return MixedOrder(
            dataset.labels,
            recipe.batch_size,
            recipe.seed,
            labelled_share=recipe.labelled_share,
            sampling=recipe.class_sampling,
        )
    return DataOrder(dataset.labels, recipe.batch_size, recipe.seed, sampling=recipe.class_sampling)


def _measure(
    recipe: Recipe, dataset: Dataset, folder: RunFolder, device: torch.device, world: World, *, talk: bool
) -> Measure | None:
    """Scores of the averaged generator against the training data, by the recipe's metrics."""
    if not recipe.metrics:
        return None
    names = chosen_metrics(recipe.metrics)
    if not world.is_writer:
        return lambda trainer: {}  # one process measures
    reference = prepare_reference(
        dataset,
        extractor=recipe.metric_extractor or default_extractor(dataset.name, fast=True, device=device),
        device=device,
        talk=talk,
    )

    def measure(trainer: Trainer) -> dict[str, Any]:
        with as_in_use(trainer.average):
            generator = Generator(
                trainer.average, trainer.game.labels, classes=dataset.classes, config=trainer.config
            )
            card = evaluate_generator(
                generator, reference, num=recipe.metric_images, metrics=names, step=trainer.completed
            )
        place = card.save(folder.path / "evaluations" / f"step-{trainer.completed:07d}.json")
        first = next(iter(card.metrics.values()))
        rank = None if first.value is None else first.value * (1 if first.better == "lower" else -1)
        values = {name: each.value for name, each in card.metrics.items()}
        trainer.progress.say(
            "  ".join(f"{name} {value:.4g}" for name, value in values.items() if value is not None)
        )
        return {"rank": rank, **values, "card": str(place.relative_to(folder.path))}

    return measure


def _probe(recipe: Recipe, dataset: Dataset, *, quiet: bool) -> SampleProbe:
    held_out = _open(recipe, recipe.held_out, None, quiet=quiet) if recipe.held_out else None
    kind = (dataset.image_shape, dataset.classes)
    if held_out is not None and (held_out.image_shape, held_out.classes) != kind:
        raise ValueError(
            f"held_out {recipe.held_out} is of another kind than the training data: {held_out.image_shape} with "
            f"{len(held_out.classes)} classes, not {dataset.image_shape} with the same {len(dataset.classes)}"
        )
    return SampleProbe(dataset, count=recipe.watch_samples, seed=recipe.seed, held_out=held_out)


def _folder_to_resume(
    resume: str | Path | None, out: Path, name: str, source: str, seed: int, world: World
) -> RunFolder | None:
    if resume is None:
        return None
    if str(resume) != "auto":
        folder = RunFolder(Path(resume))
        folder.read_config()
        return folder
    found = str(world.share(_newest_run(out, name, source, seed) if world.is_writer else ""))
    return RunFolder(Path(found)) if found else None


def _newest_run(out: Path, name: str, source: str, seed: int) -> str:
    """The newest run folder in `out` of a recipe of this name on this data with this seed, or ""."""
    for path in sorted(out.glob("[0-9]*-*"), reverse=True) if out.is_dir() else ():
        if (path / "config.json").is_file():
            config = RunFolder(path).read_config()
            numbers = config["recipe"]["numbers"]
            same = (numbers["name"], numbers["seed"], config["data"]["source"]) == (name, seed, source)
            if same:
                return str(path)
    return ""


def _resumed(
    folder: RunFolder, chosen: Recipe, name: str, source: str, data: str | Path | Dataset | None
) -> tuple[Recipe, str, str | None]:
    """The recipe of the run to go on with (its config's, whatever the recipe says today), the data, the recipe's file.

    Raises ValueError if the run was made with another kind of recipe.
    """
    config = folder.read_config()
    record = config["recipe"]
    kind = type(chosen)
    if (record["class"], record["numbers"]["name"]) != (kind.__name__, name):
        raise ValueError(
            f"{folder.path} was trained with {record['numbers']['name'] or record['class']}, not with "
            f"{name or kind.__name__}: leave the recipe out to go on with that run, or start a new one"
        )
    numbers = kind.from_json(record["numbers"])
    given = isinstance(data, (str, Path))
    return numbers, source if given or data is not None else str(config["data"]["source"]), record["file"]


def _check_same_data(folder: RunFolder, dataset: Dataset, source: str) -> None:
    before = folder.read_config()["data"]["fingerprint"]
    if before != dataset.fingerprint:
        raise ValueError(
            f"{source} is not the data that {folder.path} was trained on (its content differs, or how many labels "
            "are kept): give that data with --data, or start a new run, perhaps with --init-from this one"
        )


def _restore(trainer: Trainer, checkpoint: Path) -> None:
    state = files.read_state(checkpoint)
    try:
        trainer.restore(state)
    except (RuntimeError, KeyError) as error:
        raise ValueError(
            f"{checkpoint} does not fit this recipe: numbers that shape the networks can't be changed on resume. Leave "
            f"them out, or start a new run, perhaps with --init-from this one ({str(error)[:300]})"
        ) from error


def _check_steps(trainer: Trainer, folder: RunFolder) -> None:
    if trainer.completed > trainer.recipe.steps:
        raise ValueError(
            f"{folder.path} already stands at step {trainer.completed}, beyond the {trainer.recipe.steps} steps asked "
            "for: ask for more, as in --steps "
            f"{2 * trainer.completed}"
        )


def _start_from(trainer: Trainer, path: Path, say: Callable[[str], None]) -> None:
    """Load what fits of another run's generator, average and discriminator, and say what does not."""
    if (path / "checkpoints").is_dir():
        path = files.newest_valid(path / "checkpoints", say) or path
    if not (path / "state").is_dir():
        raise FileNotFoundError(
            f"{path} is no checkpoint with a discriminator: give a run folder or one of its checkpoints"
        )
    state = files.read_state(path)
    targets: dict[str, tuple[nn.Module, dict[str, Any]]] = {
        "generator": (trainer.game.generator, state["modules"]["generator"]),
        "averaged generator": (trainer.average, state["average"]),
        "discriminator": (trainer.game.discriminator, state["modules"]["discriminator"]),
    }
    for name, (network, weights) in targets.items():
        own = network.state_dict()
        fitting = {
            key: value for key, value in weights.items() if key in own and own[key].shape == value.shape
        }
        network.load_state_dict(fitting, strict=False)
        left = [key for key in own if key not in fitting]
        if name != "averaged generator":
            shown = f"; not: {', '.join(left[:8])}{', ...' if len(left) > 8 else ''}" if left else ""
            say(f"{name}: {len(fitting)} of {len(own)} tensors taken from {path}{shown}")
