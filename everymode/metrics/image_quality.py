"""Likeness of image pairs: PSNR and SSIM, and the steps that super-resolution papers take before them.

SSIM: Wang et al. 2004, 11 x 11 Gaussian window of std 1.5, constants (0.01 L)^2 and (0.03 L)^2, population variances,
windows that lie wholly in the image. The steps (8 bit, luma, border) follow kligvasser/SANGAN:utils/misc.py; nothing
is rounded, converted or cut unless one of them is called.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from everymode.metrics.inputs import Values, as_given, as_tensor, check_finite, image_pair, tiles

_WINDOW = 11


def psnr(x: Values, y: Values, data_range: float = 1.0) -> Tensor | np.ndarray:
    """Peak signal-to-noise ratio of each pair in dB, 10 log10(data_range^2 / mean squared error), [B, C, H, W] -> [B].

    Infinite for equal images. `data_range` is the distance from black to white: 1 for images in [0, 1], 2 in
    [-1, 1], 255 for 8 bit.
    """
    first, second = image_pair(x, y, data_range)
    error = torch.empty(len(first), dtype=torch.float64)
    for part in tiles(len(first), first[0].numel()):
        error[part] = (first[part].double() - second[part].double()).square().flatten(1).mean(1)
    return as_given(10 * (data_range**2 / error).log10(), x, y)


def ssim(x: Values, y: Values, data_range: float = 1.0) -> Tensor | np.ndarray:
    """Structural similarity of each pair, mean over windows and channels, [B, C, H, W] -> [B]; -1 to 1, 1 for equal.

    Raises:
        ValueError: also for images below 11 x 11.
    """
    first, second = image_pair(x, y, data_range)
    if min(first.shape[2:]) < _WINDOW:
        raise ValueError(
            f"images are {first.shape[2]} x {first.shape[3]}; SSIM's window needs 11 x 11 at least"
        )
    offsets = torch.arange(_WINDOW, dtype=torch.float64) - _WINDOW // 2
    window = (-offsets.square() / (2 * 1.5**2)).exp()
    window /= window.sum()
    found = torch.empty(len(first), dtype=torch.float64)
    for part in tiles(len(first), 5 * first[0].numel()):
        found[part] = _similarity(first[part].double(), second[part].double(), window, data_range)
    return as_given(found, x, y)


def eight_bit(images: Values, data_range: float = 1.0) -> Tensor | np.ndarray:
    """Images from 0 to data_range as whole numbers 0 to 255 in float64: clamped, then rounded half to even."""
    return as_given((_images(images) / data_range).clamp(0, 1).mul(255).round(), images)


def luma(images: Values, data_range: float = 1.0, *, rounded: bool = False) -> Tensor | np.ndarray:
    """Brightness 16 to 235 (ITU-R BT.601) of RGB images from 0 to data_range, [B, 3, H, W] -> [B, 1, H, W] float64.

    Y = 16 + (65.481 R + 128.553 G + 24.966 B) / data_range; `rounded` to whole numbers, as an 8-bit image has them.
    Compare the result with data_range=255.
    """
    colors = _images(images)
    if colors.shape[1] != 3:
        raise ValueError(f"images have {colors.shape[1]} channels; luma needs 3 (red, green, blue)")
    weights = torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64)[:, None, None]
    brightness = 16 + (colors * weights).sum(1, keepdim=True) / data_range
    return as_given(brightness.round() if rounded else brightness, images)


def without_border(images: Values, pixels: int) -> Tensor | np.ndarray:
    """Images [B, C, H, W] less so many pixels at each side."""
    whole = _images(images)
    height, width = whole.shape[2:]
    if pixels < 0 or 2 * pixels >= min(height, width):
        raise ValueError(f"{pixels} pixels cannot be cut from each side of images of {height} x {width}")
    return as_given(whole[:, :, pixels : height - pixels, pixels : width - pixels], images)


def super_resolution_view(images: Values, scale: int, data_range: float = 1.0) -> Tensor | np.ndarray:
    """What super-resolution papers compare: 8-bit RGB, rounded luma, `scale` pixels cut from each side.

    Gives [B, 1, H - 2 scale, W - 2 scale]; call `psnr` and `ssim` on two of these with data_range=255.
    """
    return without_border(luma(eight_bit(images, data_range), 255.0, rounded=True), scale)


def _similarity(x: Tensor, y: Tensor, window: Tensor, data_range: float) -> Tensor:
    """SSIM of float64 images [n, C, H, W] -> [n]."""
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
