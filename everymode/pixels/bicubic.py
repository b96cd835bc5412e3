"""Bicubic resizing as MATLAB's imresize does it, which super-resolution data and NIQE are defined with.

Keys 1981, kernel with a = -0.5, stretched by 1 / scale when shrinking (antialiasing); borders are mirrored with the
border pixel repeated; output pixel i is centered at (i + 0.5) / scale - 0.5. Pillow and torch differ at the borders,
where they drop the taps outside, and torch enlarges with a = -0.75.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["bicubic_resize"]


def bicubic_resize(picture: Tensor | np.ndarray, scale_or_size: float | Sequence[int]) -> Any:
    """Resize a picture, or pictures, bicubically as MATLAB's imresize.

    The result of 8-bit input is rounded to 8 bits once, after both axes. Gradients flow through float tensors.

    Args:
        picture: tensor or array [..., H, W], such as [C, H, W]; floats of any range, or integers.
        scale_or_size: scale, output size over input size (0.25 shrinks to a quarter; the output has ceil(scale H) x
            ceil(scale W) pixels), or (height, width) of the output; then the scale of each axis is the ratio of sizes.

    Returns:
        An array if the picture is one, otherwise a tensor on its device, of the same dtype: uint8 is rounded and
        clipped to 0 .. 255. Floats may overshoot their range. Integers of other types become float64.
    Raises:
        ValueError: if the picture has no pixels or fewer than two axes, is not of real numbers, or the scale or size is
            not positive.
    """
    is_array = not isinstance(picture, Tensor)
    pixels = _as_tensor(picture)
    sizes, scales = _targets(pixels, scale_or_size)
    result = pixels if pixels.dtype in (torch.float32, torch.float64) else pixels.double()
    for dim, size, scale in zip((-2, -1), sizes, scales, strict=True):
        result = _resized(result, dim, size, scale)
    if pixels.dtype == torch.uint8:
        result = result.add(0.5).floor_().clamp_(0, 255).to(torch.uint8)
    elif pixels.is_floating_point():
        result = result.to(pixels.dtype)
    return result.numpy() if is_array else result


def _as_tensor(picture: Tensor | np.ndarray) -> Tensor:
    """Return the picture as a tensor, without a copy if possible, after checks."""
    if isinstance(picture, Tensor):
        pixels = picture
    else:
        array = np.asarray(picture)
        if array.dtype.kind not in "fiub":
            raise ValueError(
                f"the picture is of type {array.dtype}; give real numbers, such as uint8 or float64"
            )
        array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False))
        with warnings.catch_warnings():
            # torch warns about writing to read-only arrays, such as memory maps; nothing is written.
            warnings.simplefilter("ignore", UserWarning)
            pixels = torch.from_numpy(array)
    if pixels.ndim < 2 or pixels.numel() == 0 or pixels.is_complex():
        raise ValueError(
            f"the picture has shape {list(pixels.shape)} and type {pixels.dtype}; give real numbers [..., H, W] with "
            "at least one pixel, such as [C, H, W]"
        )
    return pixels


def _targets(pixels: Tensor, scale_or_size: float | Sequence[int]) -> tuple[list[int], list[float]]:
    """Return the output's height and width, and the scale of each axis."""
    inputs = list(pixels.shape[-2:])
    if isinstance(scale_or_size, int | float | np.number):
        scale = float(scale_or_size)
        if not 0.01 / max(inputs) <= scale < math.inf:
            raise ValueError(
                f"the scale is {scale_or_size}; it must be positive and finite, such as 0.5 or 2, and leave a picture "
                f"of {inputs[0]} x {inputs[1]} at least a hundredth of a pixel"
            )
        # Rounded first: 0.07 * 100 is 7.000000000000001 in floating point and means 7.
        sizes = [max(1, math.ceil(round(scale * length, 9))) for length in inputs]
        return sizes, [scale, scale]
    sizes = list(scale_or_size)
    if len(sizes) != 2 or any(int(size) != size or size < 1 for size in sizes):
        raise ValueError(
            f"the size is {scale_or_size!r}; give two integers of at least 1, (height, width), or one number, the scale"
        )
    sizes = [int(size) for size in sizes]
    return sizes, [size / length for size, length in zip(sizes, inputs, strict=True)]


def _resized(values: Tensor, dim: int, size: int, scale: float) -> Tensor:
    """Resize one axis, -2 or -1: a weighted sum of as many shifted selections as the kernel has taps."""
    length = values.shape[dim]
    if size == length and scale == 1:
        return values
    indices, weights = _taps(length, size, scale)
    weights = weights.to(values)
    indices = indices.to(values.device)
    if dim == -2:
        weights = weights[:, :, None]
    result = values.index_select(dim, indices[0]) * weights[0]
    for tap_indices, tap_weights in zip(indices[1:], weights[1:], strict=True):
        result = torch.addcmul(result, values.index_select(dim, tap_indices), tap_weights)
    return result


def _taps(length: int, size: int, scale: float) -> tuple[Tensor, Tensor]:
    """Return the input indices, int64 [P, size], and normalized weights, float64 [P, size], of P taps per output."""
    shrinking = min(scale, 1.0)
    reach = 2 / shrinking
    centers = (np.arange(size) + 0.5) / scale - 0.5
    first = np.floor(centers - reach).astype(np.int64)
    positions = first[:, None] + np.arange(math.ceil(2 * reach) + 2)
    weights = _kernel((centers[:, None] - positions) * shrinking)
    weights /= weights.sum(1, keepdims=True)
    mirrored = positions % (2 * length)
    mirrored = np.minimum(mirrored, 2 * length - 1 - mirrored)
    if weights.shape[1] > length:
        # Mirrored pixels occur several times: add up their weights, so that there are no more taps than pixels.
        total = np.zeros((size, length))
        np.add.at(total, (np.arange(size)[:, None], mirrored), weights)
        weights, mirrored = total, np.broadcast_to(np.arange(length), total.shape)
    used = (weights != 0).any(0)
    return (
        torch.from_numpy(np.ascontiguousarray(mirrored[:, used].T)),
        torch.from_numpy(np.ascontiguousarray(weights[:, used].T)),
    )


def _kernel(x: np.ndarray) -> np.ndarray:
    """Evaluate Keys' cubic convolution kernel with a = -0.5."""
    x = np.abs(x)
    inner = (1.5 * x - 2.5) * x * x + 1
    outer = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, inner, np.where(x <= 2, outer, 0.0))
