"""Generators, discriminators and their heads."""

from everymode.networks.attributes import attribute_planes, num_planes
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
    glorot_normal_initialization,
    glorot_uniform_initialization,
    kaiming_normal_initialization,
    normal_initialization,
    orthogonal_initialization,
)
from everymode.networks.layered import LayeredDiscriminator, LayeredGenerator
from everymode.networks.map_planes import MapPlanes
from everymode.networks.mlp import PointDiscriminator, PointGenerator
from everymode.networks.packing import PackedDiscriminator
from everymode.networks.patch import PatchDiscriminator, patch_spectral_layers
from everymode.networks.per_generator import PerGeneratorLinear
from everymode.networks.resnet import ResNetDiscriminator, ResNetGenerator
from everymode.networks.restorer import SRDiscriminator, SRGenerator
from everymode.networks.rrdb import RRDBGenerator
from everymode.networks.spade import SpadeGenerator, spade_spectral_layers
from everymode.networks.spade_encoder import SpadeEncoder
from everymode.networks.stability_resnet import StabilityDiscriminator, StabilityGenerator
from everymode.networks.translator import StarDiscriminator, StarGenerator
from everymode.networks.vgg_discriminator import VGGDiscriminator

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
    "MapPlanes",
    "PackedDiscriminator",
    "PatchDiscriminator",
    "PerGeneratorLinear",
    "PointDiscriminator",
    "PointGenerator",
    "ProjectionClassifierHead",
    "ProjectionHead",
    "RRDBGenerator",
    "ResNetDiscriminator",
    "ResNetGenerator",
    "SRDiscriminator",
    "SRGenerator",
    "ScalarHead",
    "SelectHead",
    "ShallowDiscriminator",
    "SharedProjectionHead",
    "SpadeEncoder",
    "SpadeGenerator",
    "StabilityDiscriminator",
    "StabilityGenerator",
    "StarDiscriminator",
    "StarGenerator",
    "VGGDiscriminator",
    "attribute_planes",
    "discriminator_layout",
    "generator_widths",
    "glorot_normal_initialization",
    "glorot_uniform_initialization",
    "kaiming_normal_initialization",
    "normal_initialization",
    "num_planes",
    "orthogonal_initialization",
    "patch_spectral_layers",
    "spade_spectral_layers",
]
