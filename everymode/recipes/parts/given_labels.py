"""Labels that come with the data, and no labels at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from everymode.part import Labels

if TYPE_CHECKING:
    from torch import nn

    from everymode.data.facts import DataFacts
    from everymode.game import LabelSource
    from everymode.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class NoLabels(Labels):
    """No labels; labels of the data are ignored."""

    def num_labels(self, recipe: Recipe) -> None:
        return None

    def source(self, recipe: Recipe, discriminator: nn.Module | None = None) -> LabelSource:
        from everymode.labels.given import NoLabels

        return NoLabels()


@dataclass(frozen=True, kw_only=True)
class Given(Labels):
    """Labels of the dataset, one or several per image. The loss determines how images without a label are used."""

    leaves_unlabeled: ClassVar[bool] = True

    fake_labels: Literal["uniform", "data", "reused"] = "uniform"
    """Labels of generated images in training: drawn uniformly, drawn with the frequencies of the dataset (jointly, if
    images have several labels), or those of the real images of the same update."""
    labeled_share: float | None = None
    """Fraction of each batch drawn from labeled images. 0 = same ratio as the dataset. auto = dataset ratio, raised to
    0.5 for losses with separate labeled and unlabeled terms."""

    @property
    def needs_given(self) -> bool:
        return True

    @property
    def share_labeled(self) -> float | None:
        return self.labeled_share

    def check(self) -> None:
        if self.labeled_share is not None and not 0 <= self.labeled_share <= 1:
            raise ValueError(
                f"labeled_share must be a fraction of the batch from 0 (same ratio as the dataset) to 1, not "
                f"{self.labeled_share}"
            )

    def check_in(self, recipe: Recipe) -> None:
        if self.labeled_share and not recipe.labeled_rows():
            raise ValueError(
                f"labeled_share {self.labeled_share} is less than one image of a batch of {recipe.batch_size}: set "
                f"labeled_share to at least {1 / recipe.batch_size:.3g}, or to 0 for the same ratio as the dataset"
            )

    def num_labels(self, recipe: Recipe) -> int | tuple[int, ...]:
        return recipe.num_classes

    def images_per_label(self, recipe: Recipe) -> tuple[float, float] | None:
        """Return (labeled images, classes); their means over the label blocks if images have several labels."""
        sizes = recipe.num_classes if isinstance(recipe.num_classes, tuple) else (recipe.num_classes,)
        return sum(recipe.class_counts) // len(sizes), sum(sizes) / len(sizes)

    def for_data(self, recipe: Recipe, facts: DataFacts) -> Recipe:
        """Return the recipe with `labeled_share` set if it is automatic, some images have no label, and the loss
        averages over labeled and unlabeled images (Multi-hinge GAN, equation 8): to 0.5, or to the ratio of the dataset
        if that is higher, so that a few unlabeled images are not repeated often.
        """
        averages = recipe.loss is not None and recipe.loss.averages_over_unlabeled
        if facts.num_unlabeled and self.labeled_share is None and averages:
            labeled = 1 - facts.num_unlabeled / facts.num_images
            return replace(recipe, labels=replace(self, labeled_share=max(0.5, labeled)))
        return recipe

    def notes(self, recipe: Recipe) -> list[str]:
        notes = []
        if self.fake_labels != "reused" and self._compared_in_pairs(recipe):
            notes.append("each fake is compared with a real, so it gets the same label (fake_labels reused)")
        if not self.labeled_share or isinstance(recipe.num_classes, tuple):
            return notes
        rows, unlabeled = recipe.labeled_rows(), recipe.num_images - sum(recipe.class_counts)
        if rows == recipe.batch_size:
            too_few = "fewer than one per batch: they are not used"
            return [*notes, f"{unlabeled:,} images have no label, {too_few}"]
        return [
            *notes,
            f"{unlabeled:,} of {recipe.num_images:,} images have no label: {rows} images of each batch of "
            f"{recipe.batch_size} are labeled (labeled_share)",
        ]

    def source(self, recipe: Recipe, discriminator: nn.Module | None = None) -> LabelSource:
        """Build the label source.

        Raises:
            ValueError: if `fake_labels` is "data" and no image has all of its labels.
        """
        from everymode.labels.given import GivenLabels

        count, reuse = recipe.num_classes, self.fake_labels == "reused" or self._compared_in_pairs(recipe)
        if self.fake_labels != "data":
            return GivenLabels(count, reuse=reuse)
        if not isinstance(count, tuple):
            return GivenLabels(count, recipe.class_counts, reuse=reuse)
        if not recipe.combination_counts:
            raise ValueError(
                "fake_labels is data, but no image has all of its labels, so their joint frequencies are unknown: set "
                "fake_labels to uniform"
            )
        combinations = [each[:-1] for each in recipe.combination_counts]
        counts = [each[-1] for each in recipe.combination_counts]
        return GivenLabels(count, counts, combinations=combinations)

    def _compared_in_pairs(self, recipe: Recipe) -> bool:
        return recipe.loss is not None and recipe.loss.compares_pairs
