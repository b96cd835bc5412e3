"""Generators, discriminators and their heads."""

from everymode.networks.biggan import (
    BigGANDiscriminator,
    BigGANGenerator,
    discriminator_layout,
    generator_widths,
)
from everymode.networks.block_embedding import BlockEmbedding
from everymode.networks.dcgan import DCGANGenerator, DeepDiscriminator, ShallowDiscriminator
from everymode.networks.embedding_head import EmbeddingHead
from everymode.networks.heads import (
    ClassifierHead,
    ProjectionClassifierHead,
    ProjectionHead,
    ScalarHead,
    SelectHead,
    SharedProjectionHead,
)
from everymode.networks.implicit import ImplicitHead
from everymode.networks.initialization import (
    Initialization,
    glorot_uniform_initialization,
    normal_initialization,
    orthogonal_initialization,
)
from everymode.networks.layered import LayeredDiscriminator, LayeredGenerator
from everymode.networks.mlp import PointDiscriminator, PointGenerator
from everymode.networks.packing import PackedDiscriminator
from everymode.networks.per_generator import PerGeneratorLinear
from everymode.networks.resnet import ResNetDiscriminator, ResNetGenerator
from everymode.networks.stability_resnet import StabilityDiscriminator, StabilityGenerator

__all__ = [
    "BigGANDiscriminator",
    "BigGANGenerator",
    "BlockEmbedding",
    "ClassifierHead",
    "DCGANGenerator",
    "DeepDiscriminator",
    "EmbeddingHead",
    "ImplicitHead",
    "Initialization",
    "LayeredDiscriminator",
    "LayeredGenerator",
    "PackedDiscriminator",
    "PerGeneratorLinear",
    "PointDiscriminator",
    "PointGenerator",
    "ProjectionClassifierHead",
    "ProjectionHead",
    "ResNetDiscriminator",
    "ResNetGenerator",
    "ScalarHead",
    "SelectHead",
    "ShallowDiscriminator",
    "SharedProjectionHead",
    "StabilityDiscriminator",
    "StabilityGenerator",
    "discriminator_layout",
    "generator_widths",
    "glorot_uniform_initialization",
    "normal_initialization",
    "orthogonal_initialization",
]
