"""Normalizations of the discriminator that sparsity-aware normalization is compared with, and none.

Formulas and papers: `everymode.norms`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from everymode.part import Constraint, Head, Norm

if TYPE_CHECKING:
    from torch import nn

    from everymode.condition import Condition
    from everymode.game import Weighted
    from everymode.norms.weight import WeightRule
    from everymode.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class NoNorm(Norm):
    """No normalization."""


@dataclass(frozen=True, kw_only=True)
class WeightRuleNorm(Norm):
    """Normalization of the weights of all layers, or of those in residual blocks."""

    where: Literal["all", "blocks"] = "all"
    """Normalized layers: all, or those in residual blocks, with spectral normalization elsewhere (SAN on BigGAN)."""
    spectral_epsilon: float = 1e-8
    """Epsilon of spectral normalization."""

    def rule(self) -> WeightRule | None:
        """Return the rule, or None if the weights are normalized in another way."""
        raise NotImplementedError(f"{type(self).__name__} has no rule(): define it")

    def uses_epsilon(self) -> bool:
        """Return whether `spectral_epsilon` has an effect."""
        return self.blocks_only

    def notes(self, recipe: Recipe) -> list[str]:
        if self.uses_epsilon() or self.spectral_epsilon == WeightRuleNorm.spectral_epsilon:
            return []
        return [
            f"spectral_epsilon {self.spectral_epsilon} has no effect on the discriminator: only --norm spectral and "
            "--where blocks use it"
        ]

    def check(self) -> None:
        if not 0 <= self.spectral_epsilon < math.inf:
            raise ValueError(f"spectral_epsilon must be at least 0 and finite, not {self.spectral_epsilon}")

    @property
    def blocks_only(self) -> bool:
        return self.where == "blocks"

    def normalize(self, discriminator: nn.Module, *example: Condition) -> None:
        from everymode.norms.spectral import spectral_norm
        from everymode.norms.weight import normalize_weights

        rule = self.rule()
        if rule is not None:
            normalize_weights(discriminator, rule, *example, include=in_blocks if self.blocks_only else None)
        if self.blocks_only:
            spectral = spectral_norm(epsilon=self.spectral_epsilon)
            normalize_weights(discriminator, spectral, *example, include=outside_blocks)


def in_blocks(name: str, layer: nn.Module) -> bool:
    """Return whether a layer of a discriminator, by its name, is in a residual block."""
    return "blocks" in name.split(".")


def outside_blocks(name: str, layer: nn.Module) -> bool:
    """Return whether a layer of a discriminator, by its name, is in no residual block."""
    return not in_blocks(name, layer)


@dataclass(frozen=True, kw_only=True)
class Spectral(WeightRuleNorm):
    """Spectral normalization: each weight divided by its largest singular value."""

    estimate: Literal["matrix", "convolution", "exact"] = "matrix"
    """Divisor of convolutions: norm of the kernel as a matrix (SN-GAN); operator norm of the convolution, estimated by
    power iteration; or the exact operator norm, by Fourier transform and singular values (slow)."""

    def uses_epsilon(self) -> bool:
        return self.estimate == "matrix" or self.blocks_only

    def rule(self) -> WeightRule:
        from everymode.norms import convolution_spectral_norm, exact_spectral_norm, spectral_norm

        if self.estimate == "matrix":
            return spectral_norm(epsilon=self.spectral_epsilon)
        return convolution_spectral_norm() if self.estimate == "convolution" else exact_spectral_norm()


@dataclass(frozen=True, kw_only=True)
class WeightNorm(WeightRuleNorm):
    """Weight normalization: each kernel divided by its length, times a learned one."""

    def rule(self) -> WeightRule:
        from everymode.norms import weight_norm

        return weight_norm()


@dataclass(frozen=True, kw_only=True)
class Orthonormal(Norm):
    """Penalty on the distance of each kernel, as a matrix, from an orthonormal one."""

    orthonormal_weight: float = 1e-4
    """Weight of the penalty on kernels that are not orthonormal."""

    def check(self) -> None:
        self.require_at_least_0("orthonormal_weight")

    def terms(self) -> tuple[Weighted, ...]:
        from everymode.game import Weighted
        from everymode.norms import orthonormal_penalty

        return (Weighted("orthonormal", orthonormal_penalty(), self.orthonormal_weight),)


@dataclass(frozen=True, kw_only=True)
class LayerNorm(Norm):
    """Layer normalization: features of each image, over channels and positions, to mean 0 and variance 1."""

    option: ClassVar[str] = "--norm layer"
    normalizes_features: ClassVar[bool] = True

    def feature_norm(self) -> Head:
        from everymode.norms.layer import LayerNorm

        return LayerNorm


@dataclass(frozen=True, kw_only=True)
class BatchNorm(Norm):
    """Batch normalization in the discriminator, which then scores reals and fakes in two passes."""

    option: ClassVar[str] = "--norm batch"
    normalizes_features: ClassVar[bool] = True
    normalizes_batches: ClassVar[bool] = True

    def feature_norm(self) -> Head:
        from everymode.norms.conditional import BatchNorm

        return BatchNorm


@dataclass(frozen=True, kw_only=True)
class WeightClipping(Norm):
    """Clipping of all parameters of the discriminator after each of its optimizer steps."""

    clip: float = 0.01
    """Largest absolute value of a parameter after clipping."""

    def check(self) -> None:
        if not 0 < self.clip < math.inf:
            raise ValueError(f"clip must be above 0 and finite, not {self.clip}")

    def constraint(self, discriminator: nn.Module, *example: Condition) -> Constraint | None:
        from everymode.norms import WeightClipping

        return WeightClipping(self.clip)
