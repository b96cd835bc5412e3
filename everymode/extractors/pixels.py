"""Conversion of pixels for extractors: from [-1, 1] to uint8, and to another number of channels."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from everymode.numbers import NotFinite

__all__ = ["quantized", "with_channels"]

GRAY_WEIGHTS = (0.299, 0.587, 0.114)
"""Weights of red, green and blue by ITU-R 601, as for decoded files."""


def quantized(images: Tensor) -> Tensor:
    """Quantize generated images in [-1, 1] to 0 .. 255, as they would be stored; values outside are clamped.

    Warns if all values lie in [0, 1], which is another convention: such images would become light gray to white.

    Args:
        images: floats of any shape; they are rounded in float32.

    Returns:
        uint8 of the same shape and on the same device.
    Raises:
        ValueError: if images are not floats.
        NotFinite: if pixels are NaN or infinite (a subclass of ValueError).
    """
    if not images.is_floating_point():
        raise ValueError(f"images are {images.dtype}; give floats in [-1, 1] (uint8 needs no quantization)")
    floats = images.detach().float()
    if not bool(torch.isfinite(floats).all()):
        count = int((~torch.isfinite(floats)).flatten(1).any(dim=1).sum()) if floats.ndim > 1 else 1
        raise NotFinite(
            f"{count} of {len(floats)} images hold NaN or infinite pixels; the generator has diverged, "
            f"evaluate an earlier checkpoint"
        )
    if floats.numel() and bool((floats.amin() >= 0) & (floats.amax() <= 1)):
        warnings.warn(
            "all pixels lie in 0 .. 1, but images are expected in [-1, 1]: convert images in 0 .. 1 with "
            "`2 * images - 1`, or they are scored as light gray",
            stacklevel=2,
        )
    return floats.add(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)


def with_channels(images: Tensor, channels: int) -> Tensor:
    """Return uint8 images [N, 1, 3 or 4, H, W] with 1 or 3 channels.

    Alpha is first composited over white. Gray is repeated three times; color becomes gray by the weights of ITU-R 601.
    Each step rounds to integers, as in decoded files.

    Args:
        images: uint8 images.
        channels: number of channels of the result.

    Raises:
        ValueError: if either number of channels is not supported.
    """
    current = images.shape[1]
    if current not in (1, 3, 4) or channels not in (1, 3):
        raise ValueError(
            f"images have {current} channels and the extractor reads {channels}; "
            f"images may have 1 (gray), 3 (RGB) or 4 (RGBA), extractors read 1 or 3"
        )
    if current == 4:
        alpha = images[:, 3:].float() / 255
        images = (images[:, :3].float() * alpha + 255 * (1 - alpha)).round_().clamp_(0, 255).to(torch.uint8)
        current = 3
    if current == channels:
        return images
    if channels == 3:
        return images.expand(-1, 3, -1, -1)
    weights = torch.tensor(GRAY_WEIGHTS, device=images.device)[:, None, None]
    return (images.float() * weights).sum(1, keepdim=True).round_().clamp_(0, 255).to(torch.uint8)
