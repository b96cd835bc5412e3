"""Logo-GAN: a class-conditional GAN whose classes are clusters of features that another network learnt, found once.

Paper: Sage, Agustsson, Timofte, Van Gool: Logo Synthesis and Manipulation with Clustered Generative Adversarial
Networks (CVPR 2018); numbers and networks of Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR
2020), appendix A. Two kinds of features:
- logo-gan-ae: the codes of an autoencoder with the layout of the unconditional GAN, which is trained first.
- logo-gan-rc: the pooled last features of a network that was trained to classify ImageNet: there ResNet-50, here
  EfficientNet-Lite0 (`pip install everymode[eval]`). So this method is told of classes, if not of these data's.
Command, and result to expect:
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

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from everymode.recipes import benchmark_numbers as numbers
from everymode.recipes.fixed_features import FixedFeaturesGAN
from everymode.recipes.residual_networks import ResidualNetworks
from everymode.recipes.small_gan import DeepNetworks, ShallowNetworks

if TYPE_CHECKING:
    from torch import Tensor, nn

    from everymode.training.preparation import Preparation


@dataclass(frozen=True, kw_only=True)
class LogoGANAE(FixedFeaturesGAN):
    """Clusters of an autoencoder's codes."""

    code_dim: int = 512
    """Length of the autoencoder's codes."""
    feature_steps: int = 200_000
    """Steps of the autoencoder's training."""
    feature_batch: int = 128
    """Images in a step of it."""
    feature_lr: float = 1e-4
    """Its learning rate (Adam)."""

    def check(self) -> None:
        super().check()
        for name in ("code_dim", "feature_steps", "feature_batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 < self.feature_lr < math.inf:
            raise ValueError(f"feature_lr must be a number above 0, not {self.feature_lr}")

    def features_name(self) -> str:
        return "an autoencoder's codes"

    def shrunk(self) -> LogoGANAE:
        smaller = replace(super().shrunk(), code_dim=8, feature_steps=2, feature_batch=8)
        assert isinstance(smaller, LogoGANAE)
        return smaller

    def extractor(self) -> nn.Module:
        from functools import partial

        from everymode.networks.autoencoder import CodeEncoder
        from everymode.networks.heads import ClassifierHead

        _, encoder = self.networks(None, head=partial(ClassifierHead, num_outputs=self.code_dim))
        return CodeEncoder(encoder)

    def learn_features(self, extractor: nn.Module, data: Any, preparation: Preparation) -> None:
        import torch

        from everymode.draws import stable_seed
        from everymode.networks.autoencoder import Autoencoder, reconstruction_cost
        from everymode.training.pretraining import Pretraining, pretrain

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stable_seed(self.seed, "decoder"))
            decoder, _ = replace(self, latent_dim=self.code_dim).networks(None)
        how = Pretraining(
            name="autoencoder",
            steps=self.feature_steps,
            batch_size=self.feature_batch,
            learning_rate=self.feature_lr,
            mirror=self.mirror,
            seed=self.seed,
        )
        network = Autoencoder(extractor, decoder.to(next(extractor.parameters()).dtype))
        pretrain(network, reconstruction_cost, data, how, preparation)


@dataclass(frozen=True, kw_only=True)
class LogoGANRC(FixedFeaturesGAN):
    """Clusters of the features of EfficientNet-Lite0, trained on ImageNet."""

    feature_size: int = 64
    """Pixels to which images are stretched for the classifier, at least 32."""

    def check(self) -> None:
        super().check()
        if self.feature_size < 32:
            raise ValueError(f"feature_size is at least 32 pixels, not {self.feature_size}")

    def features_name(self) -> str:
        return "an ImageNet classifier's features"

    def extractor(self) -> nn.Module:
        from everymode.extractors.lite0 import LAYERS
        from everymode.labels.fixed_clusters import FeatureFunction

        return FeatureFunction(self.classifier_features, LAYERS["pool"])

    def extractor_example(self) -> Tensor:
        # Without values: the classifier's weights are read when there are images to cluster, not before.
        return self.example().to("meta")

    def classifier_features(self, images: Tensor) -> Tensor:
        """[B, 1280] features of images [B, C, H, W] in [-1, 1]."""
        from everymode.extractors.extraction import extract
        from everymode.extractors.lite0 import lite0
        from everymode.extractors.pixels import quantized

        extractor = lite0(self.feature_size)
        found = extract(extractor, [quantized(images)], device=images.device)
        return found.features[extractor.default_layer].to(images.device)


@dataclass(frozen=True, kw_only=True)
class LogoGANAEShallow(LogoGANAE, ShallowNetworks):
    """Stacked digits."""


@dataclass(frozen=True, kw_only=True)
class LogoGANAEDeep(LogoGANAE, DeepNetworks):
    """Photographs."""


@dataclass(frozen=True, kw_only=True)
class LogoGANAEResidual(LogoGANAE, ResidualNetworks):
    """Photographs at 128 pixels."""


@dataclass(frozen=True, kw_only=True)
class LogoGANRCShallow(LogoGANRC, ShallowNetworks):
    """Stacked digits."""


@dataclass(frozen=True, kw_only=True)
class LogoGANRCDeep(LogoGANRC, DeepNetworks):
    """Photographs."""


@dataclass(frozen=True, kw_only=True)
class LogoGANRCResidual(LogoGANRC, ResidualNetworks):
    """Photographs at 128 pixels."""


AE_DIGITS = LogoGANAEDeep(
    **numbers.DIGITS,
    name="logo-gan-ae-digits",
    clusters=numbers.DIGIT_LABELS,
    code_dim=64,
    feature_steps=2000,
    feature_lr=1e-3,
)
AE_STACKED_DIGITS = LogoGANAEShallow(**numbers.STACKED_DIGITS, name="logo-gan-ae-stacked-digits")
AE_CIFAR10 = LogoGANAEDeep(**numbers.CIFAR10, name="logo-gan-ae-cifar10")
AE_IMAGENET128 = LogoGANAEResidual(
    **numbers.IMAGENET128, name="logo-gan-ae-imagenet128", r1_weight=numbers.R1_WEIGHT
)
AE_PLACES128 = replace(AE_IMAGENET128, name="logo-gan-ae-places128")

# To judge held-out images, the watch would run the classifier at every tick, for longer than the steps between take.
RC_DIGITS = LogoGANRCDeep(
    **(numbers.DIGITS | {"held_out": ""}), name="logo-gan-rc-digits", clusters=numbers.DIGIT_LABELS
)
RC_STACKED_DIGITS = LogoGANRCShallow(**numbers.STACKED_DIGITS, name="logo-gan-rc-stacked-digits")
RC_CIFAR10 = LogoGANRCDeep(**numbers.CIFAR10, name="logo-gan-rc-cifar10")
RC_IMAGENET128 = LogoGANRCResidual(
    **numbers.IMAGENET128, name="logo-gan-rc-imagenet128", r1_weight=numbers.R1_WEIGHT, feature_size=128
)
RC_PLACES128 = replace(RC_IMAGENET128, name="logo-gan-rc-places128")
