"""Augmentations by the names in a recipe's field `augmentation`: the only code in which strings select them."""

from __future__ import annotations

from collections.abc import Sequence

from everymode.augment.adaptive import AdaptiveAugmentation
from everymode.augment.coloring import Coloring, brightness, contrast, hue, luma_flip, saturation
from everymode.augment.diffaug import Policy, color, cutout, diff_augment, translation
from everymode.augment.geometry import (
    Movement,
    flip,
    quarter_turn,
    rotation,
    scale,
    shift,
    slide,
    stretch,
)
from everymode.augmentation_names import ADAPTIVE, ADAPTIVE_FURTHER

DIFFERENTIABLE: dict[str, Policy] = {"color": color, "translation": translation, "cutout": cutout}
"""DiffAug's policies by name."""


def find_augmentation(
    names: Sequence[str], *, batch_size: int, target: float = 0.6, images_to_one: float = 500_000
) -> Policy | None:
    """Return the augmentation of a recipe: None without names, DiffAug's policies in the order named, or ADA.

    Args:
        names: from `everymode.augmentation_names.parse_augmentation`.
        batch_size: real images of one discriminator update, over all processes; used by ADA only.
        target: see AdaptiveAugmentation; used by ADA only.
        images_to_one: see AdaptiveAugmentation; used by ADA only.

    Raises:
        ValueError: for an unknown name, or for DiffAug's policies beside adaptive augmentation.
    """
    if not names:
        return None
    allowed = (ADAPTIVE, *ADAPTIVE_FURTHER) if ADAPTIVE in names else tuple(DIFFERENTIABLE)
    unknown = [name for name in names if name not in allowed]
    if unknown:
        raise ValueError(f"no augmentation {unknown} here: choose from {', '.join(allowed)}")
    if ADAPTIVE not in names:
        return diff_augment(*(DIFFERENTIABLE[name] for name in names))
    further = {name for name in names if name != ADAPTIVE}
    return AdaptiveAugmentation(
        _movements(further),
        _colorings(further),
        batch_size=batch_size,
        target=target,
        images_to_one=images_to_one,
    )


def _movements(further: set[str]) -> list[Movement]:
    """Return the geometric augmentations, in the paper's order."""
    turning = "rotation" in further
    return [
        *([flip()] if "flip" in further else []),
        *([quarter_turn()] if "quarter-turn" in further else []),
        shift(),
        scale(),
        *([rotation("rotation before stretch")] if turning else []),
        stretch(),
        *([rotation("rotation after stretch")] if turning else []),
        slide(),
    ]


def _colorings(further: set[str]) -> list[Coloring]:
    """Return the color augmentations, in the paper's order."""
    return [
        brightness(),
        contrast(),
        *([luma_flip()] if "luma-flip" in further else []),
        *([hue()] if "hue" in further else []),
        saturation(),
    ]
