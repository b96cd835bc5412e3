"""What normalizes a discriminator: the rivals of sparsity-aware normalization, and nothing at all.

Formulas and papers: `everymode.norms`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from everymode.part import Constraint, Head, Norm

if TYPE_CHECKING:
    from torch import Tensor, nn

    from everymode.game import Weighted
    from everymode.norms.weight import WeightRule


@dataclass(frozen=True, kw_only=True)
class NoNorm(Norm):
    """Nothing is normalized."""


@dataclass(frozen=True, kw_only=True)
class WeightRuleNorm(Norm):
    """A rule for the weights of all layers, or of those in residual blocks."""

    where: Literal["all", "blocks"] = "all"
    """All layers; or those in residual blocks alone, with spectral normalization outside (SAN's paper on BigGAN)."""
    spectral_epsilon: float = 1e-8
    """Epsilon of spectral normalization."""

    def rule(self) -> WeightRule | None:
        """The rule; None where the weights are normalized in another way."""
        raise NotImplementedError(f"{type(self).__name__} has no rule(): define it")

    def check(self) -> None:
        if not 0 <= self.spectral_epsilon < math.inf:
            raise ValueError(f"spectral_epsilon must be at least 0 and finite, not {self.spectral_epsilon}")

    @property
    def blocks_only(self) -> bool:
        return self.where == "blocks"

    def normalize(self, discriminator: nn.Module, *example: Tensor | None) -> None:
        from everymode.norms.spectral import spectral_norm
        from everymode.norms.weight import normalize_weights

        rule = self.rule()
        if rule is not None:
            normalize_weights(discriminator, rule, *example, include=in_blocks if self.blocks_only else None)
        if self.blocks_only:
            spectral = spectral_norm(epsilon=self.spectral_epsilon)
            normalize_weights(discriminator, spectral, *example, include=outside_blocks)


def in_blocks(name: str, layer: nn.Module) -> bool:
    """Whether a layer of a discriminator, by its name, is in a residual block."""
    return "blocks" in name.split(".")


def outside_blocks(name: str, layer: nn.Module) -> bool:
    """Whether it is not."""
    return not in_blocks(name, layer)


@dataclass(frozen=True, kw_only=True)
class Spectral(WeightRuleNorm):
    """Spectral normalization: each weight over its largest singular value, or over a convolution's true norm."""

    estimate: Literal["matrix", "convolution", "exact"] = "matrix"
    """What a convolution is divided by: the norm of its kernel as a matrix (SN-GAN); its true operator norm, by power
    iteration through the convolution; or the exact one, by Fourier transform and singular values (slow)."""

    def rule(self) -> WeightRule:
        from everymode.norms import convolution_spectral_norm, exact_spectral_norm, spectral_norm

        if self.estimate == "matrix":
            return spectral_norm(epsilon=self.spectral_epsilon)
        return convolution_spectral_norm() if self.estimate == "convolution" else exact_spectral_norm()


@dataclass(frozen=True, kw_only=True)
class WeightNorm(WeightRuleNorm):
    """Each kernel over its own length, times a learned one."""

    def rule(self) -> WeightRule:
        from everymode.norms import weight_norm

        return weight_norm()


@dataclass(frozen=True, kw_only=True)
class Orthonormal(Norm):
    """A cost of each kernel's distance, as a matrix, from an orthonormal one."""

    orthonormal_weight: float = 1e-4
    """Weight of that cost."""

    def check(self) -> None:
        self.require_at_least_0("orthonormal_weight")

    def terms(self) -> tuple[Weighted, ...]:
        from everymode.game import Weighted
        from everymode.norms import orthonormal_penalty

        return (Weighted("orthonormal", orthonormal_penalty(), self.orthonormal_weight),)


@dataclass(frozen=True, kw_only=True)
class LayerNorm(Norm):
    """Each image's features, over channels and positions, to mean 0 and variance 1."""

    normalizes_features: ClassVar[bool] = True

    def feature_norm(self) -> Head:
        from everymode.norms.layer import LayerNorm

        return LayerNorm


@dataclass(frozen=True, kw_only=True)
class BatchNorm(Norm):
    """Batch normalization in the discriminator, which then judges reals and fakes in two passes."""

    normalizes_features: ClassVar[bool] = True
    normalizes_batches: ClassVar[bool] = True

    def feature_norm(self) -> Head:
        from everymode.norms.conditional import BatchNorm

        return BatchNorm


@dataclass(frozen=True, kw_only=True)
class WeightClipping(Norm):
    """All of the discriminator's parameters clipped after each of its steps."""

    clip: float = 0.01
    """The largest absolute value that is left."""

    def check(self) -> None:
        if not 0 < self.clip < math.inf:
            raise ValueError(f"clip must be above 0 and finite, not {self.clip}")

    def constraint(self, discriminator: nn.Module, *example: Tensor | None) -> Constraint | None:
        from everymode.norms import WeightClipping

        return WeightClipping(self.clip)
