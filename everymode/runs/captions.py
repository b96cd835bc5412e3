"""Captions of a run's pictures."""

from __future__ import annotations

from everymode.augmentation_names import ADAPTIVE

__all__ = ["augmentation_caption"]


def augmentation_caption(augment: object | None, name: str | None) -> str:
    """Return the caption of training images as the discriminator gets them; "" if they are not augmented.

    Args:
        augment: augmentation of the game; None = none.
        name: the recipe's `augmentation`; "" or None for a custom one.
    """
    if augment is None:
        return ""
    if name and ADAPTIVE in name.split(","):
        return f"as the discriminator gets them, with augmentation {name}, whose strength is 0 at first"
    return f"as the discriminator gets them, with augmentation {name or type(augment).__name__}"
