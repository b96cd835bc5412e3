"""SPADE: images from label maps, with the losses and norms of Omni-GAN and Sparsity-Aware Normalization.

Papers: Park, Liu, Wang, Zhu: Semantic Image Synthesis with Spatially-Adaptive Normalization, CVPR 2019; Omni-GAN
(section 4.4: each pixel of a score map has K + 2 scores, mIoU on Cityscapes 62.21 -> 65.07); Sparsity-Aware
Normalization (section 4.2: FID on Cityscapes 63.65 -> 58.56).

Hyper-parameters: the published ones: 100 epochs at constant rates and 100 more in which they fall to zero (COCO: 100
in all), learning rates 1e-4 (G) and 4e-4 (D), Adam (0, 0.9), feature matching and perceptual loss with weight 10, no
moving average. Batches of 16 (Cityscapes) and 32 images; the steps are for the number of images of each dataset.
Differences from the published training: D is updated first, as everywhere here (there: G first), and both updates use
the same fakes. In `spade-*` the critic has instance normalization and spectral normalization between its first and its
last convolution, as published; the former cancels the latter, and SAN too (`everymode.norms.diagnose` reports it). So
`san-spade-*` has a critic without instance normalization, and `san-spade-instance-norm-*` has the literal one.
SAN: a quarter of the kernels, compensation 1.3, beta1 0.5, circular padding. Omni: decay of D 1e-4, a guess (the paper
gives none for this task); the map stays an input of D (`map_to_critic`).

Command, cost, and expected result (published mIoU by DRN-D-105, FID; both depend on details that no paper states):
  everymode train spade-textures        (omni-spade-textures, san-spade-textures)
      750 steps, two minutes on one core; measured: docs/results/semantic_synthesis.md
  everymode train spade-cityscapes --data cityscapes --perceptual vgg=vgg19.safetensors        (omni-spade-cityscapes)
      37,200 steps of 16 images of 256x512; mIoU 62.21 (Omni: 65.07), FID 63.65 (SAN: 58.56); measured here: not yet
  everymode train spade-ade20k --data ade20k --perceptual lite0        (spade-coco)
      126,000 (COCO: 370,000) steps of 32 images of 256x256; measured here: not yet
  everymode train spade-256 --data photos --maps maps --perceptual none
      your own images with label maps, PNG files whose pixels are class numbers
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from everymode.part import Conditioning, NetworkNeeds, Networks
from everymode.recipe import Recipe
from everymode.recipes.omni_gan import Omni
from everymode.recipes.parts.norms import NoNorm
from everymode.recipes.parts.picture_labels import Maps
from everymode.recipes.parts.picture_terms import PictureWeights
from everymode.recipes.parts.plain_losses import Hinge
from everymode.recipes.san_gan import SparsityAware

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Spade(Networks):
    """SPADE's generator against critics of patches at two scales."""

    conditioned_on: ClassVar[Conditioning] = "maps"

    latent_dim: int = 0
    """Length of the code of an image encoder (published: 256); 0 = no encoder, and no noise."""
    doublings: int | None = None
    """Number of times that the generator doubles its first grid; auto = until the grid has 8 pixels at most."""
    hidden: int = 128
    """Channels inside the normalization layers."""
    statistics: Literal["batch", "instance"] = "batch"
    """Statistics of the normalization layers."""
    dont_care: bool = False
    """Whether pixels without a class (255) have a separate input channel."""
    map_to_critic: bool = True
    """Whether the critic gets the label map beside the image."""
    critic_width: int = 64
    """Channels of the critic's first convolution."""
    critic_layers: int = 4
    """Convolutions of each critic before its scores."""
    critic_scales: int = 2
    """Number of critics, each of which sees the image at half the resolution of the one before."""
    critic_instance_norm: bool = False
    """Whether the critic has instance normalization, as published; it cancels every weight normalization before it."""
    critic_spectral: bool = False
    """Whether the convolutions between the critic's first and last are spectrally normalized, as published."""
    circular_padding: bool = False
    """Circular padding in the critic, for sparsity-aware normalization."""
    initialization: Literal["glorot", "orthogonal", "torch"] = "glorot"
    """Initial weights of both networks: Glorot's with a gain of 0.02, as published; orthogonal; or torch's default,
    with which small networks need fewer steps."""

    def check(self) -> None:
        self.require_at_least_1(
            "width", "doublings", "hidden", "critic_width", "critic_layers", "critic_scales", "pack", "packs"
        )
        if self.latent_dim < 0:
            raise ValueError(f"latent_dim must be 0 (no encoder) or more, not {self.latent_dim}")

    @property
    def encodes_image(self) -> bool:
        return self.latent_dim > 0

    def check_in(self, recipe: Recipe) -> None:
        norm = recipe.norm
        if self.critic_spectral and norm is not None and not isinstance(norm, NoNorm):
            raise ValueError(
                "critic_spectral already normalizes the critic's inner convolutions: set critic_spectral to off, or "
                "norm to none"
            )

    def generator(self, needs: NetworkNeeds) -> nn.Module:
        generator = self._plain_generator(needs)
        self._normalize(generator, needs)
        return generator

    def _plain_generator(self, needs: NetworkNeeds) -> nn.Module:
        """Build the generator without weight normalization."""
        from everymode.networks.spade import SpadeGenerator

        return SpadeGenerator(
            max(needs.map_classes, 1),
            needs.size,
            width=self.width,
            doublings=self.doublings,
            hidden=self.hidden,
            norm=self.statistics,
            encoder=self.encodes_image,
            latent_dim=self.latent_dim or 256,
            extra_channels=int(needs.has_edges),
            dont_care=self.dont_care,
            channels=needs.channels,
        )

    def _normalize(self, generator: nn.Module, needs: NetworkNeeds) -> None:
        """Apply the generator's weight normalization, in place."""
        from everymode.networks.spade import spade_spectral_layers
        from everymode.norms.spectral import spectral_norm
        from everymode.norms.weight import normalize_weights

        images, condition = self.example(needs)
        codes = images.new_zeros(1, self.latent_dim) if self.encodes_image else None
        normalize_weights(generator, spectral_norm(), codes, condition, include=spade_spectral_layers)

    def pair(self, needs: NetworkNeeds) -> tuple[nn.Module, nn.Module]:
        from everymode.networks import initialization as initial
        from everymode.networks.patch import PatchDiscriminator, patch_spectral_layers
        from everymode.norms.spectral import spectral_norm
        from everymode.norms.weight import normalize_weights

        classes, edges = max(needs.map_classes, 1), int(needs.has_edges)
        generator = self._plain_generator(needs)
        planes = classes + edges + int(self.dont_care) if self.map_to_critic else 0
        discriminator = PatchDiscriminator(
            needs.channels + planes,
            width=self.critic_width,
            layers=self.critic_layers,
            scales=self.critic_scales,
            outputs=needs.outputs,
            instance_norm=self.critic_instance_norm,
            circular=self.circular_padding,
            num_classes=classes if self.map_to_critic else 0,
            extra_channels=edges if self.map_to_critic else 0,
            dont_care=self.dont_care and self.map_to_critic,
        )
        if self.initialization != "torch":
            orthogonal = self.initialization == "orthogonal"
            initialize = (
                initial.orthogonal_initialization if orthogonal else initial.glorot_normal_initialization
            )
            initialize(generator)
            initialize(discriminator)
        self._normalize(generator, needs)
        if self.critic_spectral:
            images, condition = self.example(needs)
            normalize_weights(
                discriminator, spectral_norm(), images, condition, include=patch_spectral_layers
            )
        return generator, discriminator

    def example(self, needs: NetworkNeeds) -> tuple[Tensor, Tensor | tuple[Tensor, ...]]:
        """Return an input of the discriminator: an image of zeros, and a label map of zeros (with edges)."""
        import torch

        images = torch.zeros(1, needs.channels, *needs.size)
        maps = torch.zeros(1, *needs.size, dtype=torch.long)
        return images, (maps, torch.zeros(1, *needs.size)) if needs.has_edges else maps

    def shrunk(self, recipe: Recipe) -> Recipe:
        small = replace(
            self, width=4, hidden=8, critic_width=8, doublings=2, latent_dim=min(self.latent_dim, 8)
        )
        if (small.critic_layers, small.critic_scales) == (4, 2):
            small = replace(small, critic_layers=2)
        return replace(recipe, networks=small, resolution=16, watch_samples=16)


