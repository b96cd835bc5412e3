"""How much weight decay a discriminator needs: the fewer images a label, the more (Omni-GAN, section F.5)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from everymode.recipe import Recipe


def weight_decay_for(num_images: float, num_classes: float) -> float:
    """The discriminator's weight decay for so many labeled images, from the three cases that the paper tuned (F.5).

    Between 500 and 5,000 images per class the logarithm is interpolated, outside it is held (nothing is known there);
    a million images in all or more take ImageNet's value.
    """
    if num_images >= 1_000_000:
        return 1e-5
    per_class = min(max(num_images / num_classes, 500), 5000)
    share = math.log(per_class / 500) / math.log(10)
    return float(f"{5e-4 * (1e-4 / 5e-4) ** share:.3g}")


def with_automatic_decay(recipe: Recipe) -> Recipe:
    """The recipe, which knows its data, with D's weight decay filled in where it is automatic: 0 without labels.

    Raises ValueError for a recipe without a labels part, by which it would go.
    """
    if recipe.discriminator_weight_decay is not None:
        return recipe
    if recipe.labels is None:
        raise ValueError(
            f"discriminator_weight_decay is auto, which goes by the images per label, and {recipe.called} has no "
            "labels part that counts them: give a number"
        )
    counted = recipe.labels.images_per_label(recipe)
    decay = weight_decay_for(*counted) if counted else 0.0
    return replace(recipe, discriminator_weight_decay=decay, automatic_decay=True)


def decay_notes(recipe: Recipe) -> list[str]:
    """What `train` says of an automatic weight decay."""
    if not recipe.automatic_decay or recipe.labels is None:
        return []
    counted = recipe.labels.images_per_label(recipe)
    if recipe.discriminator_weight_decay != (weight_decay_for(*counted) if counted else 0.0):
        return []  # changed by hand since
    if counted is None:
        return ["there are no labels, so the discriminator has no weight decay (automatic)"]
    return [
        f"{counted[0] / counted[1]:,.0f} images per label: discriminator weight decay "
        f"{recipe.discriminator_weight_decay:.2g} (fewer images, more decay: Omni-GAN, section F.5); generator weight "
        f"decay {recipe.generator_weight_decay:.2g}"
    ]
