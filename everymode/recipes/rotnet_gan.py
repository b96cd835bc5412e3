"""Class-conditional GAN whose classes are clusters of features learned by predicting image rotations (RotNet).

Papers: Gidaris, Singh, Komodakis: Unsupervised Representation Learning by Predicting Image Rotations (ICLR 2018); a
baseline in Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), table 4, which gives no details:
the small network and its training are our choice.
Command and expected result:
  everymode train rotnet-gan-digits
      some minutes on two cores
  everymode train rotnet-gan-stacked-digits        rotnet-gan-cifar10 --data cifar10-train.parquet
      not in the paper's table 2; measured here, small and short: docs/results/stacked_digits.md
  everymode train rotnet-gan-imagenet128 --data imagenet/train
      table 4: FID 53.75, IS 13.76; measured here: not yet
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from everymode.recipes import benchmark_numbers as numbers
from everymode.recipes.parts.fixed_features import LearnedFeatures

if TYPE_CHECKING:
    from torch import nn

    from everymode.recipe import Recipe
    from everymode.training.preparation import Preparation


@dataclass(frozen=True, kw_only=True)
class RotationClusters(LearnedFeatures):
    """Labels are clusters of features of a network that predicts quarter turns, trained on all four of each image."""

    option: ClassVar[str] = "--labels rotation"
    needs_pixels: ClassVar[bool] = True
    needs_squares: ClassVar[bool] = True

    feature_width: int = 32
    """Base number of channels of the feature network."""

    def check(self) -> None:
        super().check()
        self.require_at_least_1("feature_width")

    def features_name(self) -> str:
        return "features of a rotation predictor"

    def shrunk(self, recipe: Recipe) -> Recipe:
        small = replace(self, feature_width=4)
        return super(RotationClusters, small).shrunk(recipe)

    def extractor(self, recipe: Recipe) -> nn.Module:
        from everymode.networks.rotation import RotationNetwork

        return RotationNetwork(recipe.size, channels=recipe.channels, base=self.feature_width)

    def learn_features(
        self, recipe: Recipe, extractor: nn.Module, data: Any, preparation: Preparation
    ) -> None:
        from everymode.networks.rotation import rotation_cost
        from everymode.training.pretraining import pretrain

        pretrain(extractor, rotation_cost, data, self.pretraining(recipe, "rotation"), preparation)


DIGITS = numbers.DIGITS.with_numbers(
    name="rotnet-gan-digits",
    labels=RotationClusters(clusters=numbers.DIGIT_LABELS, feature_steps=500, feature_width=16),
)
STACKED_DIGITS = numbers.STACKED_DIGITS.with_numbers(
    name="rotnet-gan-stacked-digits", labels=RotationClusters()
)
CIFAR10 = numbers.CIFAR10.with_numbers(name="rotnet-gan-cifar10", labels=RotationClusters())
IMAGENET128 = numbers.IMAGENET128.with_numbers(name="rotnet-gan-imagenet128", labels=RotationClusters())
PLACES128 = IMAGENET128.with_numbers(name="rotnet-gan-places128")
