"""MGAN: several generators that share all but their first layer, and a classifier that tells their samples apart.

Paper: Hoang, Nguyen, Le, Phung: MGAN: Training Generative Adversarial Nets with Multiple Generators (ICLR 2018);
released as qhoangdl/MGAN. Networks and numbers of Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR
2020), with beta 0.125 for both players in the plane. On images the numbers of the release: ten generators, beta 0.01,
and a classifier that learns at weight 1. Departures: there each generator also has its own normalization after the
first layer, here they share it; z is drawn anew for each generator.
Command, and result to expect:
  everymode train mgan-grid        (-ring, -digits)
      table 1, grid: 25.0 modes, 40.7 % of high quality; measured here: docs/results/mode_coverage.md
  everymode train mgan-stacked-digits        mgan-cifar10 --data cifar10-train.parquet
      not in the paper's table 2; measured here, small and short: docs/results/stacked_digits.md
  torchrun --nproc-per-node 8 -m everymode train mgan-imagenet128 --data imagenet/train
      table 4: FID 58.88, IS 13.22; measured here: not yet
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from everymode.recipes import benchmark_numbers as numbers
from everymode.recipes.residual_networks import ResidualNetworks
from everymode.recipes.small_gan import DeepNetworks, PointNetworks, ShallowNetworks, SmallGAN

if TYPE_CHECKING:
    from everymode.game import Game


@dataclass(frozen=True, kw_only=True)
class MGAN(SmallGAN):
    """The unconditional GAN's loss; a class head on D's features predicts the generator of each fake."""

    generators: int = 10
    """Number of generators; each makes an equal share of the batch."""
    diversity_weight: float = 0.01
    """Weight, in the generators' move, of their being told apart (the paper's beta)."""
    classifier_weight: float = 1.0
    """Weight of the classifier's own cost in D's move (beta in the paper's equations, 1 in the released code)."""

    def check(self) -> None:
        super().check()
        if self.generators < 2:
            raise ValueError(
                f"generators must be at least 2, not {self.generators}: for one, choose the recipe gan"
            )
        for name in ("diversity_weight", "classifier_weight"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")

    def shrunk(self) -> MGAN:
        smaller = replace(super().shrunk(), generators=3)
        assert isinstance(smaller, MGAN)
        return smaller

    def build(self) -> Game:
        from functools import partial

        from everymode.game import Weighted
        from everymode.labels.generators import GeneratorLabels
        from everymode.losses.classification import class_cross_entropy, classification_of_fakes
        from everymode.networks.heads import ClassifierHead
        from everymode.networks.per_generator import PerGeneratorLinear

        networks = self.networks(
            None,
            class_head=partial(ClassifierHead, num_outputs=self.generators),
            first=partial(PerGeneratorLinear, num_generators=self.generators),
        )
        told_apart = classification_of_fakes(class_cross_entropy, num_classes=self.generators)
        return self.game(
            networks,
            GeneratorLabels(self.generators),
            discriminator_terms=(Weighted("generator of fakes", told_apart, self.classifier_weight),),
            generator_terms=(Weighted("generator of fakes", told_apart, self.diversity_weight),),
        )


@dataclass(frozen=True, kw_only=True)
class MGANPoints(MGAN, PointNetworks):
    """Points in the plane."""


@dataclass(frozen=True, kw_only=True)
class MGANShallow(MGAN, ShallowNetworks):
    """Stacked digits."""


@dataclass(frozen=True, kw_only=True)
class MGANDeep(MGAN, DeepNetworks):
    """Photographs."""


@dataclass(frozen=True, kw_only=True)
class MGANResidual(MGAN, ResidualNetworks):
    """Photographs at 128 pixels."""


GRID = MGANPoints(
    **numbers.GRID,
    name="mgan-grid",
    generators=numbers.POINT_LABELS,
    diversity_weight=0.125,
    classifier_weight=0.125,
)
RING = replace(GRID, **numbers.OF_RING, name="mgan-ring")
DIGITS = MGANDeep(**numbers.DIGITS, name="mgan-digits")
STACKED_DIGITS = MGANShallow(**numbers.STACKED_DIGITS, name="mgan-stacked-digits")
CIFAR10 = MGANDeep(**numbers.CIFAR10, name="mgan-cifar10")
IMAGENET128 = MGANResidual(**numbers.IMAGENET128, name="mgan-imagenet128", r1_weight=numbers.R1_WEIGHT)
PLACES128 = replace(IMAGENET128, name="mgan-places128")
