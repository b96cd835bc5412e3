"""Snapshots of a run: an image of samples, and metrics if the recipe has any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from everymode.data.classes import numbered_as
from everymode.data.dataset import Dataset
from everymode.data.layout import has_layout
from everymode.draws import stable_seed
from everymode.evaluation.judging import default_extractor, evaluate_generator, prepare_reference
from everymode.evaluation.scoring import chosen_metrics
from everymode.game import UNLABELED
from everymode.machine.distributed import World
from everymode.pictures import legible, require_finite, save_grid, save_scatter
from everymode.recipe import Recipe
from everymode.runs.captions import augmentation_caption
from everymode.runs.condition_samples import draw_real_pairs, draw_translations
from everymode.runs.data import open_source
from everymode.runs.planning import Plan
from everymode.sampling.generator import Generator
from everymode.storage.run_folder import RunFolder
from everymode.training.moves import in_eval_mode
from everymode.training.trainer import Measure, Trainer

SAMPLE_COLUMNS = 10
"""Samples per class in the image of samples."""
MAX_SAMPLE_ROWS = 20
"""Most classes in the image of samples."""
FIRST_NUMBERS = {"pr": "precision", "dc": "density", "per-class": "fd-per-class"}
"""Value that selects the best checkpoints, for metrics whose values have other names: metric -> value."""


def draw_samples(
    trainer: Trainer,
    dataset: Dataset,
    folder: RunFolder,
    font: str | Path | None = None,
    *,
    held_out: Dataset | None = None,
) -> Path:
    """Write samples/step-NNNNNNN.png, an image with one row per class (at most 20) or a scatter plot of points.

    With several label blocks the rows are the classes of the first one, and the other labels are drawn at random. Class
    names are drawn in the font file `font` (default: DejaVu Sans). Generators of label maps or pictures are shown on
    fixed examples, of `held_out` if there is such data (`draw_translations`).

    Returns:
        The path of the image.

    Raises:
        NotFinite: if a sample is not finite; nothing is written then.
    """
    if trainer.game.labels.needs_examples:
        return draw_translations(trainer, dataset, held_out, folder)
    path = folder.sample_picture(trainer.completed)
    with in_eval_mode(trainer.average):
        generator = Generator(trainer.average, trainer.game.labels, classes=dataset.classes)
        if dataset.is_points:
            means = None if dataset.mixture is None else dataset.mixture.means
            return save_scatter(generator.sample(2500, batch_size=500), path, means=means)
        sizes = generator.num_labels if isinstance(generator.num_labels, tuple) else (generator.num_labels,)
        rows = min(sizes[0], MAX_SAMPLE_ROWS)
        if rows == 0:
            return save_grid(require_finite(generator.sample(100), "a sample"), path, columns=SAMPLE_COLUMNS)
        labels = torch.arange(rows).repeat_interleave(SAMPLE_COLUMNS)
        if isinstance(generator.num_labels, tuple):
            labels = torch.stack((labels, *[torch.full_like(labels, UNLABELED)] * (len(sizes) - 1)), dim=1)
        names = generator.classes[:rows] if len(generator.classes) >= rows else ()
        images = require_finite(generator.sample(len(labels), label=labels, by_position=True), "a sample")
        return save_grid(images, path, columns=SAMPLE_COLUMNS, row_names=names, font=font)


def draw_reals(trainer: Trainer, dataset: Dataset, folder: RunFolder, font: str | Path | None = None) -> None:
    """Write reals.png, an image or plot of training data as the discriminator gets them, and print its path.

    Images have one row per class (at most 20) if there are labels; of several label blocks, the first one counts. Class
    names are drawn in the font file `font` (default: DejaVu Sans); if it lacks letters, a message says so.
    """
    if trainer.game.labels.needs_examples:
        draw_real_pairs(trainer, dataset, folder)
        return
    with trainer.saying_if_refused("the picture of training images"):
        random = np.random.default_rng(stable_seed(trainer.recipe.seed, "reals"))
        if dataset.is_points:
            rows = _some(np.arange(len(dataset)), 2500, random)
            means = None if dataset.mixture is None else dataset.mixture.means
            save_scatter(trainer.judged_reals(rows), folder.reals, means=means)
        else:
            labels = dataset.labels if dataset.labels.ndim == 1 else dataset.labels[:, 0]
            classes = (dataset.label_blocks or (dataset.classes,))[0][:MAX_SAMPLE_ROWS]
            members = [np.flatnonzero(labels == label) for label in range(len(classes))]
            members = members if any(map(len, members)) else []
            chosen = [_some(rows, SAMPLE_COLUMNS, random) for rows in members]
            if not chosen:
                chosen = [_some(np.arange(len(dataset)), SAMPLE_COLUMNS**2, random)]
            images = trainer.judged_reals(np.concatenate(chosen)).cpu()
            if members:
                images = _in_rows(images, [len(rows) for rows in chosen])
            names = classes if members else ()
            caption = augmentation_caption(trainer.game.augment, trainer.recipe.augmentation)
            save_grid(
                images, folder.reals, columns=SAMPLE_COLUMNS, row_names=names, font=font, caption=caption
            )
            if message := legible(names, font=font)[1]:
                trainer.progress.say(message)
        trainer.progress.say(f"first picture, of training data: {folder.reals}")


def _some(rows: np.ndarray, number: int, random: np.random.Generator) -> np.ndarray:
    """Return at most `number` of the rows, drawn without replacement."""
    return random.permutation(rows)[:number]


def _in_rows(images: Tensor, counts: Sequence[int]) -> Tensor:
    """Return images of several classes with white ones after the images of a class that has too few for a row."""
    full = images.new_ones(len(counts), SAMPLE_COLUMNS, *images.shape[1:])
    for row, each in zip(full, images.split(list(counts)), strict=True):
        row[: len(each)] = each
    return full.flatten(0, 1)


def measure_of(
    recipe: Recipe, dataset: Dataset, folder: RunFolder, device: torch.device, world: World, *, verbose: bool
) -> Measure | None:
    """Return the function that evaluates the averaged generator against the training data; None without metrics.

    Args:
        recipe: the recipe, whose `metrics` are computed.
        dataset: the training data, with all labels.
        folder: folder of the run, in which score cards are written.
        device: device of the feature extractor.
        world: the processes of the run; only the writer evaluates.
        verbose: whether to show progress.
    """
    if not recipe.metrics:
        return None
    names = chosen_metrics(recipe.metrics)
    if not world.is_writer:
        return lambda trainer: {}  # only the writer evaluates
    reference = prepare_reference(
        dataset,
        extractor=recipe.metric_extractor or default_extractor(dataset.name, fast=True, device=device),
        device=device,
        verbose=verbose,
    )

    def measure(trainer: Trainer) -> dict[str, Any]:
        with in_eval_mode(trainer.average):
            generator = Generator(
                trainer.average, trainer.game.labels, classes=dataset.classes, config=trainer.config
            )
            card = evaluate_generator(
                generator, reference, num=recipe.metric_images, metrics=names, step=trainer.completed
            )
        path = card.save(folder.path / "evaluations" / f"step-{trainer.completed:07d}.json")
        # If it is missing (few images), no other value selects the best checkpoints in its stead.
        name_of_first = FIRST_NUMBERS.get(names[0], names[0])
        first = next((each for each in card.metrics.values() if each.metric == name_of_first), None)
        value = None if first is None else first.value
        sign = 1 if first is not None and first.better == "lower" else -1
        rank = None if value is None else value * sign
        values = {name: each.value for name, each in card.metrics.items()}
        trainer.progress.say(
            "  ".join(f"{name} {value:.4g}" for name, value in values.items() if value is not None)
        )
        return {"rank": rank, **values, "card": str(path.relative_to(folder.path))}

    return measure


def held_out_of(plan: Plan, dataset: Dataset, say: Callable[[str], None], *, quiet: bool) -> Dataset | None:
    """Return the held-out images of the collapse watch: those of the plan, or the dataset that the recipe names.

    Args:
        plan: the plan of the run.
        dataset: the training data.
        say: called with the notes on the held-out data.
        quiet: whether to show no progress.

    Raises:
        ValueError: if the held-out images have another shape, or a class that the dataset lacks (they may lack
            classes).
    """
    name = plan.recipe.held_out
    if plan.held_out is not None or not isinstance(name, str) or not name:
        return plan.held_out
    recipe = plan.recipe if has_layout(name) else replace(plan.recipe, layout=None)
    held_out = open_source(recipe, name, labeled=False, quiet=quiet, training=False)
    for note in held_out.notes:
        say(f"held out: {note}")
    return _as_training(held_out, dataset, name)


def _as_training(held_out: Dataset, dataset: Dataset, source: str) -> Dataset:
    """Return the held-out data with the class indices of the training data, matched by name."""
    if held_out.image_shape != dataset.image_shape:
        raise ValueError(
            f"held_out {source} does not fit the training data: its images have the shape {held_out.image_shape}, not "
            f"{dataset.image_shape}"
        )
    if held_out.facts().map_classes > (classes := dataset.facts().map_classes):
        raise ValueError(
            f"held_out {source} does not fit the training data: its label maps have the class "
            f"{held_out.facts().map_classes - 1}, and those of the training data have {classes} classes"
        )
    blocks = dataset.label_blocks or (dataset.classes,)
    labels = numbered_as(
        held_out.labels,
        held_out.label_blocks or (held_out.classes,),
        blocks,
        this=f"held_out {source}",
        other="the training data",
    )
    return replace(held_out, labels=labels, classes=dataset.classes, label_blocks=dataset.label_blocks)
