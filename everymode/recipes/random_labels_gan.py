"""A class-conditional GAN whose labels are random: the baseline that has self-conditioning's form and no clusters.

Paper: Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), tables 1, 2 and 4. Each image keeps
its label; with `redrawn` it gets a new one each time it is shown, as the released code has it.
Command, and result to expect:
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

from everymode.recipes import benchmark_numbers as numbers
from everymode.recipes.residual_networks import ResidualNetworks
from everymode.recipes.small_gan import DeepNetworks, PointNetworks, ShallowNetworks, SmallGAN

if TYPE_CHECKING:
    from everymode.game import Game


@dataclass(frozen=True, kw_only=True)
class RandomLabelsGAN(SmallGAN):
    """The label is a unit vector beside z, and picks one of D's outputs."""

    random_labels: int = numbers.IMAGE_LABELS
    """Number of labels."""
    redrawn: bool = False
    """An image gets a new label each time it is shown, in place of one for ever."""

    def check(self) -> None:
        super().check()
        if self.random_labels < 1:
            raise ValueError(f"random_labels must be at least 1, not {self.random_labels}")

    def shrunk(self) -> RandomLabelsGAN:
        smaller = replace(super().shrunk(), random_labels=3)
        assert isinstance(smaller, RandomLabelsGAN)
        return smaller

    def build(self) -> Game:
        from everymode.labels.random_labels import RandomLabels

        labels = RandomLabels(
            self.random_labels, max(self.num_images, 1), seed=self.seed, redrawn=self.redrawn
        )
        return self.game(self.networks(self.random_labels), labels)


@dataclass(frozen=True, kw_only=True)
class RandomLabelsPoints(RandomLabelsGAN, PointNetworks):
    """Points in the plane."""


@dataclass(frozen=True, kw_only=True)
class RandomLabelsShallow(RandomLabelsGAN, ShallowNetworks):
    """Stacked digits."""


@dataclass(frozen=True, kw_only=True)
class RandomLabelsDeep(RandomLabelsGAN, DeepNetworks):
    """Photographs."""


@dataclass(frozen=True, kw_only=True)
class RandomLabelsResidual(RandomLabelsGAN, ResidualNetworks):
    """Photographs at 128 pixels."""


RING = RandomLabelsPoints(**numbers.RING, name="random-labels-gan-ring", random_labels=numbers.POINT_LABELS)
GRID = RandomLabelsPoints(**numbers.GRID, name="random-labels-gan-grid", random_labels=numbers.POINT_LABELS)
DIGITS = RandomLabelsDeep(
    **numbers.DIGITS, name="random-labels-gan-digits", random_labels=numbers.DIGIT_LABELS
)
STACKED_DIGITS = RandomLabelsShallow(**numbers.STACKED_DIGITS, name="random-labels-gan-stacked-digits")
CIFAR10 = RandomLabelsDeep(**numbers.CIFAR10, name="random-labels-gan-cifar10")
IMAGENET128 = RandomLabelsResidual(
    **numbers.IMAGENET128, name="random-labels-gan-imagenet128", r1_weight=numbers.R1_WEIGHT
)
PLACES128 = replace(IMAGENET128, name="random-labels-gan-places128")
