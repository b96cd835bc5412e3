"""Residual networks without normalization, as recipes join them with a method: ImageNet and Places at 128 pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from everymode.recipes.small_gan import ImageNetworks, head_for

if TYPE_CHECKING:
    from everymode.recipes.small_gan import First, Head, Networks


@dataclass(frozen=True, kw_only=True)
class ResidualNetworks(ImageNetworks):
    """The networks of Mescheder et al. (2018), two residual blocks a resolution, which want R1."""

    def shrunk(self) -> ResidualNetworks:
        smaller = replace(super().shrunk(), resolution=32)
        assert isinstance(smaller, ResidualNetworks)
        return smaller

    def networks(
        self,
        num_labels: int | None,
        *,
        head: Head | None = None,
        class_head: Head | None = None,
        first: First | None = None,
        pack: int = 1,
    ) -> Networks:
        from everymode.networks.stability_resnet import StabilityDiscriminator, StabilityGenerator

        generator = StabilityGenerator(
            self.size,
            num_classes=num_labels,
            latent_dim=self.latent_dim,
            channels=self.channels,
            base=self.width,
            first=first,
        )
        discriminator = StabilityDiscriminator(
            self.size,
            head=head or head_for(num_labels),
            class_head=class_head,
            channels=self.channels * pack,
            base=self.width,
        )
        return self.initialized(generator, discriminator)
