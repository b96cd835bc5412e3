"""The two sides of an evaluation of a generator that needs pictures or label maps: its test data and training data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from everymode.data.dataset import Dataset
from everymode.data.holding_out import hold_out
from everymode.data.map_style import Objects, name_of
from everymode.data.opening import open_images
from everymode.data.pairs import open_pairs
from everymode.evaluation.reservoir import random_rows
from everymode.evaluation.sampling import IMAGES_PER_SEED
from everymode.evaluation.sides import CHOICE_SEED, Opened
from everymode.numbers import held_out_fraction
from everymode.recipe import Recipe
from everymode.sampling.record import recipe_of

__all__ = ["PictureSides", "TestData", "first_rows", "picture_sides", "uint8_rows"]

TestData = str | Path | Dataset | Objects
"""Test data of an evaluation: a path or name, or data in memory."""
ON_TRAINING = (
    "no pictures were held out from training and no test data are named (--data TEST), so all scores are of pictures "
    "that the generator was trained on"
)


@dataclass(frozen=True)
class PictureSides:
    """A generator that needs pictures or label maps, with its recipe and the names of its data.

    Attributes:
        opened: the generator.
        recipe: the recipe that trained it.
        real: test data as named by the user; None = what the run held out, or else its training data.
        maps, instances: folders of the label maps and instance maps of `real`; None = those beside its images.
        seed: seed of the latent codes, for generators that have any.
    """

    opened: Opened
    recipe: Recipe
    real: TestData | None = None
    maps: str | Path | None = None
    instances: str | Path | None = None
    seed: int = 0

    @property
    def kind(self) -> str:
        """Kind of condition: "maps", "pictures" or "attributes"."""
        return "labels" if self.recipe.networks is None else self.recipe.networks.conditioned_on

    @property
    def training_source(self) -> str:
        """Name of the training data.

        Raises:
            ValueError: if it is not recorded.
        """
        source = self.opened.generator.config.get("data", {}).get("source")
        if not source:
            raise ValueError(
                "the generator doesn't record its training data, which these scores need: evaluate a run or one of its "
                "checkpoints"
            )
        return str(source)

    @property
    def test_source(self) -> TestData:
        """The test data as named: by the user, or by the recipe as held-out data, or else the training data."""
        if self.real is not None:
            return self.real
        named = self.recipe.held_out
        if isinstance(named, str) and named.strip() and not held_out_fraction(named):
            return named
        return self.training_source

    @property
    def real_source(self) -> str | None:
        """Name of the test data as the user knows it."""
        source = self.test_source
        return str(source) if isinstance(source, str | Path) else name_of(source)

    @property
    def on_training(self) -> bool:
        """Whether test data are neither named nor held out. Of complete pictures no part can be held out."""
        no_others = self.real is None and self.test_source == self.training_source
        return no_others and (self.kind == "pictures" or not held_out_fraction(self.recipe.held_out))

    @property
    def warnings(self) -> list[str]:
        """Warnings for the score card."""
        return [ON_TRAINING] if self.on_training else []

    def test(self) -> Dataset:
        """Open the test data.

        Raises:
            ValueError: if they don't have what the generator needs.
            FileNotFoundError, everymode.data.DataError: as `open_images`.
        """
        if self.real is None and self.test_source == self.training_source:
            whole = self._open(self.training_source, training=True)
            training, held_out = hold_out(whole, self.recipe.held_out, self.recipe.seed)
            return training if held_out is None else held_out
        return self._open(self.test_source, training=False)

    def training(self) -> Dataset:
        """Open the training data, without the images that the run held out.

        Raises:
            ValueError: if they are not recorded, or don't have what the generator needs.
            FileNotFoundError, everymode.data.DataError: as `open_images`.
        """
        whole = self._open(self.training_source, training=True)
        return hold_out(whole, self.recipe.held_out, self.recipe.seed)[0]

    def translated(self, condition: Tensor | tuple[Tensor, ...], first: int) -> Tensor:
        """Return the generator's images for conditions number `first` and following, [n, C, H, W] in [-1, 1]."""
        seed = self.seed * IMAGES_PER_SEED + first
        return self.opened.generator.translate(condition, seed=seed)

    def _open(self, source: TestData, *, training: bool) -> Dataset:
        recipe = self.recipe
        if isinstance(source, Dataset):
            return source
        maps, instances = self.maps, self.instances
        if training:
            labels: Any = recipe.labels  # the part `maps` names folders
            maps = getattr(labels, "maps", "") or None
            instances = getattr(labels, "instances", "") or None
        if maps is not None:
            if not isinstance(source, str | Path):
                raise ValueError("label maps in a separate folder belong to images in a folder")
            return open_pairs(source, maps, instances=instances, resolution=recipe.size, fit=recipe.fit)
        return open_images(
            source,
            resolution=recipe.size,
            fit=recipe.fit,
            label_column=(recipe.label_column or None) if self.kind == "attributes" else None,
            value_range=recipe.value_range or None,
        )


def picture_sides(
    opened: Opened,
    real: TestData | None = None,
    *,
    recipe: Recipe | None = None,
    maps: str | Path | None = None,
    instances: str | Path | None = None,
    seed: int = 0,
) -> PictureSides:
    """Return the sides of an evaluation of a generator that needs pictures or label maps.

    Args:
        opened: the generator.
        real: test data; None = what the run held out, or else its training data.
        recipe: recipe of the generator; needed for custom recipes and for generators without a config.
        maps, instances: folders of the label maps and instance maps of `real`.
        seed: seed of the latent codes.

    Raises:
        ValueError: if the generator has no config and no recipe is passed, or maps are named for a generator that
            takes none.
    """
    config = opened.generator.config
    if recipe is None or config:
        recipe = recipe_of(config, recipe, opened.folder or "the generator's config")
    sides = PictureSides(opened, recipe, real, maps, instances, seed)
    if (maps is not None or instances is not None) and sides.kind != "maps":
        raise ValueError("this generator takes no label maps: omit --maps and --instances")
    if instances is not None and maps is None:
        raise ValueError("instance maps belong to label maps in a separate folder: name that with --maps")
    return sides


def first_rows(data: Dataset, num: int | None, most: int) -> Dataset:
    """Return `num` rows of a dataset, a fixed random subset; None = all, but at most `most`.

    Raises:
        ValueError: if there are fewer than `num` rows, or `num` is below 2.
    """
    total = len(data)
    if num is not None and not 2 <= num <= total:
        raise ValueError(f"{data.name} has {total} images; choose 2 to {total} of them, not {num}")
    count = min(total, most) if num is None else num
    return data if count == total else data.subset(random_rows(count, total, CHOICE_SEED).numpy())


def uint8_rows(data: Dataset, start: int, stop: int) -> Tensor:
    """Return images `start` to `stop - 1` of a dataset, uint8 [n, C, H, W]."""
    return torch.from_numpy(np.ascontiguousarray(data.images[np.arange(start, min(stop, len(data)))]))
