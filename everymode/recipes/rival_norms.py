"""What sparsity-aware normalization was compared with, one class a rival, on its networks and with its numbers.

Paper: Kligvasser, Michaeli: Sparsity Aware Normalization for GANs, AAAI 2021, Table 1, which takes the rivals' numbers
from Miyato et al., Spectral Normalization for Generative Adversarial Networks (ICLR 2018). There each rival had its own
best settings; here all have the numbers of `everymode.recipes.unconditional`, one critic step included, so that nothing
but the normalization differs. Numbers of a rival's own are its paper's: clipping at 0.01, a gradient penalty of 10 with
the Wasserstein loss (published with five critic steps: `--discriminator-steps 5`), an orthonormal penalty of 1e-4.

Command, and result to expect (paper: Inception score on CIFAR-10):
  everymode train sn-gan-cnn-digits
      one minute on one core; measured: docs/results/normalization.md
  everymode train sn-gan-cnn-cifar10 --data cifar10-train.parquet
      200 epochs; paper IS 7.58 (residual networks: 8.22); measured here: not yet
  everymode train NAME --data cifar10-train.parquet
      orthonormal-gan-cnn-cifar10 7.40 (residual: 7.92), layer-norm-gan-cnn-cifar10 7.19, weight-norm-gan-cnn-cifar10
      6.84, wgan-gp-cnn-cifar10 6.68, weight-clipping-gan-cnn-cifar10 6.41, batch-norm-gan-cnn-cifar10 6.27;
      convolution-sn-gan-cnn-cifar10 and exact spectral normalization: the paper's Figure 4 says it fails;
      measured here: not yet
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from everymode.augmentation_names import ADAPTIVE, parse_augmentation
from everymode.recipes import unconditional
from everymode.recipes.unconditional import UnconditionalGAN, numbers_of

if TYPE_CHECKING:
    from torch import nn

    from everymode.game import AdversarialLoss, Weighted
    from everymode.norms.weight import WeightRule


@dataclass(frozen=True, kw_only=True)
class SpectralGAN(UnconditionalGAN):
    """SN-GAN: each kernel, reshaped to a matrix, over its largest singular value, by power iteration."""

    def critic_rule(self) -> WeightRule | None:
        from everymode.norms import spectral_norm

        return spectral_norm()


@dataclass(frozen=True, kw_only=True)
class ConvolutionSpectralGAN(UnconditionalGAN):
    """Each convolution over its true operator norm, by power iteration through the convolution itself."""

    def critic_rule(self) -> WeightRule | None:
        from everymode.norms import convolution_spectral_norm

        return convolution_spectral_norm()


@dataclass(frozen=True, kw_only=True)
class ExactSpectralGAN(UnconditionalGAN):
    """Each convolution over its exact operator norm, by Fourier transform and singular values (slow)."""

    def critic_rule(self) -> WeightRule | None:
        from everymode.norms import exact_spectral_norm

        return exact_spectral_norm()


@dataclass(frozen=True, kw_only=True)
class WeightNormGAN(UnconditionalGAN):
    """Each kernel over its own length, times a learnt one."""

    def critic_rule(self) -> WeightRule | None:
        from everymode.norms import weight_norm

        return weight_norm()


@dataclass(frozen=True, kw_only=True)
class OrthonormalGAN(UnconditionalGAN):
    """A cost of each kernel's distance, as a matrix, from an orthonormal one."""

    orthonormal_weight: float = 1e-4
    """Weight of that cost."""

    def check(self) -> None:
        super().check()
        if not 0 <= self.orthonormal_weight < math.inf:
            raise ValueError(f"orthonormal_weight must be 0 (none) or more, not {self.orthonormal_weight}")

    def critic_terms(self) -> tuple[Weighted, ...]:
        from everymode.game import Weighted
        from everymode.norms import orthonormal_penalty

        return (Weighted("orthonormal", orthonormal_penalty(), self.orthonormal_weight),)


@dataclass(frozen=True, kw_only=True)
class LayerNormGAN(UnconditionalGAN):
    """Each image's features, over channels and positions, to mean 0 and variance 1."""

    def critic_norm(self) -> Callable[[int], nn.Module] | None:
        from everymode.norms import LayerNorm

        return LayerNorm


@dataclass(frozen=True, kw_only=True)
class BatchNormGAN(UnconditionalGAN):
    """Batch normalization in the critic, which then judges reals and fakes in two passes."""

    def critic_norm(self) -> Callable[[int], nn.Module] | None:
        from everymode.norms import BatchNorm

        return BatchNorm


@dataclass(frozen=True, kw_only=True)
class WeightClippingGAN(UnconditionalGAN):
    """All of the critic's parameters clipped after each of its steps."""

    clip: float = 0.01
    """The largest absolute value that is left."""

    def check(self) -> None:
        super().check()
        if not 0 < self.clip < math.inf:
            raise ValueError(f"clip must be above 0 and finite, not {self.clip}")

    def critic_constraint(self, critic: nn.Module) -> Callable[[nn.Module], None] | None:
        from everymode.norms import WeightClipping

        return WeightClipping(self.clip)


