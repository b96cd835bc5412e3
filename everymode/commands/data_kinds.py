"""Kinds of data that recipes are for: images with labels, with a few labels, without labels, or points in the plane."""

from __future__ import annotations

from enum import Enum

from everymode.recipe import Recipe


class DataKind(Enum):
    """Kind of data; the values are headings of `everymode recipes`."""

    LABELS = "images with labels"
    FEW_LABELS = (
        "images of which a few are labeled (omni-gan-*, ac-gan-* and reacgan-* take unlabeled ones too)"
    )
    NO_LABELS = "images without labels (existing labels are ignored)"
    POINTS = "points in the plane"


def data_kind(recipe: Recipe) -> DataKind:
    """Return the kind of data of a recipe, by its parts and, for few labels, also by "-ssl-" in its name."""
    if recipe.takes_points:
        return DataKind.POINTS
    if not recipe.needs_labels():
        return DataKind.NO_LABELS
    few = recipe.labeled_fraction < 1 or "-ssl-" in recipe.name
    return DataKind.FEW_LABELS if few else DataKind.LABELS
