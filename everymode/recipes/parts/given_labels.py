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
    """No labels: those that the data have play no part."""

    def num_labels(self, recipe: Recipe) -> None:
        return None

    def source(self, recipe: Recipe, discriminator: nn.Module | None = None) -> LabelSource:
        from everymode.labels.given import NoLabels

        return NoLabels()


@dataclass(frozen=True, kw_only=True)
class Given(Labels):
    """The data's labels, one or several an image. Where some are missing, a loss says what it does without."""

    leaves_unlabeled: ClassVar[bool] = True

    fake_labels: Literal["uniform", "data", "reused"] = "uniform"
    """Labels of generated images in training: all equally likely, as frequent as in the data (several labels of an
    image together), or those of the real images of the same move."""
    labeled_share: float | None = None
    """Share of every batch that is drawn from labeled images, the rest from unlabeled ones; 0 = as the data come;
    auto = as the data come, but at least half where a loss has a term for each kind."""

    @property
    def needs_given(self) -> bool:
        return True

    @property
    def share_labeled(self) -> float | None:
        return self.labeled_share

    def check(self) -> None:
        if self.labeled_share is not None and not 0 <= self.labeled_share <= 1:
            raise ValueError(
                f"labeled_share is a share of the batch between 0 (as the data come) and 1, not {self.labeled_share}"
            )

    def check_in(self, recipe: Recipe) -> None:
        if self.labeled_share and not recipe.labeled_rows():
            raise ValueError(
                f"labeled_share is {self.labeled_share}, which is not one row of a batch of {recipe.batch_size}: "
                f"give at least {1 / recipe.batch_size:.3g}, or 0 to show images as the data have them"
            )

    def num_labels(self, recipe: Recipe) -> int | tuple[int, ...]:
        return recipe.num_classes

    def images_per_label(self, recipe: Recipe) -> tuple[float, float] | None:
        """Of several label blocks, the mean number of images and of classes counts."""
        sizes = recipe.num_classes if isinstance(recipe.num_classes, tuple) else (recipe.num_classes,)
        return sum(recipe.class_counts) // len(sizes), sum(sizes) / len(sizes)

    def for_data(self, recipe: Recipe, facts: DataFacts) -> Recipe:
        """With half of every batch of labeled images, where some images have no label, no share is asked for and the
        loss averages over both kinds (Multi-hinge GAN, equation 8). Where more than half of the images are labeled the
        batch has as many as the data: few strays are not shown again and again.
        """
        averages = recipe.loss is not None and recipe.loss.averages_over_unlabeled
        if facts.num_unlabeled and self.labeled_share is None and averages:
            labeled = 1 - facts.num_unlabeled / facts.num_images
            return replace(recipe, labels=replace(self, labeled_share=max(0.5, labeled)))
        return recipe

    def notes(self, recipe: Recipe) -> list[str]:
        told = []
        if self.fake_labels != "reused" and self._compared_in_pairs(recipe):
            told.append(
                "each fake is compared with a real one, so it takes that one's label (fake_labels reused)"
            )
        if not self.labeled_share or isinstance(recipe.num_classes, tuple):
            return told
        rows, unlabeled = recipe.labeled_rows(), recipe.num_images - sum(recipe.class_counts)
        if rows == recipe.batch_size:
            shown = "too few for a row of each batch: they are not shown"
            return [*told, f"{unlabeled:,} images have no label, {shown}"]
        return [
            *told,
            f"{unlabeled:,} of {recipe.num_images:,} images have no label: {rows} rows of each batch of "
            f"{recipe.batch_size} are of labeled images (labeled_share)",
        ]

    def source(self, recipe: Recipe, discriminator: nn.Module | None = None) -> LabelSource:
        """Raises ValueError if labels are to be as frequent as in the data, and no image has all of its labels."""
        from everymode.labels.given import GivenLabels

        count, reuse = recipe.num_classes, self.fake_labels == "reused" or self._compared_in_pairs(recipe)
        if self.fake_labels != "data":
            return GivenLabels(count, reuse=reuse)
        if not isinstance(count, tuple):
            return GivenLabels(count, recipe.class_counts, reuse=reuse)
        if not recipe.combination_counts:
            raise ValueError(
                "fake_labels is data, but no image has all of its labels, so it is not known which go together: choose "
                "uniform"
            )
        combinations = [each[:-1] for each in recipe.combination_counts]
        counts = [each[-1] for each in recipe.combination_counts]
        return GivenLabels(count, counts, combinations=combinations)

    def _compared_in_pairs(self, recipe: Recipe) -> bool:
        return recipe.loss is not None and recipe.loss.compares_pairs
