"""Games whose conditions are label maps, small pictures or attributes, at toy size, and random data for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from toy_games import toy_trainer

from everymode.data.dataset import Dataset
from everymode.data.paired import Paired
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.sampling.generator import Generator
from everymode.sampling.record import FORMAT, record_of
from everymode.training.trainer import Trainer

SHAPES, COLORS = ("circle", "square", "triangle"), ("red", "green")


def paired_data(
    recipe: Recipe, count: int = 24, *, seed: int = 5, classes: int = 4, edges: bool = False
) -> Dataset:
    """Random data of the form that the recipe's networks take, whatever the form is."""
    assert recipe.networks is not None
    random = np.random.default_rng(seed)
    height, width = recipe.size
    images = random.integers(0, 256, (count, recipe.channels, height, width), dtype=np.uint8)
    kind, blank = recipe.networks.conditioned_on, np.full(count, -1)
    if kind == "attributes":
        labels = np.stack([random.integers(0, 3, count), random.integers(0, 2, count)], axis=1)
        return Dataset(
            name="toy pictures with attributes",
            images=images,
            labels=labels,
            classes=SHAPES + COLORS,
            label_blocks=(SHAPES, COLORS),
            fingerprint=f"toy attributes {seed}",
        )
    if kind == "pictures":
        scale = recipe.networks.magnification
        shape = (count, recipe.channels, height // scale, width // scale)
        small = random.integers(0, 256, shape, dtype=np.uint8)
        paired = Paired(pictures=small)
    else:
        # coarse, so that neighbors often have one class; a few pixels of none
        coarse = random.integers(0, classes, (count, -(-height // 4), -(-width // 4)), dtype=np.uint8)
        maps = coarse.repeat(4, 1).repeat(4, 2)[:, :height, :width].copy()
        maps[random.random(maps.shape) < 0.05] = 255
        drawn = (random.random(maps.shape) < 0.2).astype(np.uint8) if edges else None
        paired = Paired(maps=maps, edges=drawn, num_classes=classes)
    return Dataset(
        name=f"toy {kind}", images=images, labels=blank, classes=(), fingerprint=f"toy {seed}", paired=paired
    )


def shrunk_pair(name: str, **numbers: Any) -> tuple[Recipe, Dataset]:
    """A recipe of the catalog at toy size, with some numbers changed, and random data that it takes."""
    recipe = find(name)
    if getattr(recipe.terms, "perceptual", "none") is None:
        recipe = recipe.with_numbers(perceptual="none")
    recipe = recipe.shrunk()
    recipe = replace(recipe, batch_size=4, accumulation=1, steps=6, tick=2, snapshot=3)
    recipe = recipe.with_numbers(**numbers) if numbers else recipe
    data = paired_data(recipe, edges=bool(getattr(recipe.labels, "map_edges", False)))
    return recipe.for_data(data.facts()), data


def paired_trainer(name: str, *, world: Any = None, folder: Any = None, **numbers: Any) -> Trainer:
    """A trainer of a recipe of the catalog at toy size on random data."""
    recipe, data = shrunk_pair(name, **numbers)
    options = {key: value for key, value in (("world", world), ("folder", folder)) if value is not None}
    return toy_trainer(recipe, data, **options)


def saved_generator(name: str, folder: Path, **numbers: Any) -> Generator:
    """An untrained generator of a recipe of the catalog at toy size, saved in a folder as a run's are."""
    recipe, data = shrunk_pair(name, **numbers)
    torch.manual_seed(0)
    game = recipe.build()
    config = {
        "format": FORMAT,
        "recipe": {"file": None, **record_of(recipe)},
        "data": {
            "classes": list(data.classes),
            "label_blocks": [list(names) for names in data.label_blocks],
            "block_names": ["shape", "color"] if data.label_blocks else [],
        },
    }
    generator = Generator(game.generator, game.labels, classes=data.classes, config=config)
    generator.save(folder)
    return generator
