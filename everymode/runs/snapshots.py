"""What a run shows of itself at every snapshot: a picture of samples, and scores where the recipe asks for them."""

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
from everymode.sampling.generator import Generator
from everymode.storage.run_folder import RunFolder
from everymode.training.moves import in_eval_mode
from everymode.training.probe import SampleProbe
from everymode.training.trainer import Measure, Trainer

SAMPLE_COLUMNS = 10
MAX_SAMPLE_ROWS = 20
FIRST_NUMBERS = {"pr": "precision", "dc": "density", "per-class": "fd-per-class"}
"""The number that picks the best checkpoints, of metrics that are not called like it."""


def draw_samples(trainer: Trainer, dataset: Dataset, folder: RunFolder) -> Path:
    """samples/step-NNNNNNN.png: one row per class (at most 20), or a scatter plot of points.

    Of several label blocks the first one gives the rows, and the other labels are drawn. Raises NotFinite, and writes
    nothing, where a sample is not finite.
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
        place = card.save(folder.path / "evaluations" / f"step-{trainer.completed:07d}.json")
        wanted = FIRST_NUMBERS.get(
            names[0], names[0]
        )  # another one is no substitute where there are few images
        first = next((each for each in card.metrics.values() if each.metric == wanted), None)
        known = first is not None and first.value is not None
        rank = first.value * (1 if first.better == "lower" else -1) if first and known else None
        values = {name: each.value for name, each in card.metrics.items()}
        trainer.progress.say(
            "  ".join(f"{name} {value:.4g}" for name, value in values.items() if value is not None)
        )
        return {"rank": rank, **values, "card": str(place.relative_to(folder.path))}

    return measure


def probe_of(recipe: Recipe, dataset: Dataset, say: Callable[[str], None], *, quiet: bool) -> SampleProbe:
    """What the watch looks at: images of the data set, and the recipe's held-out ones.

    Raises ValueError where those are of another shape, or have a class that the data set lacks (they may lack classes).
    """
    held_out = open_source(recipe, recipe.held_out, labeled=False, quiet=quiet) if recipe.held_out else None
    if held_out is not None:
        for note in held_out.notes:
            say(f"held out: {note}")
        held_out = _as_training(held_out, dataset, recipe.held_out)
    return SampleProbe(dataset, count=recipe.watch_samples, seed=recipe.seed, held_out=held_out)


def _as_training(held_out: Dataset, dataset: Dataset, called: str) -> Dataset:
    """Held-out data with their classes numbered as the training data number them, by name."""
    if held_out.image_shape != dataset.image_shape:
        raise ValueError(
            f"held_out {called} is of another kind than the training data: its images are {held_out.image_shape}, not "
            f"{dataset.image_shape}"
        )
    blocks = dataset.label_blocks or (dataset.classes,)
    labels = numbered_as(
        held_out.labels,
        held_out.label_blocks or (held_out.classes,),
        blocks,
        this=f"held_out {called}",
        other="the training data",
    )
    return replace(held_out, labels=labels, classes=dataset.classes, label_blocks=dataset.label_blocks)
