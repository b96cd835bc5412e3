"""Record of a run: config.json, from which it can be repeated, and its first lines on the terminal."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from everymode.data.dataset import Dataset
from everymode.machine.distributed import World
from everymode.recipe import Recipe
from everymode.sampling.record import FORMAT, part_names, record_of
from everymode.storage.run_folder import RunFolder
from everymode.training.trainer import Trainer
from everymode.version import __version__


def config_of(
    recipe: Recipe,
    source: str,
    dataset: Dataset,
    device: torch.device,
    world: World,
    recipe_file: str | None,
) -> dict[str, Any]:
    """Return the content of config.json: all that is needed to repeat the run and to build its generator."""
    return {
        "everymode": __version__,
        "format": FORMAT,
        "recipe": {"file": recipe_file, **record_of(recipe)},
        "data": {
            "source": source,
            "fingerprint": dataset.fingerprint,
            "num_images": len(dataset),
            "image_shape": list(dataset.image_shape),
            "classes": list(dataset.classes),
            "skipped": dataset.num_skipped,
        },
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "device": str(device),
        "processes": world.size,
        "command": sys.argv,
    }


def introduce(trainer: Trainer, dataset: Dataset, folder: RunFolder, say: Callable[[str], None]) -> None:
    """Print the run folder, the data, notes, the device, and the sizes of the networks and the batch."""
    recipe = trainer.recipe
    shape = "x".join(map(str, dataset.image_shape))
    sizes = dataset.num_classes if isinstance(dataset.num_classes, tuple) else (dataset.num_classes,)
    labels = f"{' + '.join(map(str, sizes))} classes" if any(sizes) else "no labels"
    say(f"run {folder.path}")
    say(f"data {dataset.name}: {len(dataset):,} examples of {shape}, {labels}")
    for note in (*dataset.notes, *recipe.notes()):
        say(note)
    processes = f" x {trainer.world.size} processes" if trainer.world.size > 1 else ""
    say(
        f"device {trainer.device}{processes}, generator {_count(trainer.game.generator)}, discriminator "
        f"{_count(trainer.game.discriminator)} parameters, batch {recipe.batch_size}, "
        f"{recipe.discriminator_steps} discriminator steps"
    )
    if trainer.completed:
        say(f"resuming at step {trainer.completed} of {recipe.steps}")


def say_changes(before: Recipe, now: Recipe, say: Callable[[str], None]) -> None:
    """Print the parts and hyper-parameters of a resumed run that differ from before."""
    parts, had = part_names(record_of(before)), before.flat_numbers()
    for kind, name in part_names(record_of(now)).items():
        if name != parts.get(kind):
            say(f"changed from here on: {kind} {parts.get(kind)} -> {name}")
    for name, value in now.flat_numbers().items():
        if value != had.get(name):
            say(f"changed from here on: {name} {had.get(name)} -> {value}")


def _count(network: nn.Module) -> str:
    total = sum(parameter.numel() for parameter in network.parameters())
    return f"{total / 1e6:.2f} M" if total >= 1e5 else f"{total:,}"
