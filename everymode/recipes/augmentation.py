"""The augmentation that a recipe's numbers ask for, whatever its networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from everymode.augmentation_names import parse_augmentation
from everymode.recipe import Recipe

if TYPE_CHECKING:
    from torch import Tensor

    from everymode.draws import Draws


def augmentation_of(recipe: Recipe) -> Callable[[Tensor, Draws], Tensor] | None:
    """What the discriminator's images go through; None where the recipe names no augmentation."""
    from everymode.augment.choosing import find_augmentation

    return find_augmentation(
        parse_augmentation(recipe.augmentation),
        batch_size=recipe.batch_size,
        target=recipe.augmentation_target,
        images_to_one=recipe.augmentation_images,
    )
