"""Class-conditional GAN with random labels: the baseline of Self-Conditioned GAN without clusters.

Paper: Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), tables 1, 2 and 4. Each image keeps
its label; with `redrawn` it gets a new one each time it is used, as in the released code.
Command and expected result:
  everymode train random-labels-gan-grid        (-ring, -digits)
      table 1, grid: 16.0 modes; measured here: docs/results/mode_coverage.md
  everymode train random-labels-gan-stacked-digits
      table 2, on stacked MNIST: 240 modes; measured here, small and short: docs/results/stacked_digits.md
  everymode train random-labels-gan-cifar10 --data cifar10-train.parquet
      table 2: FID 29.04, IS 6.97; measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train random-labels-gan-imagenet128 --data imagenet/train
      table 4: FID 56.03, IS 14.17; measured here: not yet
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from everymode.part import Labels
from everymode.recipes import benchmark_numbers as numbers

if TYPE_CHECKING:
    from torch import nn

    from everymode.game import LabelSource
    from everymode.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class RandomLabels(Labels):
    """Random labels, independent of the image."""

    random_labels: int = numbers.IMAGE_LABELS
    """Number of labels."""
    redrawn: bool = False
    """Give an image a new label each time it is used, instead of a fixed one."""

    def check(self) -> None:
        self.require_at_least_1("random_labels")

    def shrunk(self, recipe: Recipe) -> Recipe:
        return replace(recipe, labels=replace(self, random_labels=3))

    def num_labels(self, recipe: Recipe) -> int:
        return self.random_labels

    def source(self, recipe: Recipe, discriminator: nn.Module | None = None) -> LabelSource:
        from everymode.labels.random_labels import RandomLabels

        images = max(recipe.num_images, 1)
        return RandomLabels(self.random_labels, images, seed=recipe.seed, redrawn=self.redrawn)

    def sampling_source(self, recipe: Recipe) -> LabelSource:
        return self.source(replace(recipe, num_images=1))


RING = numbers.RING.with_numbers(
    name="random-labels-gan-ring", labels=RandomLabels(random_labels=numbers.POINT_LABELS)
)
GRID = numbers.GRID.with_numbers(
    name="random-labels-gan-grid", labels=RandomLabels(random_labels=numbers.POINT_LABELS)
)
DIGITS = numbers.DIGITS.with_numbers(
    name="random-labels-gan-digits", labels=RandomLabels(random_labels=numbers.DIGIT_LABELS)
)
STACKED_DIGITS = numbers.STACKED_DIGITS.with_numbers(
    name="random-labels-gan-stacked-digits", labels=RandomLabels()
)
CIFAR10 = numbers.CIFAR10.with_numbers(name="random-labels-gan-cifar10", labels=RandomLabels())
IMAGENET128 = numbers.IMAGENET128.with_numbers(name="random-labels-gan-imagenet128", labels=RandomLabels())
PLACES128 = IMAGENET128.with_numbers(name="random-labels-gan-places128")
