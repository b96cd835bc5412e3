"""The GAN without labels, and with the data's labels: what every other method on these networks is compared with.

Numbers and networks: Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), tables 1, 2 and 4.
Command, and result to expect:
  everymode train gan-digits        (or conditional-gan-digits)
      a few minutes on two cores
  everymode train gan-stacked-digits        (or conditional-gan-stacked-digits)
      table 2, on stacked MNIST: 133 (1,000) modes; measured here, small and short: docs/results/stacked_digits.md
  everymode train gan-cifar10 --data cifar10-train.parquet        (or conditional-gan-cifar10)
      table 2: FID 28.08 (23.56), IS 6.98 (7.44); measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train gan-imagenet128 --data imagenet/train   (conditional-gan-imagenet128)
      table 4: FID 54.17 (35.14), IS 14.01 (24.04); measured here: not yet
  everymode train gan-64 --data photos
      your own images, labels or not: the yardstick of self-conditioned-64, with the same networks and numbers
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from everymode.recipes import benchmark_numbers as numbers
from everymode.recipes.residual_networks import ResidualNetworks
from everymode.recipes.small_gan import DeepNetworks, ShallowNetworks, SmallGAN

if TYPE_CHECKING:
    from everymode.data.facts import DataFacts
    from everymode.game import Game


@dataclass(frozen=True, kw_only=True)
class PlainGAN(SmallGAN):
    """Without labels; or the label is a unit vector beside z, and picks one of D's outputs."""

    conditional: bool = False
    """Whether the generator is told the label, and the discriminator judges by it."""

    def needs_labels(self) -> bool:
        return self.conditional

    def for_data(self, facts: DataFacts) -> PlainGAN:
        """Raises ValueError where a label is needed and missing, or there are several an image."""
        if self.conditional and isinstance(facts.num_classes, tuple):
            raise ValueError(
                f"each image of {facts.name} has {len(facts.num_classes)} labels, and {self.name} conditions on one: "
                "choose one of them, or a recipe such as omni-gan-32"
            )
        if self.conditional and facts.num_unlabelled and facts.num_classes:
            kind = "points" if self.takes_points else "images"
            raise ValueError(
                f"{facts.num_unlabelled:,} of {facts.num_images:,} {kind} of {facts.name} have no label, and "
                f"{self.name} needs one for each: leave labelled_fraction at 1, or choose "
                f"{self.name.removeprefix('conditional-')}"
            )
        fitted = super().for_data(facts)
        assert isinstance(fitted, PlainGAN)
        return fitted

    def build(self) -> Game:
        from everymode.labels.given import GivenLabels, NoLabels

        if not self.conditional:
            return self.game(self.networks(None), NoLabels())
        if not isinstance(self.num_classes, int) or self.num_classes < 1:
            raise ValueError(
                f"{self.name} conditions on labels, and the data has none: choose another recipe, such as "
                f"{self.name.removeprefix('conditional-')}"
            )
        return self.game(self.networks(self.num_classes), GivenLabels(self.num_classes, reuse=True))


@dataclass(frozen=True, kw_only=True)
class ShallowGAN(PlainGAN, ShallowNetworks):
    """Stacked digits."""


@dataclass(frozen=True, kw_only=True)
class DeepGAN(PlainGAN, DeepNetworks):
    """Photographs."""


@dataclass(frozen=True, kw_only=True)
class ResidualGAN(PlainGAN, ResidualNetworks):
    """Photographs at 128 pixels."""


DIGITS = DeepGAN(**numbers.DIGITS, name="gan-digits")
STACKED_DIGITS = ShallowGAN(**numbers.STACKED_DIGITS, name="gan-stacked-digits")
CIFAR10 = DeepGAN(**numbers.CIFAR10, name="gan-cifar10")
IMAGENET128 = ResidualGAN(**numbers.IMAGENET128, name="gan-imagenet128", r1_weight=numbers.R1_WEIGHT)
PLACES128 = replace(IMAGENET128, name="gan-places128")
IMAGES32 = DeepGAN(**numbers.OWN_IMAGES, name="gan-32")
IMAGES64 = replace(IMAGES32, name="gan-64", resolution=64, r1_weight=0.1)
IMAGES128 = replace(IMAGES64, name="gan-128", resolution=128)

CONDITIONAL_DIGITS = replace(DIGITS, name="conditional-gan-digits", conditional=True)
CONDITIONAL_STACKED_DIGITS = replace(STACKED_DIGITS, name="conditional-gan-stacked-digits", conditional=True)
CONDITIONAL_CIFAR10 = replace(CIFAR10, name="conditional-gan-cifar10", conditional=True)
CONDITIONAL_IMAGENET128 = replace(IMAGENET128, name="conditional-gan-imagenet128", conditional=True)
CONDITIONAL_PLACES128 = replace(PLACES128, name="conditional-gan-places128", conditional=True)