SPADE256 = Recipe(
    name="spade-256",
    networks=Spade(critic_instance_norm=True, critic_spectral=True),
    loss=Hinge(),
    labels=Maps(),
    norm=NoNorm(),
    terms=PictureWeights(paired_matching_weight=10.0, perceptual_weight=10.0, perceptual=None),
    resolution=256,
    mirror=True,
    steps=100_000,
    lr_decay=0.5,
    batch_size=16,
    reuse_fakes=True,
    generator_lr=1e-4,
    discriminator_lr=4e-4,
    beta1=0.0,
    beta2=0.9,
    ema_decay=0.0,
    watch_samples=64,
    augmentation=None,
)
CITYSCAPES = SPADE256.with_numbers(
    name="spade-cityscapes",
    augmentation="",
    resolution="256x512",
    map_classes=35,
    steps=37_200,
    batch_size=16,
)
COCO = SPADE256.with_numbers(
    name="spade-coco",
    augmentation="",
    map_classes=182,
    dont_care=True,
    steps=370_000,
    lr_decay=0.0,
    batch_size=32,
)
ADE20K = SPADE256.with_numbers(
    name="spade-ade20k", augmentation="", map_classes=150, dont_care=True, steps=126_000, batch_size=32
)
TEXTURES = SPADE256.with_numbers(
    name="spade-textures",
    augmentation="",
    data="textures",
    held_out="textures:split=test",
    resolution=32,
    width=12,
    hidden=24,
    doublings=3,
    critic_width=32,
    critic_layers=3,
    initialization="torch",
    perceptual_weight=0.0,
    perceptual="none",
    mirror=False,
    steps=750,
    lr_decay=0.0,
    batch_size=8,
    generator_lr=1e-3,
    discriminator_lr=1e-3,
    watch_samples=0,  # the watch compares 8x8 pixels, in which textures of equal mean color are alike
    tick=50,
    snapshot=100,
)


