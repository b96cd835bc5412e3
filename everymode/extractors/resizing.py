"""Resizing of images for extractors, from floats to floats, with one named rule per convention.

Metrics computed with different rules are not comparable: Parmar et al. 2022 ("On aliased resizing and surprising
subtleties in GAN evaluation") measured by how much FID changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["BICUBIC", "TENSORFLOW_BILINEAR", "ResizeRule", "resize_images"]


class ResizeRule(NamedTuple):
    """A resizing rule.

    Attributes:
        name: name that is stored with every value that depends on the rule.
        resize: maps float [N, C, h, w] in 0 .. 255 and (H, W) to [N, C, H, W] in the same range.
    """

    name: str
    resize: Callable[[Tensor, tuple[int, int]], Tensor]


def bicubic_antialiased(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize bicubically with antialiasing when shrinking, and clamp overshoot: Pillow's BICUBIC on float images.

    Results agree with Pillow's to 1e-4 when shrinking and 2e-3 when enlarging, in gray levels of 255. Pillow's 8-bit
    mode also rounds; this function does not.
    """
    if tuple(images.shape[-2:]) == tuple(size):
        return images
    return F.interpolate(images, size=size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 255)


def tensorflow_bilinear(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize bilinearly as TensorFlow 1: without antialiasing, and output row i samples input row i * h / H.

    There is no half-pixel shift, so results are displaced toward the lower right relative to other libraries; the
    published FID includes this. The convention is that of
    toshas/torch-fidelity:torch_fidelity/interpolate_compat_tensorflow.py.
    """
    for dim, length in ((-1, size[1]), (-2, size[0])):
        images = _sampled_lines(images, dim, length)
    return images


def _sampled_lines(images: Tensor, dim: int, length: int) -> Tensor:
    available = images.shape[dim]
    if available == length:
        return images
    # Single precision, as in TensorFlow: in double precision, 299 positions would fall on other lines.
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
    """Resize stored images for a network. Other aspect ratios are stretched, as in all FID implementations.

    Args:
        images: uint8 [N, C, h, w].
        size: (H, W).
        rule: `BICUBIC`, `TENSORFLOW_BILINEAR` or a custom rule.

    Returns:
        float32 [N, C, H, W] in 0 .. 255, not rounded.
    Raises:
        ValueError: if images are not uint8 [N, C, h, w], or if a side of `size` is below 1.
    """
    if images.ndim != 4 or images.dtype != torch.uint8:
        raise ValueError(
            f"images are {images.dtype} {list(images.shape)}; give uint8 [N, C, H, W] "
            f"(`quantized` converts floats in [-1, 1] to uint8)"
        )
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size is {size}; give (height, width), both at least 1")
    return rule.resize(images.float(), (int(size[0]), int(size[1])))
