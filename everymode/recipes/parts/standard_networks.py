"""Standard networks on which normalizations are compared.

Networks of Kligvasser and Michaeli, Sparsity Aware Normalization for GANs (AAAI 2021), Tables 4 to 6. The paper does
not specify the initial weights; they are SN-GAN's: N(0, 0.02) for plain networks, Glorot for residual ones. The paper
has no labels; with labels, the generator has SN-GAN's conditional batch normalization.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from everymode.part import NetworkNeeds, Networks

if TYPE_CHECKING:
    from torch import nn

    from everymode.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Standard(Networks):
    """Generator with batch normalization, and critic without normalization."""

    residual: bool = False
    """Use residual networks (Tables 5 and 6) instead of plain convolutions (Table 4)."""
    shortened: bool = False
    """Omit the last block of the residual critic, from 48 pixels on."""
    circular_padding: bool = True
    """Use circular instead of zero padding in the critic's convolutions."""

    @property
    def takes_feature_norm(self) -> bool:
        return not self.residual

    @property
    def has_blocks(self) -> bool:
        return self.residual

    def shrunk(self, recipe: Recipe) -> Recipe:
        small = replace(self, width=8)
        return super(Standard, small).shrunk(replace(recipe, networks=small))

    def pair(self, needs: NetworkNeeds) -> tuple[nn.Module, nn.Module]:
        from everymode.networks import initialization

        generator = self.generator(needs)
        critic = self._residual_critic(needs) if self.residual else self._plain_critic(needs)
        initialize = initialization.normal_initialization
        if self.residual:
            initialize = partial(initialization.glorot_uniform_initialization, zero_biases=True)
        return initialize(generator), initialize(critic)

    def generator(self, needs: NetworkNeeds) -> nn.Module:
        from everymode.networks.resnet import ResNetGenerator, resnet_generator_widths
        from everymode.networks.standard_cnn import StandardGenerator

        options = {
            "num_classes": needs.num_classes,
            "latent_dim": self.latent_dim,
            "channels": needs.channels,
        }
        if self.residual:
            return ResNetGenerator(
                needs.size, widths=resnet_generator_widths(needs.size, self.width), **options
            )
        return StandardGenerator(needs.size, base=self.width, **options)

    def _plain_critic(self, needs: NetworkNeeds) -> nn.Module:
        from everymode.networks.standard_cnn import StandardCritic

        return StandardCritic(
            needs.size,
            head=needs.head,
            class_head=needs.class_head,
            channels=needs.channels * self.pack,
            base=self.width,
            circular=self.circular_padding,
            norm=needs.feature_norm,
        )

    def _residual_critic(self, needs: NetworkNeeds) -> nn.Module:
        from everymode.networks import resnet

        widths, halvings = resnet.resnet_discriminator_layout(
            needs.size, self.width, shortened=self.shortened
        )
        return resnet.ResNetDiscriminator(
            needs.size,
            head=needs.head,
            class_head=needs.class_head,
            widths=widths,
            halvings=halvings,
            channels=needs.channels * self.pack,
            mean_pooling=True,
            wide=True,
            circular=self.circular_padding,
        )
