"""Partition of a recipe: settings for the data, and learning it or loading a learned one."""

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
"""File in the run folder with the frozen partitioner and the part of each image."""
FOLDER = "partitioner"
"""Subfolder of the run folder in which the partition is learned."""
FEWEST_PARTS, MOST_PARTS = 10, 200
"""Bounds of the default number of parts; 200 is the paper's, for 50,000 images and more."""
IMAGES_PER_PART = 250
"""Images per part from which the default number of parts is derived: the paper's, on CIFAR-10."""


def parts_for(num_images: int) -> int:
    """Return the default number of parts: one per 250 images, from 10 to 200, at most one per 10 (but at least 2)."""
    parts = min(max(num_images // IMAGES_PER_PART, FEWEST_PARTS), MOST_PARTS)
    return max(2, min(parts, num_images // 10))


def settings_for(recipe: Recipe) -> PartitionSettings:
    """Return the settings for what a recipe generates: points, or images of its size."""
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
    """Return the settings of a learned partitioner.

    Args:
        parts: requested number of parts, or None.

    Raises:
        FileNotFoundError: if there is no partitioner in the folder.
        ValueError: if it is for other images, or has another number of parts.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise FileNotFoundError(
            f"{folder} contains no partition: give the folder that `everymode partition --out` wrote, or omit "
            "partitioner"
        )
    try:
        config = json.loads(file.read_text("utf-8"))
        settings = PartitionSettings.from_json(config["settings"])
        layout = config["layout"]
        shape = (layout["channels"], *layout["size"]) if "size" in layout else (layout["dimensions"],)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise ValueError(
            f"{file} is damaged, or not the file of a partition ({type(error).__name__}: {str(error)[:200]}): copy the "
            "folder from its source again, or learn the partition again"
        ) from error
    if shape != facts.image_shape:
        raise ValueError(
            f"the partition in {folder} is for examples of shape {shape}, but those of {facts.name} have shape "
            f"{facts.image_shape}: learn one for this data, or omit partitioner"
        )
    if parts not in (None, settings.k):
        raise ValueError(
            f"the partition in {folder} has {settings.k} parts, not {parts}: set parts to {settings.k} or auto, or "
            "give another partition"
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
    """Set the partitioner of a label source and the part of each image, and save both in the run folder.

    An interrupted run resumes from the saved file.

    Args:
        folder: folder of a learned partitioner; "" = it is learned.
    """
    from everymode.labels.partition import PartitionLabels
    from everymode.machine.stopping import Stopped

    def stop_if_requested(done: int) -> None:
        if preparation.stop.requested:
            raise Stopped(f"stopped after {done:,} images were assigned to parts", preparation.folder)

    assert isinstance(labels, PartitionLabels)
    if not preparation.recall(labels, KEPT):
        labels.adopt(learned_partitioner(folder, settings, data, preparation, seed), data, seed=seed)
        labels.take(labels.label_all(data, stop_if_requested))
        preparation.keep(labels, KEPT)
    sizes = labels.numbers()
    preparation.say(
        f"{labels.num_labels} parts: the largest has {sizes['largest']:.1%} of the images, {sizes['empty']:.0f} "
        "have none"
    )


def learned_partitioner(
    folder: str, settings: PartitionSettings, data: Any, preparation: Preparation, seed: int
) -> nn.Module:
    """Return the partitioner in `folder`, or learn one if `folder` is ""."""
    from everymode.machine.stopping import Stopped
    from everymode.metrics.clustering import nmi, purity
    from everymode.partitioner import PartitionStopped, learn_partition, load_partitioner

    if folder:
        return load_partitioner(folder)
    if preparation.verbose:
        preparation.say(_estimate(settings, data, preparation))
    try:
        return learn_partition(
            data,
            settings,
            preparation.folder / FOLDER,
            device=preparation.device,
            seed=seed,
            verbose=preparation.verbose,
            stop=lambda: preparation.stop.requested,
            scores={"nmi": nmi, "purity": purity},
        )
    except PartitionStopped as stopped:
        raise Stopped(f"stopped while learning the partition ({stopped})", preparation.folder) from stopped


def _estimate(settings: PartitionSettings, data: Any, preparation: Preparation) -> str:
    """Return one line with the time left of both stages, the partition and the game, as far as it is known."""
    from everymode.machine.progress import duration
    from everymode.partitioner.estimating import estimated_seconds

    seconds = estimated_seconds(data, settings, preparation.folder / FOLDER, device=preparation.device)
    game = preparation.game_seconds()
    after = "a time that is known after its first steps" if game is None else f"about {duration(game)}"
    return f"time left: about {duration(seconds)} for the partition, then {after} for the GAN"
