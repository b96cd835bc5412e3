"""What the recipes on the small networks of the mode-collapse benchmarks share: fully connected, DCGAN, residual.

Networks and numbers: Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), as released in
stevliu/self-conditioned-gan, where each method is compared on the same networks. A recipe joins one of these networks
with one method: `class PacPoints(PointNetworks, PacGAN)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from everymode.recipe import Recipe
from everymode.recipes.augmentation import augmentation_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from everymode.data.facts import DataFacts
    from everymode.game import AdversarialLoss, Game, LabelSource, Weighted

    Networks = tuple[nn.Module, nn.Module]
    Head = Callable[[int], nn.Module]
    First = Callable[[int, int], nn.Module]


@dataclass(frozen=True, kw_only=True)
class SmallGAN(Recipe):
    """The non-saturating logistic loss on small networks, with R1 where asked for; a method is a subclass."""

    r1_weight: float = 0.0
    """Weight of R1, the squared gradient of D at real examples, without a factor 1/2; 0 = none."""

    def check(self) -> None:
        super().check()
        if not 0 <= self.r1_weight < math.inf:
            raise ValueError(f"r1_weight must be 0 (none) or more, not {self.r1_weight}")

    def networks(
        self,
        num_labels: int | None,
        *,
        head: Head | None = None,
        class_head: Head | None = None,
        first: First | None = None,
        pack: int = 1,
    ) -> Networks:
        """Generator and discriminator.

        Args:
            num_labels: labels that the generator is told, or None.
            head: width of the features -> the discriminator's head; None = a scalar, or, with labels, one score per
                label of which the label picks one.
            class_head: the same for an auxiliary class head.
            first: (inputs, outputs) -> the generator's first layer, called as first(z, condition), in place of a
                linear layer on z and the label's embedding.
            pack: how many examples the discriminator judges together.
        """
        raise NotImplementedError

    def example(self) -> Tensor:
        """One example of the data's shape, of zeros."""
        raise NotImplementedError

    def game(
        self,
        networks: Networks,
        labels: LabelSource,
        *,
        adversarial: AdversarialLoss | None = None,
        discriminator_terms: tuple[Weighted, ...] = (),
        generator_terms: tuple[Weighted, ...] = (),
    ) -> Game:
        """The game of these networks and labels, with the augmentation and R1 that are asked for.

        Args:
            adversarial: None = the non-saturating logistic loss.
        """
        from everymode.game import Game, Objective, Weighted
        from everymode.losses.adversarial import logistic
        from everymode.losses.penalties import r1

        if self.r1_weight:
            discriminator_terms = (*discriminator_terms, Weighted("r1", r1(), self.r1_weight))
        objective = Objective(adversarial or logistic(), discriminator_terms, generator_terms)
        return Game(*networks, labels, objective, augmentation_of(self))


@dataclass(frozen=True, kw_only=True)
class PointNetworks(SmallGAN):
    """Points in the plane: four fully connected layers with batch normalization against three maxout layers."""

    takes_points: ClassVar[bool] = True

    discriminator_width: int = 200
    """Units in each layer of the discriminator (five pieces each)."""

    def check(self) -> None:
        super().check()
        if self.augmentation:
            raise ValueError(
                f"augmentation {self.augmentation!r} changes pixels, and {self.name or 'this recipe'} draws points: "
                "leave it empty, or choose a recipe for images"
            )

    def for_data(self, facts: DataFacts) -> PointNetworks:
        """Raises ValueError for images."""
        if facts.image_shape != (2,):
            raise ValueError(
                f"{facts.name} holds images, and {self.name} draws points: choose another recipe, or ring or grid"
            )
        fitted = super().for_data(facts)
        assert isinstance(fitted, PointNetworks)
        return fitted

    def shrunk(self) -> PointNetworks:
        smaller = replace(super().shrunk(), discriminator_width=8, num_classes=3)
        assert isinstance(smaller, PointNetworks)
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
        from everymode.networks.mlp import PointDiscriminator, PointGenerator

        generator = PointGenerator(
            num_classes=num_labels, latent_dim=self.latent_dim, width=self.width, first=first
        )
        discriminator = PointDiscriminator(
            point_dim=2 * pack,
            head=head or head_for(num_labels),
            class_head=class_head,
            width=self.discriminator_width,
        )
        return generator, discriminator

    def example(self) -> Tensor:
        import torch

        return torch.zeros(1, 2)


@dataclass(frozen=True, kw_only=True)
class ImageNetworks(SmallGAN):
    """What the networks for images share."""

    initialization: Literal["torch", "orthogonal"] = "torch"
    """Initial weights: torch's own, as in the released code, which begin with a long plateau; or orthogonal."""

    def for_data(self, facts: DataFacts) -> ImageNetworks:
        """Raises ValueError for points."""
        if len(facts.image_shape) != 3:
            raise ValueError(
                f"{facts.name} holds points, and {self.name} draws images: choose a recipe for points"
            )
        fitted = super().for_data(facts)
        assert isinstance(fitted, ImageNetworks)
        return fitted

    def kinds(self) -> tuple[type[nn.Module], type[nn.Module]]:
        """The classes of generator and discriminator."""
        raise NotImplementedError

    def networks(
        self,
        num_labels: int | None,
        *,
        head: Head | None = None,
        class_head: Head | None = None,
        first: First | None = None,
        pack: int = 1,
    ) -> Networks:
        make_generator, make_discriminator = self.kinds()
        generator = make_generator(
            self.size,
            num_classes=num_labels,
            latent_dim=self.latent_dim,
            channels=self.channels,
            base=self.width,
            first=first,
        )
        discriminator = make_discriminator(
            self.size,
            head=head or head_for(num_labels),
            class_head=class_head,
            channels=self.channels * pack,
            base=self.width,
        )
        return self.initialized(generator, discriminator)

    def initialized(self, generator: nn.Module, discriminator: nn.Module) -> Networks:
        """Both with the initial weights that the recipe names."""
        if self.initialization == "orthogonal":
            from everymode.networks.initialization import orthogonal_initialization

            return orthogonal_initialization(generator), orthogonal_initialization(discriminator)
        return generator, discriminator

    def shrunk(self) -> ImageNetworks:
        smaller = replace(super().shrunk(), width=4, latent_dim=16, num_classes=3)
        assert isinstance(smaller, ImageNetworks)
        return smaller

    def example(self) -> Tensor:
        import torch

        return torch.zeros(1, self.channels, *self.size)


@dataclass(frozen=True, kw_only=True)
class ShallowNetworks(ImageNetworks):
    """DCGAN's generator against four strided convolutions with batch normalization (Stacked MNIST)."""

    def kinds(self) -> tuple[type[nn.Module], type[nn.Module]]:
        from everymode.networks.dcgan import DCGANGenerator, ShallowDiscriminator

        return DCGANGenerator, ShallowDiscriminator


@dataclass(frozen=True, kw_only=True)
class DeepNetworks(ImageNetworks):
    """DCGAN's generator against seven convolutions without normalization (CIFAR-10)."""

    def kinds(self) -> tuple[type[nn.Module], type[nn.Module]]:
        from everymode.networks.dcgan import DCGANGenerator, DeepDiscriminator

        return DCGANGenerator, DeepDiscriminator


def head_for(num_labels: int | None) -> Head:
    """A scalar score, or one per label of which the label picks one."""
    from functools import partial

    from everymode.networks.heads import ScalarHead, SelectHead

    return ScalarHead if num_labels is None else partial(SelectHead, num_classes=num_labels)
