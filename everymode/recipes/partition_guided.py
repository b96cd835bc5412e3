"""Partition-Guided GAN: a partition of the data, learnt first without labels, stands for classes, and a guide pulls
each sample to the part that it is drawn for.

Paper: Armandpour, Sadeghian, Li, Zhou: Partition-Guided GANs, CVPR 2021; numbers as released in alisadeghian/PGMGAN,
whose guide is a mean over the parts (the paper's equation 6 is a sum: docs/partition_guided.md). The ablations:
Partition GAN has no guide (its weight is 0), the random partition gives each image a part at random.

Guesses, where neither says: 200 parts and BigGAN's learning rates on ImageNet; Self-Conditioned GAN's own numbers
beside its networks (partition-guided-dcgan-cifar10); all that concerns digits, points and your own images.

Command, cost, and result to expect (FID and IS of 50,000 images, as others quote them):
  everymode train partition-guided-digits
      the partition is learnt first; measured: docs/results/partition_guided.md
  everymode train partition-guided-grid        (or -ring)
      the paper's appendix: 25 (8) modes, 99.8 (99.8) % of high quality, reverse KL 0.0034 (0.0006); measured on
      the grid, 4,000 steps, one seed: 25 modes, 99.9 %, 0.0014 (docs/results/guide_landscape.md)
  everymode train partition-guided-cifar10 --data cifar10-train.parquet
      3,000 passes over the data by D, after the partition: FID 8.93, IS 8.81; measured here: not yet
  everymode train partition-guided-dcgan-cifar10 --data cifar10-train.parquet
      on Self-Conditioned GAN's networks: FID 10.65; measured here: not yet
  everymode train partition-guided-stl10 --data stl10
      48 pixels, training and unlabelled images: FID 19.52, IS 11.16; measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train partition-guided-imagenet128 --data imagenet/train
      FID 21.73, IS 23.31; measured here: not yet
  everymode train partition-guided-64 --data photos [--partitioner partition]
      your own images, in one flat folder
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, ClassVar

from everymode.partitioner import settings
from everymode.recipes import benchmark_numbers as numbers
from everymode.recipes import omni_gan
from everymode.recipes.backbone import BigGANBackbone, numbers_of
from everymode.recipes.partition_numbers import PartitionNumbers
from everymode.recipes.small_gan import DeepNetworks, PointNetworks, SmallGAN

if TYPE_CHECKING:
    from everymode.game import Game
    from everymode.labels.partition import FixedParts


@dataclass(frozen=True, kw_only=True)
class PartitionGuided(PartitionNumbers, BigGANBackbone):
    """Hinge loss and spectral normalization in both networks, on SN-GAN's layouts (BigGAN's at 64 pixels and above):
    the generator's batch normalization has a row for each part, the discriminator a projection.
    """

    takes_label_blocks: ClassVar[bool] = True  # labels, of whatever kind, are not looked at

    def needs_labels(self) -> bool:
        return False

    @property
    def num_labels(self) -> int:
        """How many labels the networks know."""
        return self.num_parts

    def build(self) -> Game:
        from functools import partial

        from everymode.game import Objective
        from everymode.losses.adversarial import hinge
        from everymode.networks.heads import ProjectionHead

        labels = self.part_labels()
        by_part = replace(self, num_classes=self.num_labels, class_counts=(), combination_counts=())
        head = partial(ProjectionHead, num_classes=self.num_labels, class_bias=True)
        objective = Objective(hinge(), generator_terms=self.guide_terms(labels))
        return by_part.game(objective, head, find_labels=lambda discriminator: labels)


@dataclass(frozen=True, kw_only=True)
class PartitionGuidedClasses(PartitionGuided):
    """Labelled images: each class is split into parts by the partitioner's features, which the paper leaves to future
    work. Label class * parts_per_class + part.
    """

    takes_label_blocks: ClassVar[bool] = False

    parts_per_class: int = 3
    """Parts that each class is split into."""

    def check(self) -> None:
        super().check()
        if self.parts_per_class < 2:
            raise ValueError(
                f"parts_per_class is {self.parts_per_class}: split each class into 2 or more, or choose biggan"
            )
        if self.random_parts:
            raise ValueError("classes can't be split at random: leave random_parts off")

    def needs_labels(self) -> bool:
        return True

    @property
    def num_labels(self) -> int:
        return self.require_classes(1) * self.parts_per_class

    def notes(self) -> list[str]:
        return [*super().notes(), f"each class is split into {self.parts_per_class} parts by its features"]

    def part_labels(self) -> FixedParts:
        from everymode.labels.class_parts import ClassPartLabels

        partitioner = self.new_partitioner()
        return ClassPartLabels(
            partitioner,
            partitioner.read_out.in_features,
            num_classes=self.require_classes(1),
            parts_per_class=self.parts_per_class,
            num_images=max(self.num_images, 1),
            mirrored=self.mirror,
        )


@dataclass(frozen=True, kw_only=True)
class PartitionGuidedSmall(PartitionNumbers, SmallGAN):
    """The non-saturating logistic loss on Self-Conditioned GAN's networks: the part is a unit vector beside z, and
    picks one of D's outputs.
    """

    def build(self) -> Game:
        labels = self.part_labels()
        return self.game(self.networks(self.num_parts), labels, generator_terms=self.guide_terms(labels))


@dataclass(frozen=True, kw_only=True)
class PartitionGuidedPoints(PartitionGuidedSmall, PointNetworks):
    """Points in the plane."""


@dataclass(frozen=True, kw_only=True)
class PartitionGuidedDCGAN(PartitionGuidedSmall, DeepNetworks):
    """Photographs, on the networks of Self-Conditioned GAN."""


CIFAR10 = PartitionGuided(
    name="partition-guided-cifar10",
    resolution=32,
    mirror=True,
    width=64,
    latent_dim=128,
    steps=375_000,
    batch_size=100,
    discriminator_steps=4,
    reuse_fakes=True,
    ema_decay=0.0,
    parts=200,
    partition=settings.PAPER,
)

PARTITION_CIFAR10 = replace(CIFAR10, name="partition-gan-cifar10", guide_weight=0.0)

RANDOM_CIFAR10 = replace(PARTITION_CIFAR10, name="random-partition-gan-cifar10", random_parts=True)

STACKED_DIGITS = replace(
    CIFAR10,
    name="partition-guided-stacked-digits",
    data="stacked-digits",
    mirror=False,
    guide_floor=1e-4,
    partition=replace(settings.PAPER, mirror=False, jitter=0.0, hue=0.0, grey=0.0),
)

STL10 = replace(
    CIFAR10,
    name="partition-guided-stl10",
    resolution=48,
    doublings=4,
    guide_floor=1e-4,
    partition=replace(settings.PAPER, pretext_steps=262_500, pretext_batch=200, partition_steps=82_000),
)

DCGAN_CIFAR10 = PartitionGuidedDCGAN(
    **numbers.CIFAR10, name="partition-guided-dcgan-cifar10", parts=200, partition=settings.PAPER
)

IMAGENET128 = PartitionGuided(
    **numbers_of(
        omni_gan.IMAGENET128,
        name="partition-guided-imagenet128",
        num_classes=0,
        batch_size=2048,
        accumulation=8,
        generator_weight_decay=0.0,
        discriminator_weight_decay=0.0,
    ),
    parts=200,
    partition=settings.PAPER,
)

IMAGES32 = replace(
    CIFAR10,
    name="partition-guided-32",
    steps=100_000,
    batch_size=64,
    ema_decay=0.999,
    ema_start=1000,
    tick=50,
    parts=0,
    guide_weight=0.03,  # the released 6 on a mean over 200 parts, whatever the number of parts is here
    guide_reduction="sum",
    partition=settings.IMAGES,
)

IMAGES64 = replace(
    IMAGES32,
    name="partition-guided-64",
    resolution=64,
    width=32,
    shared_dim=128,
    latent_dim=120,
    hierarchical=True,
    initialization="orthogonal",
    partition=replace(settings.IMAGES, blocks=(2, 2, 2, 2)),
)

IMAGES128 = replace(
    IMAGES64,
    name="partition-guided-128",
    resolution=128,
    generator_attention=32,
    discriminator_attention=32,
    batch_size=32,
    steps=200_000,
    partition=replace(settings.IMAGES, blocks=(2, 2, 2, 2, 2), pooled=True),
)

DIGITS = PartitionGuided(
    name="partition-guided-digits",
    data="digits:train",
    held_out="digits:held-out",
    resolution=16,
    channels=1,
    width=8,
    latent_dim=64,
    steps=1000,
    batch_size=64,
    discriminator_steps=2,
    reuse_fakes=True,
    generator_lr=8e-4,
    discriminator_lr=8e-4,
    lr_decay=0.3,
    ema_decay=0.99,
    ema_start=50,
    tick=50,
    snapshot=250,
    parts=10,
    guide_weight=1.0,
    guide_steps=500,
    partition=settings.DIGITS,
)

PARTITION_DIGITS = replace(DIGITS, name="partition-gan-digits", guide_weight=0.0)

RANDOM_DIGITS = replace(PARTITION_DIGITS, name="random-partition-gan-digits", random_parts=True)

CLASSES_DIGITS = PartitionGuidedClasses(
    **{each.name: getattr(DIGITS, each.name) for each in fields(DIGITS)}
    | {"name": "partition-guided-classes-digits", "num_classes": 10}
)

GRID = PartitionGuidedPoints(
    **numbers.GRID,
    name="partition-guided-grid",
    parts=25,
    guide_weight=1.0,
    guide_steps=2000,
    partition=settings.POINTS,
)

RING = replace(GRID, **numbers.OF_RING, name="partition-guided-ring", parts=8)