@dataclass(frozen=True, kw_only=True)
class GradientPenaltyGAN(UnconditionalGAN):
    """WGAN-GP: Wasserstein loss, and a cost of gradients whose length is not 1."""

    penalty_weight: float = 10.0
    """Weight of that cost."""

    def check(self) -> None:
        super().check()
        if not 0 <= self.penalty_weight < math.inf:
            raise ValueError(f"penalty_weight must be 0 (none) or more, not {self.penalty_weight}")
        if ADAPTIVE in parse_augmentation(self.augmentation):
            raise ValueError(
                "the Wasserstein loss has no zero of its own, and ada goes by it: choose augmentation among color, "
                "translation and cutout"
            )

    def adversarial(self) -> AdversarialLoss:
        from everymode.losses.adversarial import wasserstein

        return wasserstein()

    def critic_terms(self) -> tuple[Weighted, ...]:
        from everymode.game import Weighted
        from everymode.losses.penalties import wgan_gp

        return (Weighted("gradient_penalty", wgan_gp(), self.penalty_weight),)


_CNN, _RESNET = unconditional.CNN_CIFAR10, unconditional.RESNET_CIFAR10
_DIGITS, _RESNET_DIGITS = unconditional.CNN_DIGITS, unconditional.RESNET_DIGITS

SPECTRAL_CNN_CIFAR10 = SpectralGAN(**numbers_of(_CNN, name="sn-gan-cnn-cifar10"))
SPECTRAL_CNN_DIGITS = SpectralGAN(**numbers_of(_DIGITS, name="sn-gan-cnn-digits"))
SPECTRAL_CNN_STL10 = SpectralGAN(**numbers_of(unconditional.CNN_STL10, name="sn-gan-cnn-stl10"))
SPECTRAL_CNN_IMAGES32 = SpectralGAN(**numbers_of(unconditional.CNN_IMAGES32, name="sn-gan-cnn-32"))
SPECTRAL_RESNET_CIFAR10 = SpectralGAN(**numbers_of(_RESNET, name="sn-gan-resnet-cifar10"))
SPECTRAL_RESNET_DIGITS = SpectralGAN(**numbers_of(_RESNET_DIGITS, name="sn-gan-resnet-digits"))
SPECTRAL_RESNET_STL10 = SpectralGAN(**numbers_of(unconditional.RESNET_STL10, name="sn-gan-resnet-stl10"))
SPECTRAL_RESNET_IMAGES32 = SpectralGAN(**numbers_of(unconditional.RESNET_IMAGES32, name="sn-gan-resnet-32"))

CONVOLUTION_CNN_CIFAR10 = ConvolutionSpectralGAN(**numbers_of(_CNN, name="convolution-sn-gan-cnn-cifar10"))
CONVOLUTION_CNN_DIGITS = ConvolutionSpectralGAN(**numbers_of(_DIGITS, name="convolution-sn-gan-cnn-digits"))

ORTHONORMAL_CNN_CIFAR10 = OrthonormalGAN(**numbers_of(_CNN, name="orthonormal-gan-cnn-cifar10"))
ORTHONORMAL_CNN_DIGITS = OrthonormalGAN(**numbers_of(_DIGITS, name="orthonormal-gan-cnn-digits"))
ORTHONORMAL_RESNET_CIFAR10 = OrthonormalGAN(**numbers_of(_RESNET, name="orthonormal-gan-resnet-cifar10"))

WEIGHT_NORM_CNN_CIFAR10 = WeightNormGAN(**numbers_of(_CNN, name="weight-norm-gan-cnn-cifar10"))
WEIGHT_NORM_CNN_DIGITS = WeightNormGAN(**numbers_of(_DIGITS, name="weight-norm-gan-cnn-digits"))

LAYER_NORM_CNN_CIFAR10 = LayerNormGAN(**numbers_of(_CNN, name="layer-norm-gan-cnn-cifar10"))
LAYER_NORM_CNN_DIGITS = LayerNormGAN(**numbers_of(_DIGITS, name="layer-norm-gan-cnn-digits"))

BATCH_NORM_CNN_CIFAR10 = BatchNormGAN(**numbers_of(_CNN, name="batch-norm-gan-cnn-cifar10"))
BATCH_NORM_CNN_DIGITS = BatchNormGAN(**numbers_of(_DIGITS, name="batch-norm-gan-cnn-digits"))

CLIPPING_CNN_CIFAR10 = WeightClippingGAN(**numbers_of(_CNN, name="weight-clipping-gan-cnn-cifar10"))
CLIPPING_CNN_DIGITS = WeightClippingGAN(**numbers_of(_DIGITS, name="weight-clipping-gan-cnn-digits"))

WGAN_GP_CNN_CIFAR10 = GradientPenaltyGAN(**numbers_of(_CNN, name="wgan-gp-cnn-cifar10"))
WGAN_GP_CNN_DIGITS = GradientPenaltyGAN(**numbers_of(_DIGITS, name="wgan-gp-cnn-digits"))
