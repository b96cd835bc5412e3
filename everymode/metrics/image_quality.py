"""Similarity of image pairs: PSNR and SSIM, and the preprocessing that super-resolution papers apply before them.

SSIM: Wang et al. 2004, 11 x 11 Gaussian window of std 1.5, constants (0.01 L)^2 and (0.03 L)^2, population variances,
windows that lie entirely inside the image. The preprocessing (8 bit, luma, border) follows
kligvasser/SANGAN:utils/misc.py; images are rounded, converted or cropped only by calling it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from everymode.metrics.inputs import Values, as_tensor, check_finite, image_pair, like_inputs, tiles

_WINDOW = 11
"""Side of SSIM's window in pixels."""


def psnr(x: Values, y: Values, data_range: float = 1.0) -> Tensor | np.ndarray:
    """Compute the peak signal-to-noise ratio of each pair in dB, 10 log10(data_range^2 / mean squared error).

    Args:
        x, y: images [B, C, H, W].
        data_range: distance from black to white: 1 for images in [0, 1], 2 for [-1, 1], 255 for 8 bit.
    Returns:
        [B]; infinite for equal images.
    Raises:
        ValueError: if shapes differ or are not [B, C, H, W], there is NaN, or data_range does not fit the images.
    """
    first, second = image_pair(x, y, data_range)
    error = torch.empty(len(first), dtype=torch.float64)
    for part in tiles(len(first), first[0].numel()):
        error[part] = (first[part].double() - second[part].double()).square().flatten(1).mean(1)
    return like_inputs(10 * (data_range**2 / error).log10(), x, y)


def ssim(x: Values, y: Values, data_range: float = 1.0) -> Tensor | np.ndarray:
    """Compute the structural similarity of each pair, averaged over windows and channels.

    Args:
        x, y: images [B, C, H, W].
        data_range: see `psnr`.
    Returns:
        [B], -1 to 1; 1 for equal images.
    Raises:
        ValueError: under the conditions of `psnr`, and for images below 11 x 11.
    """
    first, second = image_pair(x, y, data_range)
    if min(first.shape[2:]) < _WINDOW:
        raise ValueError(
            f"images are {first.shape[2]} x {first.shape[3]}; SSIM's window needs at least 11 x 11"
        )
    offsets = torch.arange(_WINDOW, dtype=torch.float64) - _WINDOW // 2
    window = (-offsets.square() / (2 * 1.5**2)).exp()
    window /= window.sum()
    similarity = torch.empty(len(first), dtype=torch.float64)
    for part in tiles(len(first), 5 * first[0].numel()):
        similarity[part] = _similarity(first[part].double(), second[part].double(), window, data_range)
    return like_inputs(similarity, x, y)


def eight_bit(images: Values, data_range: float = 1.0) -> Tensor | np.ndarray:
    """Quantize images from 0 to data_range to integers 0 to 255 in float64: clamped, then rounded half to even."""
    return like_inputs((_images(images) / data_range).clamp(0, 1).mul(255).round(), images)


def luma(images: Values, data_range: float = 1.0, *, rounded: bool = False) -> Tensor | np.ndarray:
    """Compute the luma 16 to 235 (ITU-R BT.601) of RGB images, Y = 16 + (65.481 R + 128.553 G + 24.966 B) / data_range.

    Compare the results with data_range=255.

    Args:
        images: [B, 3, H, W], from 0 to data_range.
        rounded: whether to round to integers, as in 8-bit images.
    Returns:
        float64 [B, 1, H, W].
    Raises:
        ValueError: if the images don't have 3 channels.
    """
    colors = _images(images)
    if colors.shape[1] != 3:
        raise ValueError(f"images have {colors.shape[1]} channels; luma needs 3 (red, green, blue)")
    weights = torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64)[:, None, None]
    brightness = 16 + (colors * weights).sum(1, keepdim=True) / data_range
    return like_inputs(brightness.round() if rounded else brightness, images)


def without_border(images: Values, pixels: int) -> Tensor | np.ndarray:
    """Crop a number of pixels from each side of images [B, C, H, W].

    Raises:
        ValueError: if nothing would remain.
    """
    tensor = _images(images)
    height, width = tensor.shape[2:]
    if pixels < 0 or 2 * pixels >= min(height, width):
        raise ValueError(
            f"{pixels} pixels cannot be cropped from each side of images of {height} x {width}; choose a number from 0 "
            f"to {(min(height, width) - 1) // 2}"
        )
    return like_inputs(tensor[:, :, pixels : height - pixels, pixels : width - pixels], images)


def super_resolution_view(images: Values, scale: int, data_range: float = 1.0) -> Tensor | np.ndarray:
    """Preprocess images as super-resolution papers do: 8-bit RGB, rounded luma, `scale` pixels cropped from each side.

    Call `psnr` and `ssim` on two of the results with data_range=255.

    Args:
        images: [B, 3, H, W], from 0 to data_range.
    Returns:
        float64 [B, 1, H - 2 scale, W - 2 scale].
    """
    return without_border(luma(eight_bit(images, data_range), 255.0, rounded=True), scale)


def _similarity(x: Tensor, y: Tensor, window: Tensor, data_range: float) -> Tensor:
    """Return the SSIM of float64 images [n, C, H, W], [n]."""
    maps = torch.stack([x, y, x * x, y * y, x * y]).flatten(0, 2).unsqueeze(1)
    maps = functional.conv2d(functional.conv2d(maps, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))
    mean_x, mean_y, square_x, square_y, product = maps.view(5, *x.shape[:2], *maps.shape[2:])
    luminance, contrast = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    shared, energy = mean_x * mean_y, mean_x.square() + mean_y.square()
    ratio = (2 * shared + luminance) * (2 * (product - shared) + contrast)
    ratio /= (energy + luminance) * (square_x + square_y - energy + contrast)
    return ratio.flatten(1).mean(1)


def _images(images: Values) -> Tensor:
    tensor = as_tensor("images", images)
    if tensor.ndim != 4 or tensor.numel() == 0:
        raise ValueError(
            f"images have shape {list(tensor.shape)}; [B, C, H, W] with at least one image is needed"
        )
    if tensor.is_floating_point():
        check_finite("images", tensor)
    return tensor.double()
