"""Generators, discriminators and their heads."""

from everymode.networks.biggan import (
    BigGANDiscriminator,
    BigGANGenerator,
    discriminator_layout,
    generator_widths,
)
from everymode.networks.dcgan import DCGANGenerator, DeepDiscriminator, ShallowDiscriminator
from everymode.networks.heads import ClassifierHead, ProjectionHead, ScalarHead, SelectHead
from everymode.networks.initialization import (
    Initialization,
    glorot_uniform_initialization,
    normal_initialization,
    orthogonal_initialization,
)
from everymode.networks.mlp import PointDiscriminator, PointGenerator
from everymode.networks.resnet import ResNetDiscriminator, ResNetGenerator

__all__ = [
    "BigGANDiscriminator",
    "BigGANGenerator",
    "ClassifierHead",
    "DCGANGenerator",
    "DeepDiscriminator",
    "Initialization",
    "PointDiscriminator",
    "PointGenerator",
    "ProjectionHead",
    "ResNetDiscriminator",
    "ResNetGenerator",
    "ScalarHead",
    "SelectHead",
    "ShallowDiscriminator",
    "discriminator_layout",
    "generator_widths",
    "glorot_uniform_initialization",
    "normal_initialization",
    "orthogonal_initialization",
]
