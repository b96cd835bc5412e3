"""Snapshots of a run: an image of samples, and metrics if the recipe has any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from everymode.data.classes import numbered_as
from everymode.data.dataset import Dataset
from everymode.evaluation.judging import default_extractor, evaluate_generator, prepare_reference
from everymode.evaluation.scoring import chosen_metrics
from everymode.game import UNLABELED
from everymode.machine.distributed import World
from everymode.pictures import require_finite, save_grid, save_scatter
from everymode.recipe import Recipe
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


def draw_samples(trainer: Trainer, dataset: Dataset, folder: RunFolder) -> Path:
    """Write samples/step-NNNNNNN.png, an image with one row per class (at most 20) or a scatter plot of points.

    With several label blocks the rows are the classes of the first one, and the other labels are drawn at random.

    Returns:
        The path of the image.

    Raises:
        NotFinite: if a sample is not finite; nothing is written then.
    """
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
        return save_grid(images, path, columns=SAMPLE_COLUMNS, row_names=names)


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
    held_out = open_source(plan.recipe, name, labeled=False, quiet=quiet)
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
    blocks = dataset.label_blocks or (dataset.classes,)
    labels = numbered_as(
        held_out.labels,
        held_out.label_blocks or (held_out.classes,),
        blocks,
        this=f"held_out {source}",
        other="the training data",
    )
    return replace(held_out, labels=labels, classes=dataset.classes, label_blocks=dataset.label_blocks)
