"""Automatic weight decay of the discriminator: the fewer images per label, the more (Omni-GAN, section F.5)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from everymode.recipe import Recipe


def weight_decay_for(num_images: float, num_classes: float) -> float:
    """Compute the discriminator's weight decay from the three cases that the paper tuned (section F.5).

    Its logarithm is interpolated linearly in that of the images per class between 500 and 5,000, and constant outside,
    where nothing is known. From a million images in all it is that of ImageNet.
    """
    if num_images >= 1_000_000:
        return 1e-5
    per_class = min(max(num_images / num_classes, 500), 5000)
    fraction = math.log(per_class / 500) / math.log(10)
    return float(f"{5e-4 * (1e-4 / 5e-4) ** fraction:.3g}")


def with_automatic_decay(recipe: Recipe) -> Recipe:
    """Return the recipe with an automatic weight decay of the discriminator filled in; it is 0 without labels.

    Args:
        recipe: a recipe that holds the facts of its data.

    Raises:
        ValueError: if the decay is automatic and the recipe has no labels part.
    """
    if recipe.discriminator_weight_decay is not None:
        return recipe
    if recipe.labels is None:
        raise ValueError(
            "discriminator_weight_decay is auto, which is derived from the images per label, but "
            f"{recipe.called} has no labels part that counts them: set discriminator_weight_decay to a number"
        )
    images_and_labels = recipe.labels.images_per_label(recipe)
    decay = weight_decay_for(*images_and_labels) if images_and_labels else 0.0
    return replace(recipe, discriminator_weight_decay=decay, automatic_decay=True)


def decay_notes(recipe: Recipe) -> list[str]:
    """Return the sentences that `train` prints about an automatic weight decay."""
    if not recipe.automatic_decay or recipe.labels is None:
        return []
    images_and_labels = recipe.labels.images_per_label(recipe)
    decay = weight_decay_for(*images_and_labels) if images_and_labels else 0.0
    if recipe.discriminator_weight_decay != decay:
        return []  # the user has changed it since
    if images_and_labels is None:
        return ["there are no labels, so the discriminator has no weight decay (automatic)"]
    return [
        f"{images_and_labels[0] / images_and_labels[1]:,.0f} images per label: discriminator weight decay "
        f"{recipe.discriminator_weight_decay:.2g} (fewer images, more decay: Omni-GAN, section F.5); generator weight "
        f"decay {recipe.generator_weight_decay:.2g}"
    ]
