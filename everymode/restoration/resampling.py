"""Shrinking and enlarging images by separable filters, differentiable and as pure functions.

Two conventions. "lanczos2" is the one of the deep image prior (DmitryUlyanov/deep-image-prior and
XingangPan/deep-generative-prior): output pixel i is centered at (i + 0.5) f - 0.5 with the factor f as passed, and
pixels beyond the border repeat the outermost one. The released modules do this at even factors; at odd ones they are
half a pixel off, which is not reproduced. "lanczos3", "bicubic" and "area" are Pillow's (LANCZOS, BICUBIC and BOX):
the factor is size / new size, and taps beyond the border are omitted. All weights are normalized.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Size = tuple[int, int]
"""(height, width)."""
Shrinking = Literal["lanczos2", "lanczos3", "bicubic", "area"]
Enlarging = Literal["bilinear", "bicubic", "lanczos3"]


class _Filter(NamedTuple):
    """A filter, and the distance from which on it is zero."""

    weights: Callable[[np.ndarray], np.ndarray]
    support: float


def downsample(x: Tensor, factor_or_size: float | Size, filter: Shrinking = "lanczos2") -> Tensor:
    """Shrink images by a factor, or to a size.

    Args:
        x: [B, C, H, W].
        factor_or_size: a factor of at least 1, not necessarily an integer, which gives floor(H / factor) by
            floor(W / factor) pixels; or (height, width), where each axis has its own factor.
        filter: "lanczos2" uses the factor as passed; "lanczos3", "bicubic" and "area" use size / new size, as Pillow.
    Returns:
        [B, C, h, w], of x's type. The result is linear in x; values may exceed its range slightly.
    Raises:
        ValueError: if the filter is unknown, x has no four dimensions, the factor is below 1 or leaves no pixel, or
            the size is larger than that of x.
    """
    _require_filter(filter, _SHRINKING, "downsample")
    height, width = _require_images(x)
    if isinstance(factor_or_size, numbers.Real):
        factor = float(factor_or_size)
        if not 1 <= factor < math.inf:
            raise ValueError(
                f"the factor is {factor}; pass a finite one of at least 1, or use enlarge(x, size) to enlarge"
            )
        size = (_floor(height / factor), _floor(width / factor))
        if min(size) < 1:
            raise ValueError(
                f"a factor of {factor} leaves no pixel of images of {height}x{width}; pass at most "
                f"{min(height, width)}"
            )
        factors = (factor, factor)
    else:
        size = require_size(factor_or_size)
        if size[0] > height or size[1] > width:
            raise ValueError(
                f"size {size} is larger than the images, {height}x{width}; use enlarge(x, size) to enlarge"
            )
        factors = (height / size[0], width / size[1])
    if filter == "lanczos2":
        rows = _with_repeated_borders(height, size[0], factors[0])
        columns = _with_repeated_borders(width, size[1], factors[1])
    else:
        rows, columns = (
            _as_pillow(side, new, _SHRINKING[filter]) for side, new in ((height, size[0]), (width, size[1]))
        )
    return _apply(x, rows, columns)


def enlarge(x: Tensor, size: Size, filter: Enlarging = "bilinear") -> Tensor:
    """Enlarge images.

    Args:
        x: [B, C, h, w].
        size: (height, width) of the result, on both axes at least that of x.
        filter: "bilinear" (torch's interpolation without aligned corners), which losses use, or "bicubic" or "lanczos3"
            (as Pillow).
    Returns:
        [B, C, height, width], of x's type.
    Raises:
        ValueError: if the filter is unknown, x has no four dimensions, or a side of the size is below that of x.
    """
    _require_filter(filter, (*_ENLARGING, "bilinear"), "enlarge")
    height, width = _require_images(x)
    size = require_size(size)
    if size[0] < height or size[1] < width:
        raise ValueError(
            f"size {size} is smaller than the images, {height}x{width}; use downsample(x, size) to shrink"
        )
    if size == (height, width):
        return x
    if filter == "bilinear":
        return F.interpolate(x, size=size, mode="bilinear", align_corners=False)
    rows, columns = (
        _as_pillow(side, new, _ENLARGING[filter]) for side, new in ((height, size[0]), (width, size[1]))
    )
    return _apply(x, rows, columns)


def resize(x: Tensor, size: Size, filter: Literal["lanczos3", "bicubic", "area"] = "lanczos3") -> Tensor:
    """Resize images as Pillow does: each axis is shrunk or enlarged as needed.

    Args:
        x: [B, C, H, W].
        size: (height, width) of the result.
        filter: a filter of Pillow.
    Returns:
        [B, C, height, width], of x's type.
    Raises:
        ValueError: if the filter is unknown, x has no four dimensions, or the size has no pixels.
    """
    _require_filter(filter, _PILLOW, "resize")
    height, width = _require_images(x)
    size = require_size(size)
    if size == (height, width):
        return x
    rows, columns = (
        _as_pillow(side, new, _PILLOW[filter]) for side, new in ((height, size[0]), (width, size[1]))
    )
    return _apply(x, rows, columns)


def _apply(x: Tensor, rows: np.ndarray, columns: np.ndarray) -> Tensor:
    """Return rows @ x @ columns^T, with float64 matrices [new, old] rounded to x's type."""
    across = x @ torch.from_numpy(columns).to(x).mT
    return torch.from_numpy(rows).to(x) @ across


def _as_pillow(old: int, new: int, kernel: _Filter) -> np.ndarray:
    """Return Pillow's weights [new, old] of one axis."""
    ratio = old / new
    scale = max(ratio, 1.0)
    centers = (np.arange(new) + 0.5)[:, None] * ratio
    pixels = np.arange(old)[None, :]
    # Pillow's rounding of the window decides about a pixel exactly at its edge.
    reach = kernel.support * scale
    inside = (pixels >= np.trunc(centers - reach + 0.5)) & (pixels < np.trunc(centers + reach + 0.5))
    weights = np.where(inside, kernel.weights((pixels - centers + 0.5) * (1.0 / scale)), 0.0)
    return weights / weights.sum(1, keepdims=True)


def _with_repeated_borders(old: int, new: int, factor: float) -> np.ndarray:
    """Return Lanczos-2 weights [new, old] of one axis, with the factor as passed."""
    reach = math.ceil(2 * factor) + 1
    positions = np.arange(-reach, old + reach)
    centers = (np.arange(new) + 0.5)[:, None] * factor - 0.5
    taps = _lanczos(2)((positions[None, :] - centers) / factor)
    weights = taps[:, reach : reach + old].copy()
    weights[:, 0] += taps[:, :reach].sum(1)
    weights[:, -1] += taps[:, reach + old :].sum(1)
    return weights / weights.sum(1, keepdims=True)


def _lanczos(lobes: int) -> Callable[[np.ndarray], np.ndarray]:
    def weights(distance: np.ndarray) -> np.ndarray:
        return np.where(np.abs(distance) < lobes, np.sinc(distance) * np.sinc(distance / lobes), 0.0)

    return weights


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Return the weights of Keys' cubic convolution with a = -0.5, as Pillow's."""
    a, t = -0.5, np.abs(distance)
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = (((t - 5) * t + 8) * t - 4) * a
    return np.where(t < 1, near, np.where(t < 2, far, 0.0))


def _box(distance: np.ndarray) -> np.ndarray:
    return ((distance > -0.5) & (distance <= 0.5)).astype(np.float64)


_PILLOW = {
    "lanczos3": _Filter(_lanczos(3), 3.0),
    "bicubic": _Filter(_cubic, 2.0),
    "area": _Filter(_box, 0.5),
}
_SHRINKING = {"lanczos2": _Filter(_lanczos(2), 2.0), **_PILLOW}
_ENLARGING = {name: _PILLOW[name] for name in ("bicubic", "lanczos3")}


def _floor(quotient: float) -> int:
    """Return floor(n / f), which the rounding of a real factor (36 / 1.2, ...) must not push below a whole number."""
    nearest = round(quotient)
    return nearest if abs(quotient - nearest) < 1e-9 * max(nearest, 1) else math.floor(quotient)


def _require_images(x: Tensor) -> Size:
    if x.dim() != 4 or not x.is_floating_point() or min(x.shape[2:]) < 1:
        raise ValueError(
            f"the images have shape {list(x.shape)} and type {x.dtype}; pass floats [B, C, H, W], of at least one pixel"
        )
    return x.shape[2], x.shape[3]


def require_size(size: object) -> Size:
    """Return a size as two integers; raise ValueError unless it is (height, width), each at least 1."""
    sides = list(size) if isinstance(size, tuple | list | torch.Size) else []
    if len(sides) != 2 or not all(isinstance(side, numbers.Integral) and side >= 1 for side in sides):
        raise ValueError(f"the size is {size!r}; pass (height, width), two integers of at least 1")
    return int(sides[0]), int(sides[1])


def _require_filter(name: str, allowed: object, function: str) -> None:
    names = list(allowed)  # pyright: ignore[reportArgumentType, reportCallIssue]
    if name not in names:
        raise ValueError(f"filter {name!r} is unknown to {function}; choose among {', '.join(sorted(names))}")
