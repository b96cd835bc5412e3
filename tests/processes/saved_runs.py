"""Runs as folders on the disk, with untrained networks, for the commands that read one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.sampling.generator import Generator
from everymode.sampling.record import FORMAT, record_of
from everymode.storage.checkpoint import write_checkpoint

CLASSES = ("circle", "square", "triangle")


def saved_run(folder: Path, name: str = "omni-inr-gan-32", **numbers: Any) -> Path:
    """Write a run of a labeled recipe with three classes, 16x16 pixels and few channels, and return its folder."""
    recipe: Recipe = replace(find(name), resolution=16, channels=3, num_classes=len(CLASSES))
    recipe = recipe.with_numbers(**({"width": 4} | numbers))
    torch.manual_seed(0)
    game = recipe.build()
    config = {
        "format": FORMAT,
        "recipe": {"file": None, **record_of(recipe)},
        "data": {"classes": list(CLASSES), "source": "shapes"},
        "step": 7,
    }
    write_checkpoint(
        folder / "checkpoints",
        7,
        generator=game.generator.state_dict(),
        config=config,
        state={"modules": {"discriminator": game.discriminator.state_dict()}},
    )
    return folder


def saved_as_a_run(generator: Generator, folder: Path) -> Path:
    """Write a generator with its complete config, as a checkpoint has it, and return the folder."""
    generator.save(folder)
    (folder / "config.json").write_text(json.dumps(generator.config))
    return folder
