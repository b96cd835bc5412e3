"""Omni-GAN: a classification-based conditional GAN with strong supervision, in which weight decay prevents collapse.

Paper: Zhou, Xie, Ni, Geng, Tian: Omni-GAN: On the Secrets of cGANs and Beyond, ICCV 2021. Loss: equations 5 to 10
(everymode/losses/omni.py). Networks: BigGAN with a discriminator of K + 2 outputs.

Hyper-parameters. CIFAR: those of PeterouZh/Omni-GAN-PyTorch, because those that the paper gives for "all experiments"
(batch 256, learning rates 1e-4 and 4e-4) contradict the code of its CIFAR results. ImageNet: those of the paper; at 256
pixels too (two discriminator steps, generator decay 1e-4; the released configuration has one step and 1e-3). "Weight
decay" is L2 added to the gradient of every parameter.

Weight decay of D, section F.5: the fewer images per class, the more: 500 (CIFAR-100) 5e-4; 5,000 (CIFAR-10) 1e-4; 1.2
million images in all (ImageNet) 1e-5. Recipes for your own images derive it from their number.
Command, cost in images seen by D, and expected result (paper: FID and IS, Tables 1 and 2, 50,000 images):
  everymode train omni-gan-digits
      128,000 images, two to three minutes on two cores; measured: docs/results/demo.md
  everymode train omni-gan-cifar10 --data cifar10-train.parquet
      50 million (1,000 epochs); paper 5.57 and 9.79; measured here: not yet
  everymode train one-sided-omni-gan-cifar10 --data cifar10-train.parquet
      50 million; paper: curves only (Figure 15; on CIFAR-100 Figure 3); measured here: not yet
  everymode train omni-gan-cifar100 --data cifar100-train.parquet
      50 million (1,000 epochs); paper 8.41 and 13.30; measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train omni-gan-imagenet128 --data imagenet/train
      128 million (100 epochs); paper 8.30 and 190.94; measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train omni-gan-imagenet256 --data imagenet/train
      128 million (100 epochs); paper 6.03 and 304.05; measured here: not yet
  everymode train omni-gan-64 --data photos
      your own images, one folder per class; 13 million at the default length
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from everymode.part import Conditioning, Loss, LossPieces
from everymode.recipe import Recipe
from everymode.recipes.parts.biggan_networks import BigGAN
from everymode.recipes.parts.given_labels import Given
from everymode.recipes.parts.norms import Spectral
from everymode.recipes.parts.picture_labels import Maps
from everymode.recipes.parts.terms import Weights


@dataclass(frozen=True, kw_only=True)
class Omni(Loss):
    """Omni-loss on K + 2 scores: the classes (of all labels, if images have several), "real" and "fake"."""

    called: ClassVar[str] = "omni-loss"
    tells_apart: ClassVar[bool] = True
    takes_label_blocks: ClassVar[bool] = True

    one_sided: bool = False
    """Use only the scores of the image's class and of "real", which is projection written as omni-loss."""

    def takes_condition(self, kind: Conditioning) -> bool:
        return kind == "labels" or (kind == "maps" and not self.one_sided)

    def pieces(self, recipe: Recipe) -> LossPieces:
        from everymode.losses.omni import omni
        from everymode.networks.heads import ClassifierHead, ScalarHead

        if isinstance(recipe.labels, Maps):
            classes = recipe.labels.map_classes or 1  # not known before the data
            return LossPieces(omni(classes, ignore_index=255), ScalarHead, outputs=classes + 2)
        labels = recipe.num_labels
        assert labels is not None
        classes = sum(labels) if isinstance(labels, tuple) else labels
        return LossPieces(
            omni(labels, one_sided=self.one_sided), partial(ClassifierHead, num_outputs=classes + 2)
        )


CIFAR10 = Recipe(
    name="omni-gan-cifar10",
    networks=BigGAN(width=64, latent_dim=128),
    loss=Omni(),
    labels=Given(),
    norm=Spectral(),
    terms=Weights(),
    resolution=32,
    num_classes=10,
    steps=520_000,
    batch_size=32,
    discriminator_steps=3,
    generator_weight_decay=1e-3,
    discriminator_weight_decay=1e-4,
    ema_start=5000,
)

CIFAR100 = CIFAR10.with_numbers(
    name="omni-gan-cifar100",
    num_classes=100,
    steps=390_000,
    discriminator_steps=4,
    discriminator_weight_decay=5e-4,
    label_column="fine_label",
)

IMAGENET128 = CIFAR10.with_numbers(
    name="omni-gan-imagenet128",
    resolution=128,
    num_classes=1000,
    width=96,
    latent_dim=120,
    shared_dim=128,
    hierarchical=True,
    generator_attention=64,
    discriminator_attention=64,
    initialization="orthogonal",
    spectral_epsilon=1e-6,
    adam_epsilon=1e-6,
    steps=500_000,
    batch_size=256,
    discriminator_steps=1,
    generator_lr=1e-4,
    discriminator_lr=4e-4,
    discriminator_weight_decay=1e-5,
    ema_start=20_000,
)

IMAGENET256 = IMAGENET128.with_numbers(
    name="omni-gan-imagenet256",
    resolution=256,
    steps=250_000,  # also 100 epochs: D sees two batches per step
    discriminator_steps=2,
    generator_weight_decay=1e-4,
)

IMAGES32 = CIFAR10.with_numbers(
    name="omni-gan-32",
    mirror=True,
    num_classes=0,
    steps=100_000,
    batch_size=64,
    discriminator_steps=2,
    discriminator_weight_decay=None,
    ema_decay=0.999,
    ema_start=1000,
    tick=50,
    augmentation=None,
)

IMAGES64 = IMAGES32.with_numbers(
    name="omni-gan-64",
    resolution=64,
    width=32,
    shared_dim=128,
    latent_dim=120,
    hierarchical=True,
    initialization="orthogonal",
)

IMAGES128 = IMAGES64.with_numbers(
    name="omni-gan-128",
    resolution=128,
    generator_attention=32,
    discriminator_attention=32,
    batch_size=32,
    steps=200_000,
)

DIGITS = CIFAR10.with_numbers(
    name="omni-gan-digits",
    data="digits:train",
    held_out="digits:held-out",
    resolution=16,
    channels=1,
    width=8,
    latent_dim=64,
    steps=1000,
    batch_size=64,
    discriminator_steps=2,
    generator_lr=8e-4,
    discriminator_lr=8e-4,
    discriminator_weight_decay=5e-4,
    lr_decay=0.3,
    ema_decay=0.99,
    ema_start=50,
    tick=50,
    snapshot=250,
)

ONE_SIDED_CIFAR10 = CIFAR10.with_numbers(name="one-sided-omni-gan-cifar10", one_sided=True)
ONE_SIDED_CIFAR100 = CIFAR100.with_numbers(name="one-sided-omni-gan-cifar100", one_sided=True)
ONE_SIDED_IMAGES32 = IMAGES32.with_numbers(name="one-sided-omni-gan-32", one_sided=True)
ONE_SIDED_IMAGES64 = IMAGES64.with_numbers(name="one-sided-omni-gan-64", one_sided=True)
ONE_SIDED_DIGITS = DIGITS.with_numbers(name="one-sided-omni-gan-digits", one_sided=True)
