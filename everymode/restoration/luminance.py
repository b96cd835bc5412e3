"""Luminance of a target in place of that of an image: a colorization keeps the gray values it was given."""

from __future__ import annotations

import torch
from torch import Tensor

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
    from everymode.metrics import lab_to_rgb, rgb_to_lab

    if image.shape != target.shape or image.dim() != 4 or image.shape[1] != 3:
        raise ValueError(
            f"the image has shape {list(image.shape)} and the target {list(target.shape)}; pass two [B, 3, H, W]"
        )
    rows = max(ROWS_OF_PIXELS // max(len(image) * image.shape[3], 1), 1)
    strips: list[Tensor] = []
    for start in range(0, image.shape[2], rows):
        window = slice(start, start + rows)
        lab = rgb_to_lab((image[:, :, window].clamp(-1, 1) + 1) / 2)
        luminance = rgb_to_lab((target[:, :, window].clamp(-1, 1) + 1) / 2)[:, :1]
        strips.append(lab_to_rgb(torch.cat((luminance, lab[:, 1:]), 1)).clamp(0, 1) * 2 - 1)
    return torch.cat(strips, 2)
