"""Conditions that are pictures: label maps, pictures of lower resolution, and pictures with attributes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from everymode.part import Conditioning, Labels, NetworkNeeds

if TYPE_CHECKING:
    from torch import nn

    from everymode.data.facts import DataFacts
    from everymode.game import LabelSource
    from everymode.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class PairedLabels(Labels):
    """Base class of conditions that each image is paired with; fakes have the conditions of the real batch."""

    needs_pixels: ClassVar[bool] = True

    def num_labels(self, recipe: Recipe) -> None:
        return None

    def source(self, recipe: Recipe, discriminator: nn.Module | None = None) -> LabelSource:
        from everymode.labels.pairs import PairedCondition

        encodes = recipe.networks is not None and recipe.networks.encodes_image
        return PairedCondition(with_edges=self.takes_edges, with_image=encodes)

    @property
    def takes_edges(self) -> bool:
        """Whether the networks take the edges of instances."""
        return False


@dataclass(frozen=True, kw_only=True)
class Maps(PairedLabels):
    """Label maps, with or without the edges of instances (SPADE)."""

    provides: ClassVar[Conditioning] = "maps"

    maps: str = ""
    """Folder of the label maps; empty = the folder maps beside the folder images of the data."""
    instances: str = ""
    """Folder of the instance maps, from which edges are computed; empty = the folder instances beside the folder
    images of the data, or none."""
    map_classes: int | None = None
    """Number of classes of the label maps; auto = the largest class in them, except 255 (no class), plus 1."""
    map_edges: bool | None = None
    """Whether the networks take the edges of instances; auto = if the data has instance maps."""

    @property
    def takes_edges(self) -> bool:
        return bool(self.map_edges)

    def check(self) -> None:
        self.require_at_least_1("map_classes")
        if self.map_classes is not None and self.map_classes > 255:
            raise ValueError(f"map_classes must be at most 255, not {self.map_classes}: 255 means no class")

    def for_data(self, recipe: Recipe, facts: DataFacts) -> Recipe:
        if not facts.map_classes:
            return recipe  # rejected by everymode.fit
        if self.map_classes is not None and facts.map_classes > self.map_classes:
            raise ValueError(
                f"{facts.name} has label maps with the class {facts.map_classes - 1}, and map_classes is "
                f"{self.map_classes}: set map_classes to at least {facts.map_classes}, or to auto"
            )
        if self.map_edges and not facts.has_edges:
            raise ValueError(
                f"{facts.name} has no instance maps, and map_edges is on: name their folder with --instances, or set "
                "map_edges to off"
            )
        classes = self.map_classes or facts.map_classes
        edges = facts.has_edges if self.map_edges is None else self.map_edges
        return replace(recipe, labels=replace(self, map_classes=classes, map_edges=edges))

    def notes(self, recipe: Recipe) -> list[str]:
        edges = ", with the edges of instances" if self.map_edges else ""
        return (
            [f"label maps of {self.map_classes} classes{edges}; 255 = no class"] if self.map_classes else []
        )

    def completed(self, needs: NetworkNeeds, recipe: Recipe) -> NetworkNeeds:
        return replace(needs, map_classes=self.map_classes or 0, has_edges=bool(self.map_edges))

    def shrunk(self, recipe: Recipe) -> Recipe:
        return replace(recipe, labels=replace(self, map_classes=self.map_classes or 4))


@dataclass(frozen=True, kw_only=True)
class Pictures(PairedLabels):
    """Pictures of lower resolution (super-resolution)."""

    provides: ClassVar[Conditioning] = "pictures"


@dataclass(frozen=True, kw_only=True)
class Attributes(Labels):
    """Pictures with the labels of another image, one value per attribute (StarGAN)."""

    provides: ClassVar[Conditioning] = "attributes"
    needs_pixels: ClassVar[bool] = True

    permuted: bool = False
    """Take the target attributes from the batch in another order, as released, instead of from the training data."""

    @property
    def needs_given(self) -> bool:
        return True

    def num_labels(self, recipe: Recipe) -> None:
        return None

    def sizes(self, recipe: Recipe) -> tuple[int, ...]:
        """Return the number of values of each attribute."""
        classes = recipe.num_classes
        return classes if isinstance(classes, tuple) else (classes,)

    def completed(self, needs: NetworkNeeds, recipe: Recipe) -> NetworkNeeds:
        return replace(needs, attributes=self.sizes(recipe))

    def source(self, recipe: Recipe, discriminator: nn.Module | None = None) -> LabelSource:
        """Build the label source.

        Raises:
            ValueError: if no image has all of its labels.
        """
        from everymode.labels.targets import TargetLabels

        sizes = self.sizes(recipe)
        if len(sizes) == 1 and not recipe.combination_counts:
            rows = [((value,), count) for value, count in enumerate(recipe.class_counts) if count]
        else:
            rows = [(each[:-1], each[-1]) for each in recipe.combination_counts]
        if not rows and recipe.num_images:
            raise ValueError(
                "no image has all of its attributes, so no targets can be drawn: complete some rows of the labels"
            )
        if not rows:  # before the data is known
            rows = [((0,) * len(sizes), 1)]
        return TargetLabels(
            sizes, [values for values, _ in rows], [count for _, count in rows], permuted=self.permuted
        )

    def shrunk(self, recipe: Recipe) -> Recipe:
        classes = recipe.num_classes
        return recipe if classes else replace(recipe, num_classes=(3, 2))
