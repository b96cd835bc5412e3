"""Pixels before a network sees them: from [-1, 1] to uint8, and one rule for the number of channels."""

from __future__ import annotations

import torch
from torch import Tensor

from everymode.numbers import NotFinite

__all__ = ["quantized", "with_channels"]

GRAY_WEIGHTS = (0.299, 0.587, 0.114)
"""ITU-R 601, as for decoded files."""


def quantized(images: Tensor) -> Tensor:
    """Generated images in [-1, 1] as they would be stored: rounded to 0 .. 255, values outside clamped.

    Args:
        images: floats, any shape; rounding happens in float32.

    Returns:
        uint8, same shape and device.

    Raises:
        ValueError: images that are not floats; NotFinite (one, too): NaN or infinite pixels.
    """
    if not images.is_floating_point():
        raise ValueError(f"images are {images.dtype}; only floats in [-1, 1] need to be quantized")
    wide = images.detach().float()
    if not bool(torch.isfinite(wide).all()):
        bad = int((~torch.isfinite(wide)).flatten(1).any(dim=1).sum()) if wide.ndim > 1 else 1
        raise NotFinite(
            f"{bad} of {len(wide)} images hold NaN or infinite pixels; the generator has diverged, "
            f"evaluate an earlier checkpoint"
        )
    return wide.add(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)


def with_channels(images: Tensor, channels: int) -> Tensor:
    """uint8 images [N, 1, 3 or 4, H, W] with 1 or 3 channels.

    Alpha is composited over white first; gray is repeated three times; color becomes gray by the weights
    of ITU-R 601. Each step is rounded to whole levels, as decoded files are.

    Raises:
        ValueError: another number of channels.
    """
    given = images.shape[1]
    if given not in (1, 3, 4) or channels not in (1, 3):
        raise ValueError(
            f"images have {given} channels and the extractor reads {channels}; "
            f"images may have 1 (gray), 3 (RGB) or 4 (RGBA), extractors read 1 or 3"
        )
    if given == 4:
        alpha = images[:, 3:].float() / 255
        images = (images[:, :3].float() * alpha + 255 * (1 - alpha)).round_().clamp_(0, 255).to(torch.uint8)
        given = 3
    if given == channels:
        return images
    if channels == 3:
        return images.expand(-1, 3, -1, -1)
    weights = torch.tensor(GRAY_WEIGHTS, device=images.device)[:, None, None]
    return (images.float() * weights).sum(1, keepdim=True).round_().clamp_(0, 255).to(torch.uint8)
