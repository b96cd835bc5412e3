"""What the recipes that compare normalizations share: unconditional GANs on standard networks, and nothing normalized.

Networks and numbers of Kligvasser and Michaeli, Sparsity Aware Normalization for GANs (AAAI 2021), Tables 4 to 6 and
section 4.1. A normalization is a subclass that overrides one method: `critic_rule` (of weights), `critic_norm` (of
features), `critic_constraint` (in place, after each of the critic's steps) or `critic_terms` (a cost). As they stand
here the recipes are the paper's "vanilla" GAN, with hinge loss and no normalization of the critic at all.

Command, cost, and result to expect:
  everymode train unnormalized-gan-cnn-digits
      one minute on one core; measured: docs/results/normalization.md
  everymode train unnormalized-gan-cnn-cifar10 --data cifar10-train.parquet
      200 epochs; the paper has curves of it only (figures 6, 14 to 17); measured here: not yet
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from everymode.recipe import Recipe
from everymode.recipes.augmentation import augmentation_of

if TYPE_CHECKING:
    from torch import nn

    from everymode.data.facts import DataFacts
    from everymode.game import AdversarialLoss, Game, Weighted
    from everymode.norms.weight import WeightRule


@dataclass(frozen=True, kw_only=True)
class UnconditionalGAN(Recipe):
    """Generator with batch normalization, critic with none, hinge loss, no labels."""

    residual: bool = False
    """Residual networks (Tables 5 and 6) in place of plain convolutions (Table 4)."""
    shortened: bool = False
    """The residual critic for 48 pixels and above without its last block."""
    circular_padding: bool = True
    """Circular padding in the critic's convolutions, in place of zeros."""

    def critic_rule(self) -> WeightRule | None:
        """What normalizes the critic's weights."""
        return None

    def critic_norm(self) -> Callable[[int], nn.Module] | None:
        """What normalizes the features of the plain critic: channels -> module."""
        return None

    def critic_constraint(self, critic: nn.Module) -> Callable[[nn.Module], None] | None:
        """What is done to the critic after each of its steps."""
        return None

    def critic_terms(self) -> tuple[Weighted, ...]:
        """Further costs of the critic."""
        return ()

    def adversarial(self) -> AdversarialLoss:
        """The loss of both players."""
        from everymode.losses.adversarial import hinge

        return hinge()

    def check(self) -> None:
        super().check()
        if self.residual and self.critic_norm() is not None:
            raise ValueError(
                f"{self.name or type(self).__name__} normalizes features, which the residual critic has no place for: "
                "leave residual off"
            )

    def for_data(self, facts: DataFacts) -> UnconditionalGAN:
        """Raises ValueError for points. Labels, where there are any, are not used."""
        if len(facts.image_shape) != 3:
            raise ValueError(
                f"{facts.name} holds points, and {self.name} draws images: choose a recipe for points"
            )
        fitted = super().for_data(facts)
        assert isinstance(fitted, UnconditionalGAN)
        return fitted

    def build(self) -> Game:
        from everymode.game import Game, Objective
        from everymode.labels.given import NoLabels

        generator, critic = self.networks()
        augment = augmentation_of(self)
        return Game(
            generator,
            critic,
            NoLabels(),
            Objective(self.adversarial(), self.critic_terms()),
            augment,
            self.critic_constraint(critic),
        )

    def networks(self) -> tuple[nn.Module, nn.Module]:
        """Generator and critic, initialized, the critic under its weight rule.

        Initial weights, which the paper does not name, are SN-GAN's: N(0, 0.02) for plain networks, Glorot's for
        residual ones.
        """
        import torch

        from everymode.networks.initialization import (
            glorot_uniform_initialization,
            normal_initialization,
        )
        from everymode.norms.weight import normalize_weights

        generator, critic = self._residual_networks() if self.residual else self._plain_networks()
        initialize = (
            partial(glorot_uniform_initialization, zero_biases=True)
            if self.residual
            else normal_initialization
        )
        initialize(generator)
        initialize(critic)
        rule = self.critic_rule()
        if rule is not None:
            normalize_weights(critic, rule, torch.zeros(1, self.channels, *self.size))
        return generator, critic

    def _plain_networks(self) -> tuple[nn.Module, nn.Module]:
        from everymode.networks.heads import ScalarHead
        from everymode.networks.standard_cnn import StandardCritic, StandardGenerator

        generator = StandardGenerator(
            self.size, latent_dim=self.latent_dim, channels=self.channels, base=self.width
        )
        critic = StandardCritic(
            self.size,
            head=ScalarHead,
            channels=self.channels,
            base=self.width,
            circular=self.circular_padding,
            norm=self.critic_norm(),
        )
        return generator, critic

    def _residual_networks(self) -> tuple[nn.Module, nn.Module]:
        from everymode.networks.heads import ScalarHead
        from everymode.networks.resnet import (
            ResNetDiscriminator,
            ResNetGenerator,
            resnet_discriminator_layout,
            resnet_generator_widths,
        )

        generator = ResNetGenerator(
            self.size,
            widths=resnet_generator_widths(self.size, self.width),
            latent_dim=self.latent_dim,
            channels=self.channels,
        )
        widths, halvings = resnet_discriminator_layout(self.size, self.width, shortened=self.shortened)
        critic = ResNetDiscriminator(
            self.size,
            head=ScalarHead,
            widths=widths,
            halvings=halvings,
            channels=self.channels,
            mean_pooling=True,
            wide=True,
            circular=self.circular_padding,
        )
        return generator, critic


def numbers_of(recipe: UnconditionalGAN, **changes: Any) -> dict[str, Any]:
    """The numbers that all recipes on these networks share, as arguments for another class of recipe."""
    shared = {each.name: getattr(recipe, each.name) for each in fields(UnconditionalGAN)}
    return shared | changes


# 200 epochs of 50,000 images; the paper averages no generator.
CNN_CIFAR10 = UnconditionalGAN(
    name="unnormalized-gan-cnn-cifar10",
    resolution=32,
    width=64,
    latent_dim=128,
    steps=156_250,
    batch_size=64,
    beta1=0.5,
    beta2=0.9,
    ema_decay=0.0,
)
RESNET_CIFAR10 = replace(CNN_CIFAR10, name="unnormalized-gan-resnet-cifar10", residual=True)

# 200 epochs of the 100,000 unlabelled images.
CNN_STL10 = replace(CNN_CIFAR10, name="unnormalized-gan-cnn-stl10", resolution=48, steps=312_500)
RESNET_STL10 = replace(CNN_STL10, name="unnormalized-gan-resnet-stl10", residual=True)

CNN_IMAGES32 = replace(
    CNN_CIFAR10,
    name="unnormalized-gan-cnn-32",
    mirror=True,
    steps=100_000,
    ema_decay=0.999,
    ema_start=1000,
    tick=50,
    snapshot=1000,
)
RESNET_IMAGES32 = replace(CNN_IMAGES32, name="unnormalized-gan-resnet-32", residual=True)

CNN_DIGITS = replace(
    CNN_CIFAR10,
    name="unnormalized-gan-cnn-digits",
    data="digits:train",
    held_out="digits:held-out",
    resolution=16,
    channels=1,
    width=8,
    latent_dim=64,
    steps=1500,
    generator_lr=8e-4,
    discriminator_lr=8e-4,
    ema_decay=0.99,
    ema_start=50,
    tick=50,
    snapshot=500,
)
RESNET_DIGITS = replace(CNN_DIGITS, name="unnormalized-gan-resnet-digits", residual=True)
