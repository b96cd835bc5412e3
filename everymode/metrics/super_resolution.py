"""PSNR and SSIM of luma, as super-resolution papers report them.

Images are rounded to 8 bits, converted to rounded luma (ITU-R BT.601, 16 to 235), and `crop` pixels are cropped from
each side; the peak is 255. PSNR on RGB, or on luma scaled to 0 .. 1, is another number.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from everymode.metrics.image_quality import psnr, ssim, super_resolution_view
from everymode.metrics.inputs import Values, as_tensor, check_levels


def psnr_y(x: Values, y: Values, crop: int) -> Tensor | np.ndarray:
    """Compute the peak signal-to-noise ratio of the luma of each pair, in dB.

    The convention is that of kligvasser/SANGAN.

    Args:
        x, y: RGB images [B, 3, H, W] in 0 .. 255; floats are rounded and clipped.
        crop: number of pixels to crop from each side, by convention the scale of super-resolution.
    Returns:
        float64 [B]; infinite for images that are equal after rounding.
    Raises:
        ValueError: if shapes differ or are not [B, 3, H, W], values are in another range (such as 0 .. 1),
            there is NaN, or nothing remains after cropping.
    """
    return psnr(*_views(x, y, crop), data_range=255.0)


def ssim_y(x: Values, y: Values, crop: int) -> Tensor | np.ndarray:
    """Compute the structural similarity of the luma of each pair, over windows of 11 x 11 that lie inside the image.

    Args:
        x, y: RGB images [B, 3, H, W] in 0 .. 255; floats are rounded and clipped.
        crop: number of pixels to crop from each side, by convention the scale of super-resolution.
    Returns:
        float64 [B], -1 to 1.
    Raises:
        ValueError: under the conditions of `psnr_y`, and if less than 11 x 11 pixels remain after cropping.
    """
    return ssim(*_views(x, y, crop), data_range=255.0)


def _views(x: Values, y: Values, crop: int) -> tuple[Tensor | np.ndarray, Tensor | np.ndarray]:
    """Return the luma of both sides without borders, [B, 1, H - 2 crop, W - 2 crop]."""
    shapes = [list(as_tensor(name, images).shape) for name, images in (("x", x), ("y", y))]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"x has shape {shapes[0]} and y {shapes[1]}; give two batches of one shape [B, 3, H, W]"
        )
    for name, images in (("x", x), ("y", y)):
        check_levels(name, as_tensor(name, images))
    first, second = (super_resolution_view(images, crop, 255.0) for images in (x, y))
    return first, second
