"""The names that a recipe's field `augmentation` holds, and which of them go together. Free of torch."""

from __future__ import annotations

import difflib

AUGMENTATIONS = ("color", "translation", "cutout")
"""Policies of differentiable augmentation (DiffAug)."""
ADAPTIVE = "ada"
"""Adaptive augmentation by what leaves an image's meaning alone: shift, scale, stretch, slide, brightness, contrast and
saturation."""
ADAPTIVE_FURTHER = ("flip", "quarter-turn", "rotation", "luma-flip", "hue")
"""What may follow ADAPTIVE. A mirrored or turned digit, say, is no digit, or another one; so they are asked for by
name. All of them together give the paper's pipeline "bgc"."""


def parse_augmentation(text: str) -> tuple[str, ...]:
    """Names joined by commas as a tuple, empty for empty text. Spaces around names don't matter.

    Raises ValueError for an unknown name (naming the nearest), for one named twice, and for names that don't go
    together.
    """
    names = tuple(name.strip() for name in text.split(",")) if text.strip() else ()
    known = (*AUGMENTATIONS, ADAPTIVE, *ADAPTIVE_FURTHER)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else "Leave it empty for none."
            raise ValueError(
                f"augmentation takes any of {', '.join(AUGMENTATIONS)} joined by commas, or {ADAPTIVE} and after it "
                f"any of {', '.join(ADAPTIVE_FURTHER)}; not {name!r}. {hint}"
            )
        if names.count(name) > 1:
            raise ValueError(f"augmentation names {name} twice: name it once")
        if (name in AUGMENTATIONS and ADAPTIVE in names) or (
            name in ADAPTIVE_FURTHER and ADAPTIVE not in names
        ):
            raise ValueError(
                f"augmentation {text!r} mixes two kinds: {', '.join(ADAPTIVE_FURTHER)} follow {ADAPTIVE} "
                f"(such as {ADAPTIVE},flip), and {', '.join(AUGMENTATIONS)} stand without it"
            )
    return names
