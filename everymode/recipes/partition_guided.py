"""Partition-Guided GAN: labels are the parts of a partition that is learned first without labels, and a guide attracts
each sample to its part.

Paper: Armandpour, Sadeghian, Li, Zhou: Partition-Guided GANs, CVPR 2021; hyper-parameters as released in
alisadeghian/PGMGAN, whose guide is a mean over the parts (the paper's equation 6 is a sum: docs/partition_guided.md).
Ablations: Partition GAN has no guide (its weight is 0); a random partition assigns each image to a random part.

Not published, and chosen here: 200 parts and BigGAN's learning rates on ImageNet; the hyper-parameters of
Self-Conditioned GAN with its networks (partition-guided-dcgan-cifar10); everything for digits, points and own images.
Command, cost, and expected result (FID and IS of 50,000 images):
  everymode train partition-guided-digits
      the partition is learned first; measured: docs/results/partition_guided.md
  everymode train partition-guided-grid        (or -ring)
      the paper's appendix: 25 (8) modes, 99.8 (99.8) % of high quality, reverse KL 0.0034 (0.0006); measured on
      the grid, 4,000 steps, one seed: 25 modes, 99.9 %, 0.0014 (docs/results/guide_landscape.md)
  everymode train partition-guided-cifar10 --data cifar10-train.parquet
      3,000 passes over the data by D, after the partition: FID 8.93, IS 8.81; measured here: not yet
  everymode train partition-guided-dcgan-cifar10 --data cifar10-train.parquet
      on Self-Conditioned GAN's networks: FID 10.65; measured here: not yet
  everymode train partition-guided-stl10 --data stl10
      48 pixels, training and unlabeled images: FID 19.52, IS 11.16; measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train partition-guided-imagenet128 --data imagenet/train
      FID 21.73, IS 23.31; measured here: not yet
  everymode train partition-guided-64 --data photos [--partitioner partition]
      your own images, in one flat folder
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from everymode.numbers import FROM_DATA
from everymode.part import Labels
from everymode.partitioner import settings
from everymode.partitioner.settings import PartitionSettings
from everymode.recipe import Recipe
from everymode.recipes import benchmark_numbers as numbers
from everymode.recipes import biggan
from everymode.recipes.partition_learning import label_by_partition, parts_for, settings_for, settings_of
from everymode.recipes.parts.plain_losses import Hinge

if TYPE_CHECKING:
    from torch import nn

    from everymode.data.facts import DataFacts
    from everymode.game import Game, LabelSource, Weighted
    from everymode.training.preparation import Preparation


@dataclass(frozen=True, kw_only=True)
class Partition(Labels):
    """Labels are the parts of a partition, and a guide attracts each sample to its part."""

    parts: int | None = None
    """Number of parts; auto = one per 250 images, between 10 and 200, and at most one per 10 images."""
    parts_per_class: int = 0
    """Parts per class: split each class of labeled images by the partitioner's features (suggested in the paper as
    future work); 0 = partition of all images, independent of their labels."""
    partitioner: str = ""
    """Folder of a partition learned by `everymode partition`; empty = it is learned first."""
    pretext_steps: int | None = None
    """Steps of the first stage of learning the partition; auto = from the settings of the partitioner."""
    partition_steps: int | None = None
    """Steps of the second stage of learning the partition; auto = from the settings of the partitioner."""
    random_parts: bool = False
    """Assign each image to a random part, by the seed: a baseline without a partitioner."""
    guide_weight: float = 6.0
    """Weight of the guide, which attracts each sample to its part, at the first step; 0 = no guide."""
    guide_floor: float = 0.0
    """Lower bound of the guide's weight."""
    guide_steps: int = 50_000
    """Generator steps over which the guide's weight decreases linearly to 0, but not below guide_floor."""
    guide_reduction: Literal["sum", "mean"] = "mean"
    """Reduction of the guide over the parts: sum (paper) or mean (released code, for which the weight is 6)."""
    partition: PartitionSettings | None = field(default=None, metadata=FROM_DATA)

    @property
    def needs_given(self) -> bool:
        return bool(self.parts_per_class)

    def check(self) -> None:
        if self.parts is not None and (self.parts < 1 or (self.parts == 1 and not self.random_parts)):
            raise ValueError(
                f"parts must be 2 or more (with random_parts also 1: a plain GAN), not {self.parts}"
            )
        if self.parts_per_class < 0 or self.parts_per_class == 1:
            raise ValueError(
                f"parts_per_class must be at least 2, or 0 for off, not {self.parts_per_class}; for classes as labels, "
                "choose --labels given"
            )
        self.require_at_least_1("pretext_steps", "partition_steps")
        if not 0 <= self.guide_floor <= self.guide_weight < float("inf") or self.guide_steps < 1:
            raise ValueError(
                "guide_weight must be finite, guide_floor between 0 and guide_weight, and guide_steps at least 1, not "
                f"{self.guide_weight}, {self.guide_floor} and {self.guide_steps}"
            )
        if self.random_parts and self.parts_per_class:
            raise ValueError(
                "random_parts can't split classes: set random_parts to off, or parts_per_class to 0"
            )
        if self.random_parts and (self.guide_weight or self.partitioner):
            raise ValueError(
                "random_parts has no partitioner and no guide: set guide_weight and guide_floor to 0, and omit "
                "partitioner"
            )

    def check_in(self, recipe: Recipe, *, known: bool = False) -> None:
        classes = recipe.num_classes
        if self.parts_per_class and isinstance(classes, tuple) and (known or recipe.num_images):
            raise ValueError(
                f"each image has {len(classes)} labels, but parts_per_class takes one: select one of them (for shapes: "
                "--data shapes:labels=shape), or set parts_per_class to 0"
            )

    def for_data(self, recipe: Recipe, facts: DataFacts) -> Recipe:
        """Return the recipe with the number of parts and the settings of the partitioner filled in.

        Raises:
            FileNotFoundError: if there is no partitioner in the folder.
            ValueError: if it is for other images, or if there are fewer images than parts.
        """
        settings = self.settings(recipe)
        if self.partitioner and not recipe.num_images:  # a run that resumes has read it before
            settings = settings_of(Path(self.partitioner), facts, self.parts)
        elif not self.random_parts:
            parts = self.parts or parts_for(facts.num_images)
            settings = settings.fitted(parts, facts.num_images, self.pretext_steps, self.partition_steps)
        parts = (self.parts or parts_for(facts.num_images)) if self.random_parts else settings.k
        if parts > facts.num_images:
            raise ValueError(
                f"{parts} parts need at least as many examples, not the {facts.num_images:,} of {facts.name}: set "
                "parts to auto or to a smaller number, or add examples"
            )
        return replace(recipe, labels=replace(self, partition=settings, parts=parts))

    def notes(self, recipe: Recipe) -> list[str]:
        how = f"read from {self.partitioner}" if self.partitioner else "learned first, in the run folder"
        how = "assigned at random" if self.random_parts else how
        notes = [f"labels are {self.num_parts(recipe)} parts of a partition, {how}"]
        split = f"each class is split into {self.parts_per_class} parts by its features"
        return [*notes, split] if self.parts_per_class else notes

    def shrunk(self, recipe: Recipe) -> Recipe:
        small = self.settings(recipe).shrunk()
        labels = replace(self, parts=3, partition=small, partitioner="")
        return replace(recipe, labels=labels, num_images=40)

    # ---- the game

    def settings(self, recipe: Recipe) -> PartitionSettings:
        """Return the settings of the partitioner; by default those for images of the recipe's size."""
        return self.partition or settings_for(recipe)

    def num_parts(self, recipe: Recipe) -> int:
        """Return the number of parts; before the data are known, an automatic one is that of the settings."""
        return self.parts or self.settings(recipe).k

    def num_labels(self, recipe: Recipe) -> int | tuple[int, ...]:
        """Return the number of parts, or classes * parts_per_class (a label is class * parts_per_class + part)."""
        if not self.parts_per_class:
            return self.num_parts(recipe)
        classes = recipe.num_classes
        return classes if isinstance(classes, tuple) else classes * self.parts_per_class

    def source(self, recipe: Recipe, discriminator: nn.Module | None = None) -> LabelSource:
        from everymode.labels.class_parts import ClassPartLabels
        from everymode.labels.partition import PartitionLabels
        from everymode.labels.table import random_parts
        from everymode.partitioner.building import partitioner_for

        parts, images = self.num_parts(recipe), max(recipe.num_images, 1)
        if self.random_parts:
            return random_parts(parts, images, seed=recipe.seed, mirrored=recipe.mirror)
        shape = (2,) if recipe.takes_points else (recipe.channels, *recipe.size)
        partitioner = partitioner_for(replace(self.settings(recipe), k=parts), shape)
        if not self.parts_per_class:
            return PartitionLabels(partitioner, parts, images, mirrored=recipe.mirror)
        self.check_in(recipe, known=True)
        assert isinstance(recipe.num_classes, int)
        return ClassPartLabels(
            partitioner,
            partitioner.read_out.in_features,
            num_classes=recipe.num_classes,
            parts_per_class=self.parts_per_class,
            num_images=images,
            mirrored=recipe.mirror,
        )

    def sampling_source(self, recipe: Recipe) -> LabelSource:
        # The number of parts is fixed first: an automatic one depends on the number of images.
        fixed = replace(self, parts=self.num_parts(recipe), partition=self.settings(recipe))
        return fixed.source(replace(recipe, labels=fixed, num_images=1))

    def terms(self, source: LabelSource) -> tuple[tuple[Weighted, ...], tuple[Weighted, ...]]:
        """Return the guide as a term of the generator, unless its weight is 0."""
        from everymode.game import Weighted
        from everymode.labels.partition import PartitionLabels
        from everymode.training.schedules import falling

        if not self.guide_weight:
            return (), ()
        assert isinstance(source, PartitionLabels)
        weight = falling(self.guide_weight, self.guide_floor, over=self.guide_steps)
        return (), (Weighted("guide", source.guide(self.guide_reduction), weight),)

    def prepare(self, recipe: Recipe, game: Game, data: Any, preparation: Preparation) -> None:
        """Learn or load the partition, and label all images. An interrupted run resumes."""
        if not self.random_parts:
            settings = self.settings(recipe)
            label_by_partition(game.labels, self.partitioner, settings, data, preparation, seed=recipe.seed)


