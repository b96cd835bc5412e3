"""Conversion between sRGB and CIE L*a*b* (white point D65, 2 degree observer), differentiable.

Constants: IEC 61966-2-1 for sRGB; the matrix and white point of scikit-image, so that results agree with its rgb2lab.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_XYZ_OF_RGB = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
_WHITE = (0.95047, 1.0, 1.08883)
_EDGE = 6 / 29
"""Root below which the cube root is replaced by a line."""


def rgb_to_lab(rgb: Tensor | np.ndarray) -> Tensor | np.ndarray:
    """Convert sRGB images to L*a*b*.

    Args:
        rgb: floats [..., 3, H, W], such as [B, 3, H, W], from 0 to 1. (x + 1) / 2 converts images in [-1, 1].
    Returns:
        The same shape and dtype: L from 0 to 100, a and b about -110 to 110.
    Raises:
        ValueError: if images are not floats with 3 channels, or a pixel is outside 0 .. 1 by more than rounding.
    """
    colors, is_array = _images("rgb", rgb, "RGB in 0 .. 1")
    if colors.numel() and not bool(((colors > -1e-4) & (colors < 1 + 1e-4)).all()):
        low, high = float(colors.min()), float(colors.max())
        raise ValueError(
            f"rgb runs from {low:.4g} to {high:.4g}; give 0 .. 1: (x + 1) / 2 converts images in [-1, 1], x / 255 "
            "8-bit ones"
        )
    colors = colors.clamp(0, 1)
    linear = torch.where(colors > 0.04045, ((colors + 0.055) / 1.055) ** 2.4, colors / 12.92)
    white = colors.new_tensor(_WHITE)[:, None, None]
    ratios = _mixed(linear, colors.new_tensor(_XYZ_OF_RGB)) / white
    # Clamped in the branch that is not used, whose infinite derivative would become NaN.
    roots = torch.where(
        ratios > _EDGE**3,
        ratios.clamp(min=_EDGE**3) ** (1 / 3),
        ratios / (3 * _EDGE**2) + 4 / 29,
    )
    x, y, z = roots.unbind(-3)
    lab = torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=-3)
    return lab.numpy() if is_array else lab


def lab_to_rgb(lab: Tensor | np.ndarray) -> Tensor | np.ndarray:
    """Convert L*a*b* to sRGB images. Colors that sRGB cannot show are clipped channel by channel.

    Args:
        lab: floats [..., 3, H, W], L from 0 to 100.
    Returns:
        The same shape and dtype, from 0 to 1.
    Raises:
        ValueError: if images are not floats with 3 channels, or there is NaN.
    """
    values, is_array = _images("lab", lab, "L*a*b*")
    lightness, a, b = values.unbind(-3)
    y = (lightness + 16) / 116
    # No light is negative: z is cut at 0, as in scikit-image.
    roots = torch.stack([a / 500 + y, y, (y - b / 200).clamp(min=0)], dim=-3)
    ratios = torch.where(roots > _EDGE, roots**3, (roots - 4 / 29) * (3 * _EDGE**2))
    inverse = torch.tensor(np.linalg.inv(np.array(_XYZ_OF_RGB)), dtype=values.dtype, device=values.device)
    linear = _mixed(ratios * values.new_tensor(_WHITE)[:, None, None], inverse)
    colors = torch.where(
        linear > 0.0031308, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055, linear * 12.92
    ).clamp(0, 1)
    return colors.numpy() if is_array else colors


def _images(name: str, values: Tensor | np.ndarray, kind: str) -> tuple[Tensor, bool]:
    """Return checked images as a tensor, and whether they were an array."""
    is_array = not isinstance(values, Tensor)
    images = torch.from_numpy(np.array(values)) if is_array else values
    if images.ndim < 3 or images.shape[-3] != 3 or images.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"{name} is {images.dtype} {list(images.shape)}; give {kind} as float32 or float64 [..., 3, H, W]"
        )
    if bool(images.isnan().any()):
        raise ValueError(f"{name} holds NaN; find its cause, or remove these images and report their number")
    return images, is_array


def _mixed(images: Tensor, matrix: Tensor) -> Tensor:
    """Multiply each pixel [3] by a matrix [3, 3]."""
    return torch.einsum("ij,...jhw->...ihw", matrix, images)
