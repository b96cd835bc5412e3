"""Luminance of a target in place of that of an image: a colorization keeps the gray values it was given."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from everymode.metrics.color import lab_to_rgb, rgb_to_lab

ROWS_OF_PIXELS = 1 << 20
"""Number of pixels that are converted at once."""


def with_luminance(image: Tensor, target: Tensor) -> Tensor:
    """Replace the luminance L (CIE Lab, D65) of an image by that of another.

    Released deep generative prior reports its colorizations so.

    Args:
        image: [B, 3, H, W] in [-1, 1].
        target: [B, 3, H, W] in [-1, 1], gray or in color.
    Returns:
        [B, 3, H, W] in [-1, 1]; colors beyond it are clipped.
    Raises:
        ValueError: if the shapes differ, or there are not three channels.
    """
    if image.shape != target.shape or image.dim() != 4 or image.shape[1] != 3:
        raise ValueError(
            f"the image has shape {list(image.shape)} and the target {list(target.shape)}; pass two [B, 3, H, W]"
        )
    rows = max(ROWS_OF_PIXELS // max(len(image) * image.shape[3], 1), 1)
    strips: list[Tensor] = []
    for start in range(0, image.shape[2], rows):
        window = slice(start, start + rows)
        lab = _lab(image[:, :, window])
        mixed = torch.cat((_lab(target[:, :, window])[:, :1], lab[:, 1:]), 1)
        strips.append(cast(Tensor, lab_to_rgb(mixed)).clamp(0, 1) * 2 - 1)
    return torch.cat(strips, 2)


def _lab(images: Tensor) -> Tensor:
    return cast(Tensor, rgb_to_lab((images.clamp(-1, 1) + 1) / 2))  # tensors give tensors
