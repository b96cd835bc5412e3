"""StarGAN: one generator changes the attributes of a picture, with and without sparsity-aware normalization.

Papers: Choi, Choi, Kim, Ha, Kim, Choo: StarGAN, CVPR 2018 (released as `yunjey/stargan`, MIT); Kligvasser, Michaeli:
Sparsity Aware Normalization for GANs, AAAI 2021 (section 4.3: FID on CelebA by pair of domains, Table 3).

Hyper-parameters: weights of classification 1, cycle 10 and gradient penalty 10, Adam 1e-4 (0.5, 0.999), batches of 16,
five D steps per G step, in which the G step uses the images and targets of the last D step. Both rates fall linearly to
zero over the last half of training, as described; in the released code they fall by 0.1 % in all. SAN: hinge loss, one
D step, Adam (0.5, 0.9), 15 epochs whose last five decay, a critic with 3x3 kernels and circular padding (Table 7).
The generator normalizes by the statistics of each picture; the released one keeps running statistics, with which eval
mode ruins pictures. Targets are the attributes of drawn training images (`permuted`: of the batch, as released).
Two-valued columns of labels are attributes, columns of more values exclude one another; the hair colors of CelebA are
three columns. `*-shapes` have no stride-2 layer, since 32 pixels leave the outlines no detail to spare; no
normalization after the first convolution, which would erase the attributes but at the borders; higher weights of the
cycle and the attributes; and a critic that learns more slowly than the generator, because else its scores saturate.

Command, cost, and expected result:
  everymode train san-stargan-shapes        (stargan-shapes)
      32 pixels, three minutes on one core; measured: docs/results/attribute_transfer.md
  everymode train stargan-celeba --data celeba        (san-stargan-celeba)
      128 pixels, 40,000 (SAN: 190,000) steps; FID between 85.10 and 189.65 by pair (SAN: 71.41 to 184.82, Table 3);
      measured here: not yet
  everymode train stargan-128 --data photos --label-column smiling,hair
      your own pictures, with a column of labels.csv per attribute
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from everymode.part import Conditioning, NetworkNeeds, Networks
from everymode.recipe import Recipe
from everymode.recipes.parts.norms import NoNorm
from everymode.recipes.parts.picture_labels import Attributes
from everymode.recipes.parts.picture_terms import PictureWeights
from everymode.recipes.parts.plain_losses import Hinge, Wasserstein
from everymode.recipes.san_gan import SparsityAware

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class StarGAN(Networks):
    """StarGAN's generator against a critic of patches with attribute logits."""

    conditioned_on: ClassVar[Conditioning] = "attributes"

    latent_dim: int = 0
    """Length of the latent code z: always 0, the generator has none."""
    downsamplings: int = 2
    """Convolutions of stride 2 in the generator, and transposed ones behind its residual blocks."""
    blocks: int = 6
    """Residual blocks of the generator."""
    normalize_first: bool = True
    """Whether the generator's first convolution is followed by instance normalization, as published, which erases the
    constant planes of the attributes except near the borders; off for small pictures."""
    critic_width: int = 64
    """Channels of the critic's first convolution."""
    critic_layers: int = 6
    """Convolutions of stride 2 in the critic."""
    critic_kernel: int = 4
    """Kernel size of these convolutions."""
    circular_padding: bool = False
    """Circular padding in the critic, for sparsity-aware normalization."""

    def check(self) -> None:
        self.require_at_least_1("width", "blocks", "critic_width", "critic_layers", "critic_kernel")
        if self.downsamplings < 0:
            raise ValueError(f"downsamplings must be 0 or more, not {self.downsamplings}")
        if self.latent_dim:
            raise ValueError(
                f"this generator has no latent code: latent_dim must be 0, not {self.latent_dim}"
            )

    def generator(self, needs: NetworkNeeds) -> nn.Module:
        from everymode.networks.attributes import num_planes
        from everymode.networks.translator import StarGenerator

        return StarGenerator(
            num_planes(needs.attributes),
            width=self.width,
            downsamplings=self.downsamplings,
            blocks=self.blocks,
            sizes=needs.attributes,
            channels=needs.channels,
            normalize_first=self.normalize_first,
        )

    def pair(self, needs: NetworkNeeds) -> tuple[nn.Module, nn.Module]:
        from everymode.networks.attributes import num_planes
        from everymode.networks.translator import StarDiscriminator

        planes = num_planes(needs.attributes)
        generator = self.generator(needs)
        discriminator = StarDiscriminator(
            planes,
            needs.size,
            width=self.critic_width,
            layers=self.critic_layers,
            kernel=self.critic_kernel,
            circular=self.circular_padding,
            channels=needs.channels,
        )
        return generator, discriminator

    def example(self, needs: NetworkNeeds) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return an input of the discriminator: a picture of zeros, and the tuple of it and attributes of zeros."""
        import torch

        picture = torch.zeros(1, needs.channels, *needs.size)
        return picture, (picture, torch.zeros(1, len(needs.attributes), dtype=torch.long))

    def shrunk(self, recipe: Recipe) -> Recipe:
        small = replace(self, width=4, critic_width=4, blocks=1, critic_layers=min(self.critic_layers, 3))
        return replace(recipe, networks=small, resolution=32, watch_samples=16)


IMAGES128 = Recipe(
    name="stargan-128",
    networks=StarGAN(),
    loss=Wasserstein(),
    labels=Attributes(),
    norm=NoNorm(),
    terms=PictureWeights(classification_weight=1.0, cycle_weight=10.0, penalty_weight=10.0),
    resolution=128,
    mirror=True,
    steps=40_000,
    lr_decay=0.5,
    batch_size=16,
    discriminator_steps=5,
    reuse_fakes=True,
    one_pass=False,
    generator_lr=1e-4,
    discriminator_lr=1e-4,
    beta1=0.5,
    beta2=0.999,
    ema_decay=0.0,
    watch_samples=64,
    augmentation=None,
)
CELEBA = IMAGES128.with_numbers(
    name="stargan-celeba", augmentation="", label_column="Black_Hair,Blond_Hair,Brown_Hair,Male,Young"
)
SHAPES = IMAGES128.with_numbers(
    name="stargan-shapes",
    augmentation="",
    data="shapes:labels=color+size,outlines=circle+square+triangle,colors=red+green+blue,sizes=medium+large,ground=textured",
    resolution=32,
    mirror=False,
    width=24,
    downsamplings=0,
    blocks=4,
    normalize_first=False,
    critic_width=24,
    critic_layers=4,
    cycle_weight=50.0,
    classification_weight=4.0,
    batch_size=8,
    generator_lr=1e-3,
    discriminator_lr=1e-4,
    steps=1500,
    tick=50,
    snapshot=250,
)


def _san(recipe: Recipe, *, steps: int, lr_decay: float) -> Recipe:
    """Return a recipe with SAN, hinge loss and one D step."""
    return recipe.with_numbers(
        name=f"san-{recipe.name}",
        loss=Hinge(),
        norm=SparsityAware(),
        penalty_weight=0.0,
        discriminator_steps=1,
        one_pass=True,
        beta2=0.9,
        steps=steps,
        lr_decay=lr_decay,
        critic_kernel=3,
        circular_padding=True,
    )


# 15 epochs of CelebA's 200,600 training images in batches of 16, of which the last five decay.
SAN128 = _san(IMAGES128, steps=188_000, lr_decay=1 / 3)
SAN_CELEBA = _san(CELEBA, steps=188_000, lr_decay=1 / 3)
SAN_SHAPES = _san(SHAPES, steps=900, lr_decay=0.0)  # outlines suffer from more steps
