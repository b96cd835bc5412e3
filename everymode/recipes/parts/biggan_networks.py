"""Networks of BigGAN.

Brock, Donahue, Simonyan: Large Scale GAN Training for High Fidelity Natural Image Synthesis, ICLR 2019; layouts and
initialization follow ajbrock/BigGAN-PyTorch, which Omni-GAN and others use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from everymode.part import NetworkNeeds, Networks

if TYPE_CHECKING:
    from torch import nn

    from everymode.networks.biggan import BigGANGenerator
    from everymode.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class BigGAN(Networks):
    """Residual networks; the generator has spectral normalization and class-conditional batch normalization."""

    takes_label_blocks: ClassVar[bool] = True

    shared_dim: int = 0
    """Length of the label embedding shared by the generator's layers; 0 = one embedding table per layer (CIFAR)."""
    hierarchical: bool = False
    """Feed a chunk of z to every block of the generator (with labels, needs shared_dim)."""
    generator_attention: int = 0
    """Size in pixels of the features after which the generator has a self-attention layer; 0 = none."""
    discriminator_attention: int = 0
    """Size in pixels of the features after which the discriminator has a self-attention layer; 0 = none."""
    initialization: Literal["normal", "orthogonal", "glorot"] = "normal"
    """Initial weights: N(0, 0.02), orthogonal, or Glorot uniform with zero biases."""
    spectral_epsilon: float = 1e-8
    """Epsilon of spectral normalization."""
    normalize_embeddings: bool = False
    """Apply spectral normalization to the generator's label embeddings too (as SAGAN does)."""
    tapered: bool = False
    """Use a quarter of the width in the generator's last and the discriminator's first block (SAGAN at 32 pixels)."""
    doublings: int | None = None
    """Number of upsampling blocks of the generator; auto = as many as keep its first features at 4 pixels or more."""
    circular_padding: bool = False
    """Use circular instead of zero padding in the discriminator's 3x3 convolutions."""
    fused_resampling: bool = True
    """Fuse up- and downsampling with the adjacent convolution: exact, and faster on most machines."""

    @property
    def has_blocks(self) -> bool:
        return True

    def check(self) -> None:
        super().check()
        self.require_at_least_1("doublings")
        self.require_at_least_0("shared_dim", "generator_attention", "discriminator_attention")

    def shrunk(self, recipe: Recipe) -> Recipe:
        attention = self.generator_attention or self.discriminator_attention
        small = replace(
            self,
            width=8 if attention else 4,  # attention needs 8
            latent_dim=24,
            shared_dim=min(self.shared_dim, 8),
        )
        classes = recipe.num_classes
        classes = (3,) * len(classes) if isinstance(classes, tuple) else 3
        return super(BigGAN, small).shrunk(replace(recipe, networks=small, num_classes=classes))

    def for_codes(self, code_dim: int) -> Networks:
        return replace(super().for_codes(code_dim), hierarchical=False)

    def output_head(self) -> Callable[[int, int], nn.Module] | None:
        """Return the generator's output head, (feature channels, image channels) -> head(features, size), or None."""
        return None

    def generator(self, needs: NetworkNeeds) -> nn.Module:
        generator = self._plain_generator(needs)
        self._normalize(generator, needs)
        return generator

    def _plain_generator(self, needs: NetworkNeeds) -> BigGANGenerator:
        """Build the generator without weight normalization."""
        from everymode.networks import biggan

        widths = biggan.generator_widths(needs.size, self.width, doublings=self.doublings)
        if self.tapered:
            widths = (*widths[:-1], self.width)
        return biggan.BigGANGenerator(
            needs.size,
            widths=widths,
            num_classes=needs.num_labels,
            latent_dim=self.latent_dim,
            channels=needs.channels,
            shared_dim=None if needs.num_labels is None else self.shared_dim or None,
            hierarchical=self.hierarchical,
            attention=(self.generator_attention,) if self.generator_attention else (),
            output=self.output_head(),
            fused=self.fused_resampling,
        )

    def pair(self, needs: NetworkNeeds) -> tuple[nn.Module, nn.Module]:
        from everymode.networks import biggan

        layout = biggan.discriminator_layout(needs.size, self.width, doublings=self.doublings)
        if self.tapered:
            layout = biggan.DiscriminatorLayout((self.width, *layout.widths[1:]), layout.halvings)
        generator = self._plain_generator(needs)
        discriminator = biggan.BigGANDiscriminator(
            needs.size,
            head=needs.head,
            widths=layout.widths,
            halvings=layout.halvings,
            class_head=needs.class_head,
            channels=needs.channels * self.pack,
            attention=(self.discriminator_attention,) if self.discriminator_attention else (),
            circular=self.circular_padding,
            fused=self.fused_resampling,
        )
        initialize = self._initialize()
        initialize(generator)
        initialize(discriminator)
        self._normalize(generator, needs)
        return generator, discriminator

    def _normalize(self, generator: BigGANGenerator, needs: NetworkNeeds) -> None:
        """Apply the generator's weight normalization, in place."""
        import torch

        from everymode.norms.spectral import spectral_norm
        from everymode.norms.weight import normalize_weights, without_embeddings

        _, label = self.example(needs)
        normalize_weights(
            generator,
            spectral_norm(epsilon=self.spectral_epsilon),
            torch.zeros(1, generator.latent_dim),
            label,
            include=None if self.normalize_embeddings else without_embeddings,
        )

    def _initialize(self) -> Callable[[nn.Module], nn.Module]:
        from everymode.networks import initialization as initial

        return {
            "normal": initial.normal_initialization,
            "orthogonal": initial.orthogonal_initialization,
            "glorot": partial(initial.glorot_uniform_initialization, zero_biases=True),
        }[self.initialization]
