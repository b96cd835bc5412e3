"""What data a recipe is for: images that all have labels, that have a few, that have none, or points in the plane."""

from __future__ import annotations

from enum import Enum

from everymode.recipes import find
from everymode.recipes.tables.few_labels import FEW_LABELS


class DataKind(Enum):
    """What a user may have; the values are headings."""

    LABELS = "images with labels"
    FEW_LABELS = (
        "images of which a few are labelled (omni-gan-*, ac-gan-* and reacgan-* take unlabelled ones too)"
    )
    NO_LABELS = "images without labels (any that there are play no part)"
    POINTS = "points in the plane"


def data_kind(name: str) -> DataKind:
    """What the recipe of that name is for. Raises ValueError if there is none."""
    recipe = find(name)
    if recipe.takes_points:
        return DataKind.POINTS
    if name in FEW_LABELS:
        return DataKind.FEW_LABELS
    return DataKind.LABELS if recipe.needs_labels() else DataKind.NO_LABELS
