"""Conditions of images: labels, label maps, pictures, or tuples of them. Imports torch and nothing of everymode."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

UNLABELED = -1
"""Label of an image without a label."""
VOID = 255
"""Class of the pixels of a label map that belong to no class."""
Condition = Tensor | tuple[Tensor, ...] | None
"""Condition of a batch of images: labels [B] (or [B, blocks]), label maps [B, H, W] int64, pictures [B, C, h, w], a
tuple of such tensors, or None = unconditional."""
Features = tuple[Tensor, ...] | tuple[tuple[Tensor, ...], ...]
"""Intermediate activations, shallow to deep; or one such tuple per scale."""


def concatenated(first: Condition, second: Condition) -> Condition:
    """Return the condition of two batches of fakes and reals together.

    Raises:
        ValueError: if one of them has a condition and the other none, or one of another type.
    """
    if first is None and second is None:
        return None
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return torch.cat((first, second))
    if isinstance(first, tuple) and isinstance(second, tuple):
        return tuple(torch.cat(pair) for pair in zip(first, second, strict=True))
    raise ValueError(
        "reals and fakes must both have a condition or both have none, of one type: the label source returned "
        f"{type(second).__name__} for reals and {type(first).__name__} for fakes"
    )


def rows_of(features: Features, rows: slice) -> Features:
    """Return some rows of every layer of features."""
    nested = [
        layer[rows] if isinstance(layer, Tensor) else tuple(each[rows] for each in layer)
        for layer in features
    ]
    return cast(Features, tuple(nested))  # all layers are tensors, or all are tuples


def with_maps_moved(condition: Condition, move: Callable[[Tensor], Tensor]) -> Condition:
    """Return a condition whose maps [B, H, W] were moved; labels and pictures stay.

    Pictures are not moved, because the discriminator doesn't see them.
    """
    if condition is None:
        return None
    parts = condition if isinstance(condition, tuple) else (condition,)
    moved = tuple(move(each) if each.ndim == 3 else each for each in parts)
    return moved if isinstance(condition, tuple) else moved[0]
