"""A class-conditional GAN whose classes are clusters of features learnt by telling how an image was turned (RotNet).

Papers: Gidaris, Singh, Komodakis: Unsupervised Representation Learning by Predicting Image Rotations (ICLR 2018); as a
baseline in Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), table 4, which gives no details
of it: the small network and its training are our choice.
Command, and result to expect:
  everymode train rotnet-gan-digits
      some minutes on two cores
  everymode train rotnet-gan-stacked-digits        rotnet-gan-cifar10 --data cifar10-train.parquet
      not in the paper's table 2; measured here, small and short: docs/results/stacked_digits.md
  everymode train rotnet-gan-imagenet128 --data imagenet/train
      table 4: FID 53.75, IS 13.76; measured here: not yet
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from everymode.recipes import benchmark_numbers as numbers
from everymode.recipes.fixed_features import FixedFeaturesGAN
from everymode.recipes.residual_networks import ResidualNetworks
from everymode.recipes.small_gan import DeepNetworks, ShallowNetworks

if TYPE_CHECKING:
    from torch import nn

    from everymode.training.preparation import Preparation


@dataclass(frozen=True, kw_only=True)
class RotNetGAN(FixedFeaturesGAN):
    """Clusters of the features of a network that predicts quarter turns."""

    feature_steps: int = 20_000
    """Steps of that network's training."""
    feature_batch: int = 64
    """Images in a step of it, each shown by all four turns."""
    feature_lr: float = 1e-3
    """Its learning rate (Adam)."""
    feature_width: int = 32
    """Base number of its channels."""

    def check(self) -> None:
        super().check()
        for name in ("feature_steps", "feature_batch", "feature_width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 < self.feature_lr < math.inf:
            raise ValueError(f"feature_lr must be a number above 0, not {self.feature_lr}")
        if self.size[0] != self.size[1]:
            raise ValueError(
                f"images are turned by quarter turns, so they must be square: choose one number as resolution, not "
                f"{self.size[0]}x{self.size[1]}"
            )

    def features_name(self) -> str:
        return "features of quarter turns"

    def shrunk(self) -> RotNetGAN:
        smaller = replace(super().shrunk(), feature_steps=2, feature_batch=8, feature_width=4)
        assert isinstance(smaller, RotNetGAN)
        return smaller

    def extractor(self) -> nn.Module:
        from everymode.networks.rotation import RotationNetwork

        return RotationNetwork(self.size, channels=self.channels, base=self.feature_width)

    def learn_features(self, extractor: nn.Module, data: Any, preparation: Preparation) -> None:
        from everymode.networks.rotation import rotation_cost
        from everymode.training.pretraining import Pretraining, pretrain

        how = Pretraining(
            name="rotation",
            steps=self.feature_steps,
            batch_size=self.feature_batch,
            learning_rate=self.feature_lr,
            mirror=self.mirror,
            seed=self.seed,
        )
        pretrain(extractor, rotation_cost, data, how, preparation)


@dataclass(frozen=True, kw_only=True)
class RotNetShallow(RotNetGAN, ShallowNetworks):
    """Stacked digits."""


@dataclass(frozen=True, kw_only=True)
class RotNetDeep(RotNetGAN, DeepNetworks):
    """Photographs."""


@dataclass(frozen=True, kw_only=True)
class RotNetResidual(RotNetGAN, ResidualNetworks):
    """Photographs at 128 pixels."""


DIGITS = RotNetDeep(
    **numbers.DIGITS,
    name="rotnet-gan-digits",
    clusters=numbers.DIGIT_LABELS,
    feature_steps=500,
    feature_width=16,
)
STACKED_DIGITS = RotNetShallow(**numbers.STACKED_DIGITS, name="rotnet-gan-stacked-digits")
CIFAR10 = RotNetDeep(**numbers.CIFAR10, name="rotnet-gan-cifar10")
IMAGENET128 = RotNetResidual(
    **numbers.IMAGENET128, name="rotnet-gan-imagenet128", r1_weight=numbers.R1_WEIGHT
)
PLACES128 = replace(IMAGENET128, name="rotnet-gan-places128")
