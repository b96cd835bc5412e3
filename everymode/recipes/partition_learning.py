"""The partition behind a recipe: settings that suit the data, and learning it, or reading one learned before."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from everymode.partitioner.settings import DIGITS, IMAGES, POINTS, PartitionSettings

if TYPE_CHECKING:
    from torch import nn

    from everymode.data.facts import DataFacts
    from everymode.game import LabelSource
    from everymode.recipe import Recipe
    from everymode.training.preparation import Preparation

KEPT = "parts.safetensors"
"""In the run's folder: the frozen partitioner and the part of each image, once both are known."""
FEWEST_PARTS, MOST_PARTS = 10, 200
"""Between these lies the default number of parts; 200 is the paper's, for 50,000 images and more."""
IMAGES_PER_PART = 250
"""What the default number of parts aims at: the paper's, on CIFAR-10."""


def parts_for(num_images: int) -> int:
    """The default number of parts: one for 250 images, but 10 at least and 200 at most, and never more than one for
    ten images (but two).
    """
    wanted = min(max(num_images // IMAGES_PER_PART, FEWEST_PARTS), MOST_PARTS)
    return max(2, min(wanted, num_images // 10))


def settings_for(recipe: Recipe) -> PartitionSettings:
    """The settings that suit what a recipe draws: points, or images of its size."""
    if recipe.takes_points:
        return POINTS
    side = min(recipe.size)
    if side < 32:
        return DIGITS
    if side < 64:
        return IMAGES
    if side < 128:
        return replace(IMAGES, blocks=(2, 2, 2, 2))
    return replace(IMAGES, blocks=(2, 2, 2, 2, 2), pooled=True)


def settings_of(folder: Path, facts: DataFacts, parts: int | None) -> PartitionSettings:
    """The settings of a partitioner that was learned.

    Args:
        parts: how many are asked for, or None.
    Raises:
        FileNotFoundError: there is none in the folder.
        ValueError: it is of other images, or has another number of parts.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise FileNotFoundError(
            f"{folder} holds no partition: give the folder that `everymode partition --out` wrote, or leave "
            "partitioner out"
        )
    try:
        config = json.loads(file.read_text("utf-8"))
        settings = PartitionSettings.from_json(config["settings"])
        layout = config["layout"]
        shape = (layout["channels"], *layout["size"]) if "size" in layout else (layout["dimensions"],)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise ValueError(
            f"{file} is damaged, or no partition's ({type(error).__name__}: {str(error)[:200]}): take the folder from "
            "where it came from again, or learn the partition anew"
        ) from error
    if shape != facts.image_shape:
        raise ValueError(
            f"the partition in {folder} is of examples of shape {shape}, and those of {facts.name} are "
            f"{facts.image_shape}: learn one of these, or leave partitioner out"
        )
    if parts not in (None, settings.k):
        raise ValueError(
            f"the partition in {folder} has {settings.k} parts, and {parts} are asked for: set parts to {settings.k} "
            "(or to auto, as many as there are), or give another partition"
        )
    return settings


def label_by_partition(
    labels: LabelSource,
    folder: str,
    settings: PartitionSettings,
    data: Any,
    preparation: Preparation,
    *,
    seed: int,
) -> None:
    """Fill in the label source's partitioner and the part of each image: kept in the run's folder, from which a run
    that was killed goes on.

    Args:
        folder: of a partitioner that was learned before, or "".
    """
    from everymode.labels.partition import PartitionLabels
    from everymode.machine.stopping import Stopped

    def look(done: int) -> None:
        if preparation.stop.requested:
            raise Stopped(f"stopped when {done:,} images had got their part", preparation.folder)

    assert isinstance(labels, PartitionLabels)
    if not preparation.recall(labels, KEPT):
        labels.adopt(learned_partitioner(folder, settings, data, preparation, seed), data, seed=seed)
        labels.take(labels.label_all(data, look))
        preparation.keep(labels, KEPT)
    found = labels.numbers()
    preparation.say(
        f"{labels.num_labels} parts: the largest has {found['largest']:.1%} of the images, {found['empty']:.0f} "
        "have none"
    )


def learned_partitioner(
    folder: str, settings: PartitionSettings, data: Any, preparation: Preparation, seed: int
) -> nn.Module:
    """The partitioner in `folder`, or where that is empty one learned here and now."""
    from everymode.machine.stopping import Stopped
    from everymode.metrics.clustering import nmi, purity
    from everymode.partitioner import PartitionStopped, learn_partition, load_partitioner

    if folder:
        return load_partitioner(folder)
    try:
        return learn_partition(
            data,
            settings,
            preparation.folder / "partitioner",
            device=preparation.device,
            seed=seed,
            verbose=preparation.verbose,
            stop=lambda: preparation.stop.requested,
            scores={"nmi": nmi, "purity": purity},
        )
    except PartitionStopped as stopped:
        raise Stopped(f"stopped while the partition was learned ({stopped})", preparation.folder) from stopped