# As released: the class term of projection is a linear layer, so it has a bias per class. On SN-GAN's layouts.
BIASED_PROJECTION = Hinge(head="projection", class_bias=True)

CIFAR10 = biggan.CIFAR10.with_numbers(
    name="partition-guided-cifar10",
    loss=BIASED_PROJECTION,
    labels=Partition(parts=200, partition=settings.PAPER),
    num_classes=0,
    mirror=True,
    steps=375_000,
    batch_size=100,
    reuse_fakes=True,
    ema_decay=0.0,
    ema_start=0,
)

PARTITION_CIFAR10 = CIFAR10.with_numbers(name="partition-gan-cifar10", guide_weight=0.0)

RANDOM_CIFAR10 = PARTITION_CIFAR10.with_numbers(name="random-partition-gan-cifar10", random_parts=True)

STACKED_DIGITS = CIFAR10.with_numbers(
    name="partition-guided-stacked-digits",
    data="stacked-digits",
    mirror=False,
    guide_floor=1e-4,
    partition=replace(settings.PAPER, mirror=False, jitter=0.0, hue=0.0, gray=0.0),
)

STL10 = CIFAR10.with_numbers(
    name="partition-guided-stl10",
    resolution=48,
    doublings=4,
    guide_floor=1e-4,
    partition=replace(settings.PAPER, pretext_steps=262_500, pretext_batch=200, partition_steps=82_000),
)

