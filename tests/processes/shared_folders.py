"""Generators of many kinds at toy size, with random weights and label state, for the tests of shared folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from everymode.recipes import find
from everymode.sampling.generator import Generator
from everymode.sampling.record import FORMAT, record_of
from everymode.sharing.files import CONFIG, HASHES, sealed

KINDS: dict[str, dict[str, Any]] = {
    "omni-gan-digits": {},
    "multi-hinge-gan-digits": {"fake_labels": "data", "class_counts": (5, 1, 30), "num_images": 36},
    "self-conditioned-digits": {},
    "partition-guided-digits": {},
    "mgan-ring": {},
    "omni-inr-gan-32": {"num_classes": (3, 2), "label_column": "shape,color"},
    "spade-textures": {"map_classes": 4, "map_edges": False},
    "san-sr-photos": {},
}
"""Recipe -> its hyper-parameters that differ: classes with frequencies, clusters, a partition (with rejection), points
of several generators, label blocks with an implicit head, label maps, and super-resolution."""


def generator_of(name: str) -> Generator:
    """A generator of KINDS, the same at each call, with a config as a run's."""
    recipe = find(name)
    if getattr(recipe.terms, "perceptual", "none") is None:
        recipe = recipe.with_numbers(perceptual="none")
    recipe = recipe.shrunk().with_numbers(**KINDS[name])
    torch.manual_seed(1)
    game = recipe.build()
    with torch.no_grad():
        for tensor in game.labels.sampling_state().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) * 10)
    classes = [f"class {number}" for number in range(5)]
    config = {
        "everymode": "0.2.0",
        "format": FORMAT,
        "recipe": {"file": "/home/lovelace/recipes/mine.py", **record_of(recipe)},
        "data": {
            "source": "/home/lovelace/photos",
            "fingerprint": "f00",
            "num_images": 36,
            "classes": classes,
        },
        "device": "cuda:0",
        "init_from": "/home/lovelace/runs/00001",
        "command": ["/home/lovelace/bin/everymode", "train", "--data", "/home/lovelace/photos"],
        "step": 7,
    }
    return Generator(game.generator, game.labels, classes=classes, config=config)


def drawn(generator: Generator) -> Tensor:
    """Samples with drawn labels, or the images for fixed conditions."""
    if not generator.labels.needs_examples:
        return generator.sample(6, seed=3)
    chance = torch.Generator().manual_seed(0)
    if generator.config["recipe"]["parts"]["labels"]["name"] == "maps":
        size = find(generator.config["recipe"]["numbers"]["name"]).shrunk().size
        return generator.translate(torch.randint(0, 4, (2, *size), generator=chance))
    return generator.translate(torch.rand(2, 3, 8, 8, generator=chance) * 2 - 1)


def edit(folder: Path, change: Any) -> None:
    """Change config.json by a function of its content, and give it valid hashes again, as a forger would."""
    config = json.loads((folder / CONFIG).read_text())
    files = {name: folder / name for name in config[HASHES] if name != CONFIG}
    change(config)
    (folder / CONFIG).write_text(json.dumps(sealed(config, files)))
