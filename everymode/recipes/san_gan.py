"""SAN-GAN: each convolution of the critic is divided by its largest amplification of a signal with one channel.

Paper: Kligvasser, Michaeli: Sparsity Aware Normalization for GANs, AAAI 2021; the released `kligvasser/SANGAN` covers
super-resolution only. Weights are divided when they are used (reparametrization), and the gradient treats the divisor
as a constant, as in the released code; `in_place` divides the stored weights, as in the paper's Algorithm 1. Fully
connected layers have spectral normalization. The critic has circular padding, as in the paper.

At 48 pixels the residual critic has no last block (`shortened`), as in the paper: 4.86 million parameters, not 19.54.
Command, cost, and expected result (the paper gives Inception scores only):
  everymode train san-gan-cnn-digits        (san-gan-resnet-digits, san-biggan-digits)
      one minute on one core; measured: docs/results/normalization.md
  everymode train san-gan-cnn-cifar10 --data cifar10-train.parquet
      200 epochs; paper IS 7.89; measured here: not yet
  everymode train san-gan-resnet-cifar10 --data cifar10-train.parquet
      200 epochs; paper IS 8.43; measured here: not yet
  everymode train san-biggan-cifar10 --data cifar10-train.parquet
      hyper-parameters of biggan-cifar10, with beta1 0.5; paper IS 9.53 (BigGAN: 9.24); measured here: not yet
  everymode train san-gan-cnn-stl10 --data stl10_binary/unlabeled_X.bin        (san-gan-resnet-stl10)
      200 epochs of 100,000 images of 48x48; paper IS 9.18 (9.21); measured here: not yet
  everymode train san-gan-cnn-32 --data photos        (san-gan-resnet-32)
      your own images
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from everymode.part import Constraint
from everymode.recipes import biggan, unconditional
from everymode.recipes.parts.norms import WeightRuleNorm, in_blocks

if TYPE_CHECKING:
    from torch import nn

    from everymode.condition import Condition
    from everymode.norms.weight import WeightRule


@dataclass(frozen=True, kw_only=True)
class SparsityAware(WeightRuleNorm):
    """Sparsity-aware normalization."""

    gain: float = 1.0
    """Factor of the divisor; its reciprocal bounds the amplification. (The paper's g; 1.1 was best there.)"""
    fraction: float = 1.0
    """Fraction of a layer's kernels, drawn each time, used to compute its divisor, which is then corrected."""
    compensation: float | None = None
    """Factor that corrects the largest value of the drawn kernels: the paper's g for a fraction below 1 (SPADE: 1.3).
    None = the formula H(N) / H(ceil(N r)) of equation 9, N being the number of the layer's kernels."""
    interval: int = 1
    """Critic steps between two computations of the divisors, or with in_place, between two divisions."""
    momentum: float = 0.0
    """Weight of the old divisor in the moving average of divisors; 0 = no averaging."""
    in_place: bool = False
    """Divide the stored weights, instead of weights that are computed from them."""

    def check(self) -> None:
        super().check()
        if self.in_place and self.momentum:
            raise ValueError(
                f"momentum {self.momentum} averages stored divisors, and in_place stores none: set momentum to 0, or "
                "in_place to off"
            )
        if not 0 < self.fraction <= 1:
            raise ValueError(f"fraction must be above 0 and at most 1, not {self.fraction}")
        if not 0 < self.gain < math.inf:
            raise ValueError(f"gain must be above 0 and finite, not {self.gain}")
        if self.compensation is not None and not 0 < self.compensation < math.inf:
            raise ValueError(f"compensation must be above 0 and finite, or auto, not {self.compensation}")
        if self.interval < 1:
            raise ValueError(f"interval must be at least 1 critic step, not {self.interval}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be at least 0 and below 1, not {self.momentum}")

    def rule(self) -> WeightRule | None:
        if self.in_place:
            return None
        from everymode.norms import sparsity_aware_norm

        return sparsity_aware_norm(
            gain=self._gain, fraction=self.fraction, interval=self.interval, momentum=self.momentum
        )

    def constraint(self, discriminator: nn.Module, *example: Condition) -> Constraint | None:
        if not self.in_place:
            return None
        from everymode.norms import InPlaceSparsityAware

        return InPlaceSparsityAware(
            discriminator,
            *example,
            gain=self._gain,
            fraction=self.fraction,
            interval=self.interval,
            include=in_blocks if self.where == "blocks" else None,
        )

    def _gain(self, layer: nn.Module) -> float:
        """Return the factor of a layer's divisor, beside the formula's factor, which the norm applies itself."""
        from everymode.norms import compensation

        weight = layer.get_parameter("weight")
        if self.compensation is None or weight.dim() == 2:  # linear layers have no kernels to draw from
            return self.gain
        return self.gain * self.compensation / compensation(weight.shape[0] * weight.shape[1], self.fraction)


CNN_CIFAR10 = unconditional.CNN_CIFAR10.with_numbers(name="san-gan-cnn-cifar10", norm=SparsityAware())
CNN_STL10 = unconditional.CNN_STL10.with_numbers(name="san-gan-cnn-stl10", norm=SparsityAware())
CNN_IMAGES32 = unconditional.CNN_IMAGES32.with_numbers(name="san-gan-cnn-32", norm=SparsityAware())
CNN_DIGITS = unconditional.CNN_DIGITS.with_numbers(name="san-gan-cnn-digits", norm=SparsityAware())

RESNET_CIFAR10 = unconditional.RESNET_CIFAR10.with_numbers(
    name="san-gan-resnet-cifar10", norm=SparsityAware()
)
RESNET_STL10 = unconditional.RESNET_STL10.with_numbers(
    name="san-gan-resnet-stl10", norm=SparsityAware(), shortened=True
)
RESNET_IMAGES32 = unconditional.RESNET_IMAGES32.with_numbers(name="san-gan-resnet-32", norm=SparsityAware())
RESNET_DIGITS = unconditional.RESNET_DIGITS.with_numbers(name="san-gan-resnet-digits", norm=SparsityAware())

# Outside the discriminator's blocks there is spectral normalization.
BIGGAN_CIFAR10 = biggan.CIFAR10.with_numbers(
    name="san-biggan-cifar10", norm=SparsityAware(where="blocks"), beta1=0.5, circular_padding=True
)
BIGGAN_DIGITS = biggan.DIGITS.with_numbers(
    name="san-biggan-digits", norm=SparsityAware(where="blocks"), beta1=0.5, circular_padding=True
)