DCGAN_CIFAR10 = numbers.CIFAR10.with_numbers(
    name="partition-guided-dcgan-cifar10", labels=Partition(parts=200, partition=settings.PAPER)
)

IMAGENET128 = biggan.IMAGENET128.with_numbers(
    name="partition-guided-imagenet128",
    loss=BIASED_PROJECTION,
    labels=Partition(parts=200, partition=settings.PAPER),
    num_classes=0,
    batch_size=2048,
    accumulation=8,
)

IMAGES32 = CIFAR10.with_numbers(
    name="partition-guided-32",
    steps=100_000,
    batch_size=64,
    ema_decay=0.999,
    ema_start=1000,
    tick=50,
    augmentation=None,
    parts=None,
    guide_weight=0.03,  # the released 6 on a mean over 200 parts, independent of the number of parts here
    guide_reduction="sum",
    partition=settings.IMAGES,
)

IMAGES64 = IMAGES32.with_numbers(
    name="partition-guided-64",
    resolution=64,
    width=32,
    shared_dim=128,
    latent_dim=120,
    hierarchical=True,
    initialization="orthogonal",
    partition=replace(settings.IMAGES, blocks=(2, 2, 2, 2)),
)

IMAGES128 = IMAGES64.with_numbers(
    name="partition-guided-128",
    resolution=128,
    generator_attention=32,
    discriminator_attention=32,
    batch_size=32,
    steps=200_000,
    partition=replace(settings.IMAGES, blocks=(2, 2, 2, 2, 2), pooled=True),
)

DIGITS = biggan.DIGITS.with_numbers(
    name="partition-guided-digits",
    loss=BIASED_PROJECTION,
    labels=Partition(parts=10, guide_weight=1.0, guide_steps=500, partition=settings.DIGITS),
    num_classes=0,
    reuse_fakes=True,
    **biggan.NO_DECAY,
)

PARTITION_DIGITS = DIGITS.with_numbers(name="partition-gan-digits", guide_weight=0.0)

RANDOM_DIGITS = PARTITION_DIGITS.with_numbers(name="random-partition-gan-digits", random_parts=True)

CLASSES_DIGITS = DIGITS.with_numbers(
    name="partition-guided-classes-digits", parts_per_class=3, num_classes=10
)

GRID = numbers.GRID.with_numbers(
    name="partition-guided-grid",
    labels=Partition(parts=25, guide_weight=1.0, guide_steps=2000, partition=settings.POINTS),
)

RING = GRID.with_numbers(**numbers.OF_RING, name="partition-guided-ring", parts=8)
