"""What the recipes on BigGAN's networks share: their numbers, and how generator and discriminator are built.

Brock, Donahue, Simonyan: Large Scale GAN Training for High Fidelity Natural Image Synthesis, ICLR 2019; layouts and
initialization follow ajbrock/BigGAN-PyTorch, which Omni-GAN and others use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from everymode.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn

    from everymode.data.facts import DataFacts
    from everymode.game import LabelSource


@dataclass(frozen=True, kw_only=True)
class BigGANBackbone(Recipe):
    """Numbers of BigGAN's networks."""

    shared_dim: int = 0
    """Length of the label embedding that the generator's layers share; 0 = a table per layer (as on CIFAR)."""
    hierarchical: bool = False
    """Feed a chunk of z to every block of the generator (needs shared_dim)."""
    generator_attention: int = 0
    """Grid size after which the generator attends to itself; 0 = nowhere."""
    discriminator_attention: int = 0
    """Grid size after which the discriminator attends to itself; 0 = nowhere."""
    initialization: Literal["normal", "orthogonal"] = "normal"
    """Initial weights: N(0, 0.02), or orthogonal."""
    spectral_epsilon: float = 1e-8
    """Epsilon of spectral normalization."""
    fused_resampling: bool = True
    """Do up- and down-sampling and the convolution beside them as one operation: exact, and faster on most machines."""

    def shrunk(self) -> BigGANBackbone:
        smaller = replace(
            super().shrunk(),
            width=8
            if self.generator_attention or self.discriminator_attention
            else 4,  # attention asks for 8
            latent_dim=24,
            shared_dim=min(self.shared_dim, 8),
            num_classes=3,
        )
        assert isinstance(smaller, BigGANBackbone)
        return smaller

    def needs_labels(self) -> bool:
        return True

    def for_data(self, facts: DataFacts) -> BigGANBackbone:
        """Raises ValueError for points, and for images with several labels each."""
        if len(facts.image_shape) != 3:
            raise ValueError(
                f"{facts.name} holds points, and {self.name} draws images: choose a recipe for points"
            )
        if isinstance(facts.num_classes, tuple):
            raise ValueError(
                f"each image of {facts.name} has {len(facts.num_classes)} labels, and {self.name} conditions on one: "
                "choose one of them (for shapes: --data shapes:labels=shape), or another recipe"
            )
        fitted = super().for_data(facts)
        assert isinstance(fitted, BigGANBackbone)
        return fitted

    def networks(
        self, head: Callable[[int], nn.Module], class_head: Callable[[int], nn.Module] | None = None
    ) -> tuple[nn.Module, nn.Module]:
        """Generator and discriminator, initialized, both with spectral normalization.

        The generator's embedding tables stay as they are, as in the released code; the discriminator's are normalized.
        """
        import torch

        from everymode.networks.biggan import (
            BigGANDiscriminator,
            BigGANGenerator,
            discriminator_layout,
            generator_widths,
        )
        from everymode.networks.initialization import normal_initialization, orthogonal_initialization
        from everymode.norms.spectral import spectral_norm
        from everymode.norms.weight import normalize_weights, without_embeddings

        if self.num_classes < 1:
            raise ValueError(
                f"{self.name} conditions on labels, and the data has none: choose another recipe"
            )
        generator = BigGANGenerator(
            self.size,
            widths=generator_widths(self.size, self.width),
            num_classes=self.num_classes,
            latent_dim=self.latent_dim,
            channels=self.channels,
            shared_dim=self.shared_dim or None,
            hierarchical=self.hierarchical,
            attention=(self.generator_attention,) if self.generator_attention else (),
            fused=self.fused_resampling,
        )
        layout = discriminator_layout(self.size, self.width)
        discriminator = BigGANDiscriminator(
            self.size,
            head=head,
            widths=layout.widths,
            halvings=layout.halvings,
            class_head=class_head,
            channels=self.channels,
            attention=(self.discriminator_attention,) if self.discriminator_attention else (),
            fused=self.fused_resampling,
        )
        initialize = {"normal": normal_initialization, "orthogonal": orthogonal_initialization}[
            self.initialization
        ]
        rule = spectral_norm(epsilon=self.spectral_epsilon)
        images = torch.zeros(1, self.channels, *self.size)
        label = torch.zeros(1, dtype=torch.long)
        initialize(generator)
        initialize(discriminator)
        z = torch.zeros(1, generator.latent_dim)
        normalize_weights(generator, rule, z, label, include=without_embeddings)
        normalize_weights(discriminator, rule, images, label)
        return generator, discriminator

    def given_labels(self) -> LabelSource:
        """The data's labels; fakes' labels uniform or as frequent as in the data."""
        from everymode.labels.given import GivenLabels

        counts = self.class_counts if self.fake_labels == "data" else None
        return GivenLabels(self.num_classes, counts)