def _omni(recipe: Recipe) -> Recipe:
    """Return a recipe with omni-loss per pixel."""
    return recipe.with_numbers(name=f"omni-{recipe.name}", loss=Omni(), discriminator_weight_decay=1e-4)


def _san(recipe: Recipe, *, instance_norm: bool = False) -> Recipe:
    """Return a recipe with sparsity-aware normalization of the critic."""
    literal = "instance-norm-" if instance_norm else ""
    kind, _, rest = recipe.name.partition("-")
    return recipe.with_numbers(
        name=f"san-{kind}-{literal}{rest}",
        norm=SparsityAware(fraction=0.25, compensation=1.3),
        critic_instance_norm=instance_norm,
        critic_spectral=False,
        circular_padding=True,
        beta1=0.5,
    )


OMNI256, SAN256 = _omni(SPADE256), _san(SPADE256)
OMNI_CITYSCAPES, SAN_CITYSCAPES = _omni(CITYSCAPES), _san(CITYSCAPES)
OMNI_COCO, SAN_COCO = _omni(COCO), _san(COCO)
OMNI_ADE20K, SAN_ADE20K = _omni(ADE20K), _san(ADE20K)
OMNI_TEXTURES, SAN_TEXTURES = _omni(TEXTURES), _san(TEXTURES)
LITERAL_CITYSCAPES = _san(CITYSCAPES, instance_norm=True)
LITERAL_TEXTURES = _san(TEXTURES, instance_norm=True)
