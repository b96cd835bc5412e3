"""BigGAN with a projection discriminator and the hinge loss: the baseline of Omni-GAN's tables.

Paper: Brock, Donahue, Simonyan: Large Scale GAN Training for High Fidelity Natural Image Synthesis, ICLR 2019; numbers
as PeterouZh/Omni-GAN-PyTorch runs it on CIFAR. On digits its numbers are omni-gan-digits's, the weight decay of both
networks included, so that losses are compared at equal numbers.
Command, cost, and result to expect (TensorFlow Inception, 50,000 images):
  everymode train biggan-digits
      two minutes on two cores
  everymode train biggan-cifar10 --data cifar10-train.parquet        (the same for cifar100)
      195,000 generator steps with four discriminator steps each: 500 passes over the data; Omni-GAN's Table 1 without
      weight decay: FID 7.27, IS 9.19, and a collapse late in training; measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train biggan-imagenet128 --data imagenet/train
      Omni-GAN's Table 2: FID 9.19, IS 104.57; measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train biggan-imagenet256 --data imagenet/train
      Omni-GAN's Table 2: FID 9.95, IS 187.60; measured here: not yet
  everymode train biggan-64 --data photos
      your own images, one folder per class
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from everymode.recipes import omni_gan
from everymode.recipes.backbone import BigGANBackbone, numbers_of

if TYPE_CHECKING:
    from everymode.data.facts import DataFacts
    from everymode.game import Game


@dataclass(frozen=True, kw_only=True)
class BigGAN(BigGANBackbone):
    """Projection discriminator, hinge loss, spectral normalization in both networks."""

    def for_data(self, facts: DataFacts) -> BigGAN:
        """Raises ValueError for data of which some images have no label: projection needs one."""
        self.require_all_labelled(facts, "omni-gan, which passes over their class")
        fitted = super().for_data(facts)
        assert isinstance(fitted, BigGAN)
        return fitted

    def build(self) -> Game:
        from functools import partial

        from everymode.game import Objective
        from everymode.losses.adversarial import hinge
        from everymode.networks.heads import ProjectionHead

        return self.game(Objective(hinge()), partial(ProjectionHead, num_classes=self.num_classes))


CIFAR10 = BigGAN(
    name="biggan-cifar10",
    resolution=32,
    num_classes=10,
    width=64,
    latent_dim=128,
    steps=195_000,
    batch_size=32,
    discriminator_steps=4,
    ema_start=1000,
)

CIFAR100 = replace(CIFAR10, name="biggan-cifar100", num_classes=100, label_column="fine_label")

IMAGENET128 = BigGAN(
    **numbers_of(
        omni_gan.IMAGENET128,
        name="biggan-imagenet128",
        generator_weight_decay=0.0,
        discriminator_weight_decay=0.0,
    )
)

IMAGENET256 = BigGAN(
    **numbers_of(
        omni_gan.IMAGENET256,
        name="biggan-imagenet256",
        generator_weight_decay=0.0,
        discriminator_weight_decay=0.0,
    )
)

DIGITS = BigGAN(**numbers_of(omni_gan.DIGITS, name="biggan-digits"))

IMAGES32 = BigGAN(
    **numbers_of(
        omni_gan.IMAGES32, name="biggan-32", generator_weight_decay=0.0, discriminator_weight_decay=0.0
    )
)

IMAGES64 = BigGAN(
    **numbers_of(
        omni_gan.IMAGES64, name="biggan-64", generator_weight_decay=0.0, discriminator_weight_decay=0.0
    )
)

IMAGES128 = BigGAN(
    **numbers_of(
        omni_gan.IMAGES128, name="biggan-128", generator_weight_decay=0.0, discriminator_weight_decay=0.0
    )
)
