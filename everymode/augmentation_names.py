"""Names in a recipe's field `augmentation`, and their valid combinations. Does not import torch."""

from __future__ import annotations

import difflib

AUGMENTATIONS = ("color", "translation", "cutout")
"""Policies of differentiable augmentation (DiffAug)."""
ADAPTIVE = "ada"
"""Adaptive augmentation by transformations that keep the meaning of an image: integer and fractional translation,
isotropic and anisotropic scaling, brightness, contrast and saturation."""
ADAPTIVE_FURTHER = ("flip", "quarter-turn", "rotation", "luma-flip", "hue")
"""Further transformations that may follow ADAPTIVE. They can change the meaning of an image, such as a flipped digit,
so they must be requested by name. All of them together are the paper's pipeline "bgc"."""


def parse_augmentation(text: str) -> tuple[str, ...]:
    """Split names joined by commas; spaces around names are ignored.

    Returns:
        The names; () for an empty text.

    Raises:
        ValueError: for an unknown name (the error message has the nearest), a repeated name, and names that can't be
            combined.
    """
    names = tuple(name.strip() for name in text.split(",")) if text.strip() else ()
    known = (*AUGMENTATIONS, ADAPTIVE, *ADAPTIVE_FURTHER)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else "Leave it empty for none."
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
