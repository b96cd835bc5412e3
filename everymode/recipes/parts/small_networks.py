"""Small networks of the mode-collapse benchmarks: DCGAN, residual networks without normalization, networks of points.

Networks and hyper-parameters: Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), as released
in stevliu/self-conditioned-gan, which compares all methods on the same networks. The label is a one-hot vector,
concatenated with z.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from everymode.part import NetworkNeeds, Networks

if TYPE_CHECKING:
    from torch import nn

    from everymode.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class SmallNetworks(Networks):
    """Base class of the small networks for images."""

    takes_first_layer: ClassVar[bool] = True

    initialization: Literal["torch", "orthogonal"] = "torch"
    """Initial weights: torch's default, as in the released code, with which training starts on a long plateau; or
    orthogonal."""

    def players(self) -> tuple[type[nn.Module], type[nn.Module]]:
        """Return the classes of the generator and the discriminator."""
        raise NotImplementedError

    def generator(self, needs: NetworkNeeds) -> nn.Module:
        return self.players()[0](
            needs.size,
            num_classes=needs.num_labels,
            latent_dim=self.latent_dim,
            channels=needs.channels,
            base=self.width,
            first=needs.first,
        )

    def pair(self, needs: NetworkNeeds) -> tuple[nn.Module, nn.Module]:
        from everymode.networks.initialization import orthogonal_initialization

        generator = self.generator(needs)
        discriminator = self.players()[1](
            needs.size,
            head=needs.head,
            class_head=needs.class_head,
            channels=needs.channels * self.pack,
            base=self.width,
        )
        if self.initialization == "orthogonal":
            return orthogonal_initialization(generator), orthogonal_initialization(discriminator)
        return generator, discriminator

    def shrunk(self, recipe: Recipe) -> Recipe:
        small = replace(self, width=4, latent_dim=16)
        return super(SmallNetworks, small).shrunk(replace(recipe, networks=small, num_classes=3))


@dataclass(frozen=True, kw_only=True)
class ShallowDCGAN(SmallNetworks):
    """DCGAN's generator against four strided convolutions with batch normalization (Stacked MNIST)."""

    normalizes_batches: ClassVar[bool] = True

    def players(self) -> tuple[type[nn.Module], type[nn.Module]]:
        from everymode.networks.dcgan import DCGANGenerator, ShallowDiscriminator

        return DCGANGenerator, ShallowDiscriminator


@dataclass(frozen=True, kw_only=True)
class DeepDCGAN(SmallNetworks):
    """DCGAN's generator against seven convolutions without normalization (CIFAR-10)."""

    def players(self) -> tuple[type[nn.Module], type[nn.Module]]:
        from everymode.networks.dcgan import DCGANGenerator, DeepDiscriminator

        return DCGANGenerator, DeepDiscriminator


@dataclass(frozen=True, kw_only=True)
class StabilityResNet(SmallNetworks):
    """Networks of Mescheder et al. (2018), with two residual blocks per resolution; they need R1."""

    latent_dim: int = 256
    """Length of the latent code z."""

    def players(self) -> tuple[type[nn.Module], type[nn.Module]]:
        from everymode.networks.stability_resnet import StabilityDiscriminator, StabilityGenerator

        return StabilityGenerator, StabilityDiscriminator

    def shrunk(self, recipe: Recipe) -> Recipe:
        return replace(super().shrunk(recipe), resolution=32)


@dataclass(frozen=True, kw_only=True)
class PointNetworks(Networks):
    """Networks for points in the plane: G has four dense layers with batch normalization, D has three maxout layers."""

    takes_points: ClassVar[bool] = True
    takes_first_layer: ClassVar[bool] = True

    width: int = 400
    """Units in each layer of the generator."""
    latent_dim: int = 2
    """Length of the latent code z."""
    discriminator_width: int = 200
    """Units in each layer of the discriminator (five pieces each)."""

    def check(self) -> None:
        super().check()
        self.require_at_least_1("discriminator_width")

    def generator(self, needs: NetworkNeeds) -> nn.Module:
        from everymode.networks.mlp import PointGenerator

        return PointGenerator(
            num_classes=needs.num_classes, latent_dim=self.latent_dim, width=self.width, first=needs.first
        )

    def pair(self, needs: NetworkNeeds) -> tuple[nn.Module, nn.Module]:
        from everymode.networks.mlp import PointDiscriminator

        generator = self.generator(needs)
        discriminator = PointDiscriminator(
            point_dim=2 * self.pack,
            head=needs.head,
            class_head=needs.class_head,
            width=self.discriminator_width,
        )
        return generator, discriminator

    def shrunk(self, recipe: Recipe) -> Recipe:
        small = replace(self, width=8, discriminator_width=8)
        return super(PointNetworks, small).shrunk(replace(recipe, networks=small, num_classes=3))
