"""Pictures of conditions: label maps in colors, edges, and enlarged pictures of lower resolution."""

from __future__ import annotations

import colorsys
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.condition import UNLABELED, VOID, Condition

_GOLDEN = 0.618033988749895
"""Part of the color circle between the hues of two consecutive classes, so that neighbors differ."""


@cache
def palette() -> np.ndarray:
    """Return a color for each class of a label map, uint8 [256, 3]; 255 (no class) is black."""
    colors = [
        colorsys.hsv_to_rgb(
            (0.6 + number * _GOLDEN) % 1, 0.75 - 0.25 * (number % 3 == 2), 1 - 0.3 * (number % 2)
        )
        for number in range(VOID)
    ]
    return (np.array([*colors, (0, 0, 0)]) * 255).round().astype(np.uint8)


def map_pictures(maps: Tensor) -> Tensor:
    """Return label maps [n, H, W] of integers in colors, [n, 3, H, W] in [-1, 1]; pixels without a class are black."""
    indices = torch.where(maps == UNLABELED, VOID, maps).cpu().long()
    colors = torch.from_numpy(palette())[indices]
    return colors.permute(0, 3, 1, 2).float() / 127.5 - 1


def condition_pictures(condition: Condition, size: tuple[int, int]) -> list[Tensor]:
    """Return pictures [n, C, H, W] of each part of a condition that is a map or a picture, for `size` (height, width).

    Maps and pictures of another size are resized to the nearest pixel, so that their pixels can be seen.
    """
    parts = condition if isinstance(condition, tuple) else () if condition is None else (condition,)
    shown = []
    for part in parts:
        if part.ndim == 3 and not part.is_floating_point():
            shown.append(map_pictures(part))
        elif part.ndim == 3:  # edges
            shown.append((part.float().cpu() * 2 - 1).unsqueeze(1).expand(-1, 3, -1, -1))
        elif part.ndim == 4:
            shown.append(part.float().cpu())
    return [each if each.shape[2:] == size else F.interpolate(each, size, mode="nearest") for each in shown]
