"""Resizing of images before a network sees them: floats in, floats out, one named rule for each convention.

Numbers computed under different rules are not comparable: Parmar et al. 2022 ("On aliased resizing and
surprising subtleties in GAN evaluation") measured by how much FID moves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["BICUBIC", "TENSORFLOW_BILINEAR", "ResizeRule", "resize_images"]


class ResizeRule(NamedTuple):
    """A way to resize.

    Attributes:
        name: stored with every number that depends on it.
        resize: [N, C, h, w] float in 0 .. 255 and (H, W) -> [N, C, H, W], same range.
    """

    name: str
    resize: Callable[[Tensor, tuple[int, int]], Tensor]


def bicubic_antialiased(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Bicubic with support widened when shrinking, overshoot clamped: Pillow's BICUBIC on float images.

    The agreement with Pillow, in gray levels of 255, is 1e-4 when shrinking and 2e-3 when enlarging. Pillow's 8-bit
    mode rounds besides; nothing is rounded here.
    """
    if tuple(images.shape[-2:]) == tuple(size):
        return images
    return F.interpolate(images, size=size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 255)


def tensorflow_bilinear(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear as TensorFlow 1 resized: no antialiasing, and output row i samples input row i * h / H.

    There is no half-pixel shift, so the result is displaced toward the lower right against other libraries;
    the published FID contains that. Follows the convention of
    toshas/torch-fidelity:torch_fidelity/interpolate_compat_tensorflow.py.
    """
    for dim, length in ((-1, size[1]), (-2, size[0])):
        images = _sampled_lines(images, dim, length)
    return images


def _sampled_lines(images: Tensor, dim: int, length: int) -> Tensor:
    available = images.shape[dim]
    if available == length:
        return images
    # single precision throughout, as in TensorFlow: 299 positions fall on other lines in double precision
    scale = torch.tensor(available, dtype=torch.float32) / length
    positions = torch.arange(length, dtype=torch.float32) * scale
    lower = positions.floor().long().clamp(max=available - 1)
    upper = (lower + 1).clamp(max=available - 1)
    share = (positions - lower).to(images)
    if dim == -2:
        share = share[:, None]
    first = images.index_select(dim, lower.to(images.device))
    second = images.index_select(dim, upper.to(images.device))
    return first + (second - first) * share


BICUBIC = ResizeRule("bicubic-antialiased", bicubic_antialiased)
TENSORFLOW_BILINEAR = ResizeRule("tensorflow1-bilinear", tensorflow_bilinear)


def resize_images(images: Tensor, size: tuple[int, int], rule: ResizeRule = BICUBIC) -> Tensor:
    """Resize stored images for a network; other aspects are stretched, as every FID tool does.

    Args:
        images: [N, C, h, w] uint8.
        size: (H, W).
        rule: `BICUBIC` or `TENSORFLOW_BILINEAR`, or one of your own.

    Returns:
        [N, C, H, W] float32 in 0 .. 255, not rounded.

    Raises:
        ValueError: images that are not uint8 [N, C, H, W], or a size below 1.
    """
    if images.ndim != 4 or images.dtype != torch.uint8:
        raise ValueError(
            f"images are {images.dtype} {list(images.shape)}; give uint8 [N, C, H, W] "
            f"(floats in [-1, 1] become uint8 by `quantized`)"
        )
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size is {size}; give (height, width), both at least 1")
    return rule.resize(images.float(), (int(size[0]), int(size[1])))
