"""What data a recipe is for: images that all have labels, that have a few, that have none, or points in the plane."""

from __future__ import annotations

from enum import Enum

from everymode.recipe import Recipe


class DataKind(Enum):
    """What a user may have; the values are headings."""

    LABELS = "images with labels"
    FEW_LABELS = (
        "images of which a few are labeled (omni-gan-*, ac-gan-* and reacgan-* take unlabeled ones too)"
    )
    NO_LABELS = "images without labels (any that there are play no part)"
    POINTS = "points in the plane"


def data_kind(recipe: Recipe) -> DataKind:
    """What a recipe is for, by its parts; those for a few labels also say so in their name."""
    if recipe.takes_points:
        return DataKind.POINTS
    if not recipe.needs_labels():
        return DataKind.NO_LABELS
    few = recipe.labeled_fraction < 1 or "-ssl-" in recipe.name
    return DataKind.FEW_LABELS if few else DataKind.LABELS
