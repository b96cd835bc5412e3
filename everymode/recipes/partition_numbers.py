"""What every recipe on the parts of a partition shares: their numbers, the guide, and learning the partition first."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from everymode.partitioner.settings import PAPER, PartitionSettings
from everymode.recipe import FROM_DATA, Recipe
from everymode.recipes.given_partition import settings_of

if TYPE_CHECKING:
    from torch import nn

    from everymode.data.facts import DataFacts
    from everymode.game import Game, Weighted
    from everymode.labels.partition import FixedParts
    from everymode.partitioner.network import Partitioner
    from everymode.training.preparation import Preparation

FEWEST_PARTS, MOST_PARTS = 10, 200
"""Between these lies the default number of parts; 200 is the paper's, for 50,000 images and more."""
IMAGES_PER_PART = 250
"""What the default number of parts aims at: the paper's, on CIFAR-10."""
KEPT = "parts.safetensors"
"""In the run's folder: the frozen partitioner and the part of each image, once both are known."""


def parts_for(num_images: int) -> int:
    """The default number of parts: one for 250 images, but 10 at least and 200 at most, and never more than one for
    ten images (but two).
    """
    wanted = min(max(num_images // IMAGES_PER_PART, FEWEST_PARTS), MOST_PARTS)
    return max(2, min(wanted, num_images // 10))


@dataclass(frozen=True, kw_only=True)
class PartitionNumbers(Recipe):
    """Numbers of the partition whose parts stand for labels, and of the guide towards them."""

    parts: int = 0
    """Number of parts; 0 = one for 250 images, between 10 and 200, and never more than one for ten images."""
    partitioner: str = ""
    """Folder of a partition that `everymode partition` has learnt; empty: it is learnt first."""
    pretext_steps: int = 0
    """Steps of the partition's first stage, where it is learnt first; 0 = as many as the recipe's settings say."""
    partition_steps: int = 0
    """Steps of the partition's second stage, likewise."""
    random_parts: bool = False
    """Draw each image's part at random, by the seed: a baseline without any partitioner."""
    guide_weight: float = 6.0
    """Weight of the guide, which pulls each sample to its part, at the first step; 0 = no guide."""
    guide_floor: float = 0.0
    """What the weight never falls below."""
    guide_steps: int = 50_000
    """Generator steps after which the weight, falling linearly, would be 0."""
    guide_reduction: Literal["sum", "mean"] = "mean"
    """Whether the guide sums over the parts, as in the paper, or takes their mean, as in the released code, to which
    the weight of 6 belongs."""
    partition: PartitionSettings = field(default=PAPER, metadata=FROM_DATA)

    def check(self) -> None:
        super().check()
        if self.parts < 0 or (self.parts == 1 and not self.random_parts):
            raise ValueError(
                "parts must be 0 (as many as suit the data), or 2 or more (with random_parts also 1: a plain GAN), not "
                f"{self.parts}"
            )
        if self.pretext_steps < 0 or self.partition_steps < 0:
            raise ValueError(
                f"pretext_steps and partition_steps must be 0 (as in the settings) or more, not {self.pretext_steps} "
                f"and {self.partition_steps}"
            )
        if not 0 <= self.guide_floor <= self.guide_weight < float("inf") or self.guide_steps < 1:
            raise ValueError(
                "the guide's weight falls from guide_weight to guide_floor, 0 or more, in guide_steps steps, 1 or "
                f"more, not from {self.guide_weight} to {self.guide_floor} in {self.guide_steps}"
            )
        if self.random_parts and (self.guide_weight or self.partitioner):
            raise ValueError(
                "random_parts needs no partitioner, and there is none to guide samples: set guide_weight and "
                "guide_floor to 0, and leave partitioner out"
            )

    def for_data(self, facts: DataFacts) -> PartitionNumbers:
        """With the number of parts, and the network of the partitioner that is given.

        Raises ValueError where there are fewer images than parts, or for a partitioner of other images;
        FileNotFoundError where there is none.
        """
        fitted = super().for_data(facts)
        assert isinstance(fitted, PartitionNumbers)
        parts, settings = self.parts or parts_for(facts.num_images), self.partition
        if self.partitioner and not self.num_images:  # a run that goes on has read it before
            settings = settings_of(Path(self.partitioner), facts, self.parts)
            parts = settings.k
        elif not self.random_parts:
            settings = replace(
                settings,
                k=parts,
                neighbours=max(1, min(settings.neighbours, facts.num_images - 1)),
                pretext_steps=self.pretext_steps or settings.pretext_steps,
                partition_steps=self.partition_steps or settings.partition_steps,
            )
        if parts > facts.num_images:
            raise ValueError(
                f"the {facts.num_images:,} examples of {facts.name} can't be divided into {parts} parts: ask for "
                "fewer (the default suits the data), or give more images"
            )
        return replace(fitted, partition=settings, parts=parts)

    def notes(self) -> list[str]:
        if self.random_parts:
            how = "drawn at random"
        else:
            how = f"read from {self.partitioner}" if self.partitioner else "learnt first, in the run's folder"
        return [*super().notes(), f"{self.num_parts} parts of a partition stand for labels: {how}"]

    def shrunk(self) -> PartitionNumbers:
        settings = replace(
            self.partition,
            k=3,
            blocks=(1, 1),
            width=4,
            full_blocks=1,
            full_width=8,
            pretext_steps=2,
            starts=1,
            start_steps=2,
            partition_steps=2,
            neighbours=3,
        )
        smaller = replace(super().shrunk(), parts=3, partition=settings, partitioner="", num_images=40)
        assert isinstance(smaller, PartitionNumbers)
        return smaller

    @classmethod
    def from_json(cls, numbers: dict[str, Any]) -> PartitionNumbers:
        settings = numbers.get("partition")
        if isinstance(settings, dict):
            numbers = numbers | {"partition": PartitionSettings.from_json(settings)}
        made = super().from_json(numbers)
        assert isinstance(made, PartitionNumbers)
        return made

    def with_numbers(self, **numbers: Any) -> PartitionNumbers:
        """As every recipe's; `partition` may also be the settings as JSON values."""
        settings = numbers.pop("partition", self.partition)
        if isinstance(settings, dict):
            settings = PartitionSettings.from_json(settings)
        made = replace(super().with_numbers(**numbers), partition=settings)
        assert isinstance(made, PartitionNumbers)
        return made

    # ---- the game

    @property
    def num_parts(self) -> int:
        """As chosen; for a recipe that has seen no data yet, that of its settings."""
        return self.parts or self.partition.k

    @property
    def example_shape(self) -> tuple[int, ...]:
        """(C, H, W), or (2,) for points."""
        return (2,) if self.takes_points else (self.channels, *self.size)

    def new_partitioner(self) -> Partitioner:
        """The partitioner's network, not yet learnt."""
        from everymode.partitioner.building import partitioner_for

        return partitioner_for(replace(self.partition, k=self.num_parts), self.example_shape)

    def part_labels(self) -> FixedParts:
        """The label source of these numbers."""
        from everymode.labels.partition import PartitionLabels, random_parts

        images = max(self.num_images, 1)
        if self.random_parts:
            return random_parts(self.num_parts, images, seed=self.seed, mirrored=self.mirror)
        return PartitionLabels(self.new_partitioner(), self.num_parts, images, mirrored=self.mirror)

    def guide_terms(self, labels: FixedParts) -> tuple[Weighted, ...]:
        """The guide as a term of the generator, where its weight is not 0."""
        from everymode.game import Weighted
        from everymode.labels.partition import PartitionLabels
        from everymode.schedules import falling

        if not self.guide_weight:
            return ()
        assert isinstance(labels, PartitionLabels)
        weight = falling(self.guide_weight, self.guide_floor, over=self.guide_steps)
        return (Weighted("guide", labels.guide(self.guide_reduction), weight),)

    # ---- before the first step

    def prepare(self, game: Game, data: Any, preparation: Preparation) -> None:
        """Learn the partition, or load it, and label all images; a run that was killed on the way goes on with it."""
        from everymode.labels.partition import PartitionLabels
        from everymode.machine.stopping import Stopped

        if self.random_parts:
            return

        def look(done: int) -> None:
            if preparation.stop.requested:
                raise Stopped(f"stopped when {done:,} images had got their part", preparation.folder)

        labels = game.labels
        assert isinstance(labels, PartitionLabels)
        if not preparation.recall(labels, KEPT):
            labels.adopt(self.learnt_partitioner(data, preparation), data, seed=self.seed)
            labels.take(labels.label_all(data, look))
            preparation.keep(labels, KEPT)
        found = labels.numbers()
        preparation.say(
            f"{labels.num_labels} parts: the largest has {found['largest']:.1%} of the images, {found['empty']:.0f} "
            "have none"
        )

    def learnt_partitioner(self, data: Any, preparation: Preparation) -> nn.Module:
        """The partitioner of the folder that is given, or one learnt here and now."""
        from everymode.machine.stopping import Stopped
        from everymode.metrics.clustering import nmi, purity
        from everymode.partitioner import PartitionStopped, learn_partition, load_partitioner

        if self.partitioner:
            return load_partitioner(self.partitioner)
        try:
            return learn_partition(
                data,
                self.partition,
                preparation.folder / "partitioner",
                device=preparation.device,
                seed=self.seed,
                talk=preparation.talk,
                stop=lambda: preparation.stop.requested,
                scores={"nmi": nmi, "purity": purity},
            )
        except PartitionStopped as stopped:
            raise Stopped(
                f"stopped while the partition was learnt ({stopped})", preparation.folder
            ) from stopped
