"""Names in a recipe's field `augmentation`, their valid combinations, and the automatic choice: few images are
augmented. Does not import torch."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from everymode.recipe import Recipe

AUGMENTATIONS = ("color", "translation", "cutout")
"""Policies of differentiable augmentation (DiffAug)."""
ADAPTIVE = "ada"
"""Adaptive augmentation by transformations that keep the meaning of an image: integer and fractional translation,
isotropic and anisotropic scaling, brightness, contrast and saturation."""
ADAPTIVE_FURTHER = ("flip", "quarter-turn", "rotation", "luma-flip", "hue")
"""Further transformations that may follow ADAPTIVE. They can change the meaning of an image, such as a flipped digit,
so they must be requested by name. All of them together are the paper's pipeline "bgc"."""

OFF = "none"
"""No augmentation; an empty text means the same."""
FOR_FEW = "translation,cutout"
"""Automatic augmentation of few images."""
FEW_PER_CLASS, FEW_IN_ALL = 1_000, 10_000
"""Numbers of images below which they are few: per class, or in all if no labels are used (our choice)."""


def parse_augmentation(text: str | None) -> tuple[str, ...]:
    """Split names joined by commas; spaces around names are ignored.

    Returns:
        The names; () for "none", for an empty text, and for None, which is automatic and depends on the data.

    Raises:
        ValueError: for an unknown name (the error message has the nearest), a repeated name, and names that can't be
            combined.
    """
    if text is None or text.strip() in ("", OFF):
        return ()
    names = tuple(name.strip() for name in text.split(","))
    known = (*AUGMENTATIONS, ADAPTIVE, *ADAPTIVE_FURTHER)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"For no augmentation, set it to {OFF}."
            raise ValueError(
                f"augmentation must be any of {', '.join(AUGMENTATIONS)} joined by commas, or {ADAPTIVE}, optionally "
                f"followed by any of {', '.join(ADAPTIVE_FURTHER)}; not {name!r}. {hint}"
            )
        if names.count(name) > 1:
            raise ValueError(f"augmentation {text!r} contains {name} twice: remove one")
        if (name in AUGMENTATIONS and ADAPTIVE in names) or (
            name in ADAPTIVE_FURTHER and ADAPTIVE not in names
        ):
            raise ValueError(
                f"augmentation {text!r} mixes two kinds: {', '.join(ADAPTIVE_FURTHER)} need {ADAPTIVE} (such as "
                f"{ADAPTIVE},flip), and {', '.join(AUGMENTATIONS)} can't be combined with it"
            )
    return names


def automatic_augmentation(num_images: int, num_classes: int) -> tuple[str, str]:
    """Return the augmentation for a number of images, and the reason.

    Args:
        num_images: number of training images.
        num_classes: number of classes that the recipe uses as labels; 0 = no labels are used.
    """
    if num_classes:
        few, reason = (
            num_images < FEW_PER_CLASS * num_classes,
            f"{num_images / num_classes:,.0f} images per class",
        )
    else:
        few, reason = num_images < FEW_IN_ALL, f"{num_images:,} images"
    return FOR_FEW if few else OFF, f"there are {reason}"


def with_automatic_augmentation(recipe: Recipe) -> Recipe:
    """Return the recipe with an automatic augmentation filled in; it is none for points.

    Args:
        recipe: a recipe that holds the facts of its data.
    """
    if recipe.augmentation is not None:
        return recipe
    return replace(recipe, augmentation=_automatic(recipe)[0], automatic_augmentation=True)


def augmentation_notes(recipe: Recipe) -> list[str]:
    """Return the sentences that `train` prints about an automatic augmentation."""
    if not recipe.automatic_augmentation:
        return []
    names, reason = _automatic(recipe)
    if recipe.augmentation != names:
        return []  # the user has changed it since
    return [f"augmentation: {names}, because {reason} (automatic)"]


def _automatic(recipe: Recipe) -> tuple[str, str]:
    if recipe.takes_points:
        return OFF, "it changes pixels, and these are points"
    classes = recipe.num_classes if recipe.needs_labels() else 0
    return automatic_augmentation(recipe.num_images, max(classes) if isinstance(classes, tuple) else classes)
