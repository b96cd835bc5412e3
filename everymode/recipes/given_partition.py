"""A partition that a recipe is given: the settings that it was learnt with, and whether it suits the data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from everymode.partitioner.settings import PartitionSettings

if TYPE_CHECKING:
    from everymode.data.facts import DataFacts


def settings_of(folder: Path, facts: DataFacts, parts: int) -> PartitionSettings:
    """The settings of a partitioner that was learnt.

    Args:
        parts: how many are asked for, or 0.
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
    config = json.loads(file.read_text())
    settings = PartitionSettings.from_json(config["settings"])
    layout = config["layout"]
    shape = (layout["channels"], *layout["size"]) if "size" in layout else (layout["dimensions"],)
    if shape != facts.image_shape:
        raise ValueError(
            f"the partition in {folder} is of examples of shape {shape}, and those of {facts.name} are "
            f"{facts.image_shape}: learn one of these, or leave partitioner out"
        )
    if parts not in (0, settings.k):
        raise ValueError(
            f"the partition in {folder} has {settings.k} parts, and {parts} are asked for: set parts to {settings.k} "
            "(or to 0, as many as there are), or give another partition"
        )
    return settings
