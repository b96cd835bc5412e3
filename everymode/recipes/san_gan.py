"""SAN-GAN: every convolution of the critic divided by the most that it can amplify a signal with one channel.

Paper: Kligvasser, Michaeli: Sparsity Aware Normalization for GANs, AAAI 2021; the released `kligvasser/SANGAN` covers
super-resolution only. The weights are divided when they are used (re-parametrization), with the divisor a constant for
the gradient, as the released code has it; `in_place` divides the stored weights, as the paper's Algorithm 1 has it.
Fully connected layers have spectral normalization. Circular padding in the critic, as in the paper.

At 48 pixels the residual critic has no last block (`shortened`), as in the paper: 4.86 million parameters, not 19.54.

Command, cost, and result to expect (the paper gives Inception scores only):
  everymode train san-gan-cnn-digits        (san-gan-resnet-digits, san-biggan-digits)
      one minute on one core; measured: docs/results/normalization.md
  everymode train san-gan-cnn-cifar10 --data cifar10-train.parquet
      200 epochs; paper IS 7.89; measured here: not yet
  everymode train san-gan-resnet-cifar10 --data cifar10-train.parquet
      200 epochs; paper IS 8.43; measured here: not yet
  everymode train san-biggan-cifar10 --data cifar10-train.parquet
      the numbers of biggan-cifar10, with beta1 0.5; paper IS 9.53, and 9.24 for BigGAN; measured here: not yet
  everymode train san-gan-cnn-stl10 --data stl10_binary/unlabeled_X.bin        (san-gan-resnet-stl10)
      200 epochs of 100,000 images of 48x48; paper IS 9.18 (9.21); measured here: not yet
  everymode train san-gan-cnn-32 --data photos        (san-gan-resnet-32)
      your own images
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from everymode.recipes import biggan, unconditional
from everymode.recipes.backbone import numbers_of as biggan_numbers_of
from everymode.recipes.biggan import BigGAN
from everymode.recipes.unconditional import UnconditionalGAN, numbers_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from everymode.norms.weight import WeightRule


@dataclass(frozen=True, kw_only=True)
class SparsityAwareGAN(UnconditionalGAN):
    """Sparsity-aware normalization of the critic."""

    gain: float = 1.0
    """Factor on what the weights are divided by: the bound is its reciprocal. (The paper's g; its best was 1.1.)"""
    fraction: float = 1.0
    """Share of a layer's kernels that are looked at, drawn anew each time; below 1 the compensation is automatic."""
    interval: int = 1
    """Critic steps between two computations of the divisors (or, in place, between two divisions)."""
    momentum: float = 0.0
    """Share of the old divisor that each new one keeps."""
    in_place: bool = False
    """Divide the stored weights, in place of what is computed from them."""

    def check(self) -> None:
        super().check()
        if self.in_place and self.momentum:
            raise ValueError(
                f"momentum is of a divisor that is kept, and division in place keeps none: set momentum to 0, not "
                f"{self.momentum}, or in_place to False"
            )
        if not 0 < self.fraction <= 1:
            raise ValueError(
                f"fraction is a share of the kernels, above 0 and at most 1, not {self.fraction}"
            )
        if not self.gain > 0:
            raise ValueError(f"gain must be above 0, not {self.gain}")
        if self.interval < 1:
            raise ValueError(f"interval must be at least 1 critic step, not {self.interval}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be at least 0 and below 1, not {self.momentum}")

    def critic_rule(self) -> WeightRule | None:
        if self.in_place:
            return None
        from everymode.norms import sparsity_aware_norm

        return sparsity_aware_norm(
            gain=self.gain, fraction=self.fraction, interval=self.interval, momentum=self.momentum
        )

    def critic_constraint(self, critic: nn.Module) -> Callable[[nn.Module], None] | None:
        if not self.in_place:
            return None
        import torch

        from everymode.norms import InPlaceSparsityAware

        example = torch.zeros(1, self.channels, *self.size)
        return InPlaceSparsityAware(
            critic, example, gain=self.gain, fraction=self.fraction, interval=self.interval
        )


@dataclass(frozen=True, kw_only=True)
class SparsityAwareBigGAN(BigGAN):
    """BigGAN with sparsity-aware normalization in the discriminator's blocks; what is outside them keeps spectral."""

    gain: float = 1.0
    """Factor on what the weights are divided by."""

    def normalize_discriminator(self, discriminator: nn.Module, *example: Tensor) -> None:
        from everymode.norms import normalize_weights, sparsity_aware_norm, spectral_norm

        def in_blocks(name: str, layer: nn.Module) -> bool:
            return name.startswith("blocks.")

        def outside(name: str, layer: nn.Module) -> bool:
            return not in_blocks(name, layer)

        normalize_weights(discriminator, sparsity_aware_norm(gain=self.gain), *example, include=in_blocks)
        normalize_weights(
            discriminator, spectral_norm(epsilon=self.spectral_epsilon), *example, include=outside
        )


CNN_CIFAR10 = SparsityAwareGAN(**numbers_of(unconditional.CNN_CIFAR10, name="san-gan-cnn-cifar10"))
CNN_STL10 = SparsityAwareGAN(**numbers_of(unconditional.CNN_STL10, name="san-gan-cnn-stl10"))
CNN_IMAGES32 = SparsityAwareGAN(**numbers_of(unconditional.CNN_IMAGES32, name="san-gan-cnn-32"))
CNN_DIGITS = SparsityAwareGAN(**numbers_of(unconditional.CNN_DIGITS, name="san-gan-cnn-digits"))

RESNET_CIFAR10 = SparsityAwareGAN(**numbers_of(unconditional.RESNET_CIFAR10, name="san-gan-resnet-cifar10"))
RESNET_STL10 = SparsityAwareGAN(
    **numbers_of(unconditional.RESNET_STL10, name="san-gan-resnet-stl10", shortened=True)
)
RESNET_IMAGES32 = SparsityAwareGAN(**numbers_of(unconditional.RESNET_IMAGES32, name="san-gan-resnet-32"))
RESNET_DIGITS = SparsityAwareGAN(**numbers_of(unconditional.RESNET_DIGITS, name="san-gan-resnet-digits"))

BIGGAN_CIFAR10 = SparsityAwareBigGAN(
    **biggan_numbers_of(biggan.CIFAR10, name="san-biggan-cifar10", beta1=0.5, circular_padding=True)
)
BIGGAN_DIGITS = SparsityAwareBigGAN(
    **biggan_numbers_of(biggan.DIGITS, name="san-biggan-digits", beta1=0.5, circular_padding=True)
)
