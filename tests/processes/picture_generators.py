"""Small generators that need pictures or label maps, and their data, for the tests of evaluations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from saved_runs import saved_as_a_run
from torch import Tensor, nn

from everymode.data.dataset import Dataset
from everymode.data.paired import Paired
from everymode.data.synthetic import in_memory
from everymode.evaluation.sides import Opened
from everymode.game import LabelSource
from everymode.labels.pairs import PairedCondition
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.sampling.generator import Generator
from everymode.sampling.record import FORMAT, record_of


class GrayLevels(nn.Module):
    """Paints class k of a map as gray level k * 60, or a given class as another one."""

    latent_dim = 0

    def __init__(self, swap: dict[int, int] | None = None) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(1))
        self.swap = swap or {}

    def forward(self, z: None, maps: Tensor) -> Tensor:
        for shown, instead in self.swap.items():
            maps = torch.where(maps == shown, instead, maps)
        return (maps.float() * 60 / 127.5 - 1)[:, None].expand(-1, 3, -1, -1)


def gray_levels(images: Tensor) -> Tensor:
    """Segment the images of `GrayLevels`."""
    return ((images[:, 0] + 1) * 127.5 / 60).round().long()


class Repainter(nn.Module):
    """Paints the first attribute as the red level and keeps the green level, which is the second one."""

    latent_dim = 0

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(1))

    def forward(self, z: None, condition: tuple[Tensor, Tensor]) -> Tensor:
        pictures, labels = condition
        red = (labels[:, 0].float() * 120 / 127.5 - 1)[:, None, None].expand_as(pictures[:, 0])
        return torch.stack((red, pictures[:, 1], pictures[:, 2]), 1)


class Nearest(nn.Module):
    """Repeats each pixel."""

    latent_dim = 0
    receptive_radius = 1

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(1))
        self.scale = scale

    def forward(self, z: None, pictures: Tensor) -> Tensor:
        return F.interpolate(pictures, scale_factor=self.scale, mode="nearest")


def opened(network: nn.Module, labels: LabelSource, recipe: Recipe, source: str = "") -> Opened:
    """A generator in memory as an evaluation opens it."""
    config = {
        "format": FORMAT,
        "recipe": {"file": None, **record_of(recipe)},
        "data": {"source": source, "classes": []},
    }
    return Opened(Generator(network, labels, config=config), None, ema=True)


def gray_maps(count: int = 12, *, classes: int = 4, seed: int = 0) -> Dataset:
    """Images in the gray levels of their random label maps, 8 x 8; the first row of pixels is void, and white."""
    maps = np.random.default_rng(seed).integers(0, classes, (count, 8, 8)).astype(np.uint8)
    images = np.repeat((maps * 60)[:, None], 3, axis=1)
    maps[:, 0], images[:, :, 0] = 255, 255
    data = in_memory("gray", images, np.full(count, -1), ())
    return data.with_paired(Paired(maps=maps, num_classes=classes))


def gray_generator(**more: Any) -> Opened:
    """A generator from label maps of four classes."""
    recipe = find("spade-textures").with_numbers(map_classes=4, map_edges=False, resolution=8, held_out="")
    return opened(GrayLevels(**more), PairedCondition(), recipe)


def painted(count: int = 60, *, seed: int = 0) -> Dataset:
    """Images 8 x 8 whose red level is the first attribute (three values) and whose green level the second (two)."""
    random = np.random.default_rng(seed)
    labels = np.stack((random.integers(0, 3, count), random.integers(0, 2, count)), 1)
    images = random.integers(0, 12, (count, 3, 8, 8)).astype(np.uint8)
    images[:, 0] += (labels[:, 0] * 120).astype(np.uint8)[:, None, None]
    images[:, 1] += (labels[:, 1] * 200).astype(np.uint8)[:, None, None]
    blocks = (("low", "middle", "high"), ("dark", "bright"))
    names = tuple(name for block in blocks for name in block)
    return replace(in_memory("painted", images, labels[:, 0], names), labels=labels, label_blocks=blocks)


def saved(recipe: Recipe, folder: Path, source: str) -> Path:
    """A saved generator of a recipe, untrained."""
    game = recipe.build()
    config = opened(game.generator, game.labels, recipe, source).generator.config
    return saved_as_a_run(Generator(game.generator, game.labels, config=config), folder)
