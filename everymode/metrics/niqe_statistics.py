"""Features of NIQE (Mittal, Soundararajan and Bovik 2013): statistics of normalized luma in blocks of 96 pixels.

Luma is normalized by its local mean and deviation. In each block the values, and their products with four neighbors,
are fitted with asymmetric generalized Gaussians: 18 numbers, at full and at half size. Constants are those of LIVE's
release, which are the same in open-mmlab/mmagic and xinntao/BasicSR.
"""

from __future__ import annotations

import functools

import numpy as np
import scipy.ndimage
import scipy.special

from everymode.metrics.image_quality import eight_bit, luma, without_border
from everymode.metrics.inputs import Values, as_tensor, check_finite, check_levels
from everymode.pixels.bicubic import bicubic_resize

BLOCK = 96
"""Side of a block in pixels at full size; 48 at half size."""
SMALLEST = 192
"""Smallest side of a picture in pixels."""
_SIGMA = 7 / 6
_SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Neighbors whose product is taken, as shifts down and to the right; blocks wrap around."""


def niqe_features(rgb: Values, *, crop: int = 0) -> np.ndarray:
    """Compute the 36 NIQE features of each block of one picture.

    The picture is cropped to multiples of 96 pixels, at the right and at the bottom.

    Args:
        rgb: one picture, [H, W, 3] or [3, H, W], integers or floats in 0 .. 255 (floats are rounded), at least 192
            pixels a side.
        crop: number of pixels to crop from each side first, such as the scale of super-resolution.
    Returns:
        float64 [blocks, 36], the blocks of the first column of blocks from top to bottom, then those of the next. 18
        features at full size, then 18 at half size: shape and scale of the values, then shape, mean, left and right
        scale of each of the four products. NaN where a block is flat, because no distribution can be fitted to it.
    Raises:
        ValueError: if it is not one RGB picture in 0 .. 255, or is below 192 pixels a side after cropping.
    """
    brightness = _brightness(rgb, crop)
    half = bicubic_resize(brightness / 255, 0.5) * 255
    scales = (brightness, BLOCK), (half, BLOCK // 2)
    return np.concatenate([_block_features(normalized_luma(values), side) for values, side in scales], axis=1)


def block_sharpness(rgb: Values, *, crop: int = 0) -> np.ndarray:
    """Compute the mean local deviation of luma in each block of a picture, float64 [blocks], as sharpness.

    Args:
        rgb: see `niqe_features`, also for the order of blocks.
        crop: see `niqe_features`.
    """
    _, deviation = _local_moments(_brightness(rgb, crop))
    return _blocks(deviation, BLOCK).mean((1, 2))


def _brightness(rgb: Values, crop: int) -> np.ndarray:
    """Return the rounded luma of a picture, cropped to whole blocks, float64 [H, W]."""
    picture = as_tensor("the picture", rgb)
    if picture.ndim != 3 or 3 not in (picture.shape[0], picture.shape[-1]):
        raise ValueError(
            f"the picture has shape {list(picture.shape)}; NIQE takes one RGB picture, [H, W, 3] or [3, H, W]: pass "
            "the pictures of a batch one by one, and repeat gray three times"
        )
    if picture.shape[0] != 3:
        picture = picture.permute(2, 0, 1)
    height, width = picture.shape[1:]
    if crop < 0 or min(height, width) - 2 * crop < SMALLEST:
        raise ValueError(
            f"the picture is {height} x {width} and {crop} pixels are cropped from each side; NIQE needs at least "
            f"{SMALLEST} x {SMALLEST} after cropping: pass a larger picture (not an enlarged one)"
        )
    check_finite("the picture", picture)
    check_levels("the picture", picture)
    levels = luma(eight_bit(picture[None].double(), 255.0), 255.0, rounded=True)
    levels = np.asarray(without_border(levels, crop))[0, 0]
    return np.ascontiguousarray(
        levels[: levels.shape[0] // BLOCK * BLOCK, : levels.shape[1] // BLOCK * BLOCK]
    )


def gaussian_window() -> np.ndarray:
    """Return the weights of the local mean, float64 [7, 7]: a Gaussian of deviation 7/6 that sums to 1."""
    squares = np.arange(-3, 4) ** 2
    weights = np.exp(-np.add.outer(squares, squares) / (2 * _SIGMA**2))
    return weights / weights.sum()


def _local_moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the local mean and deviation of values [H, W]; the border is replicated.

    The window is not split into two axes: in flat areas the sign of the rounding error decides on which side of 0 a
    value is counted, and the published scores have the errors of the undivided window.
    """
    mean, square = (
        scipy.ndimage.correlate(each, gaussian_window(), mode="nearest") for each in (values, values**2)
    )
    return mean, np.sqrt(np.abs(square - mean**2))


def normalized_luma(values: np.ndarray) -> np.ndarray:
    """Return values [H, W] minus their local mean, divided by their local deviation plus 1."""
    mean, deviation = _local_moments(values)
    return (values - mean) / (deviation + 1)


def _blocks(values: np.ndarray, side: int) -> np.ndarray:
    """Cut [H, W] into blocks [n, side, side], the first column of blocks from top to bottom first."""
    rows, columns = values.shape[0] // side, values.shape[1] // side
    cut = values.reshape(rows, side, columns, side).transpose(2, 0, 1, 3)
    return cut.reshape(-1, side, side)


def _block_features(normalized: np.ndarray, side: int) -> np.ndarray:
    """Return the 18 features of each block of normalized values, [blocks, 18]."""
    blocks = _blocks(normalized, side)
    shape, left, right = fitted_gaussians(blocks)
    features = [shape, (left + right) / 2]
    for shift in _SHIFTS:
        shape, left, right = fitted_gaussians(blocks * np.roll(blocks, shift, axis=(1, 2)))
        ratio = scipy.special.gamma(2 / shape) / scipy.special.gamma(1 / shape)
        features += [shape, (right - left) * ratio, left, right]
    return np.stack(features, axis=1)


def fitted_gaussians(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit an asymmetric generalized Gaussian to the values of each block by its moments (Lasmar et al. 2009).

    Args:
        blocks: float64 [n, height, width].
    Returns:
        The shape alpha, from 0.2 to 10 in steps of 0.001, and the left and right scale beta, each [n]. The scales are
        NaN for a block without values on both sides of 0; its alpha is then 0.2, as in the released code.
    """
    flat = blocks.reshape(len(blocks), -1)
    squares = flat**2
    with np.errstate(divide="ignore", invalid="ignore"):
        left, right = (np.sqrt((squares * side).sum(1) / side.sum(1)) for side in (flat < 0, flat > 0))
        balance = left / right
        ratio = np.abs(flat).mean(1) ** 2 / squares.mean(1)
        ratio *= (balance**3 + 1) * (balance + 1) / (balance**2 + 1) ** 2
    shapes, ratios = _shape_table()
    above = np.clip(np.searchsorted(ratios, ratio), 1, len(ratios) - 1)
    nearest = np.where(ratio - ratios[above - 1] <= ratios[above] - ratio, above - 1, above)
    alpha = shapes[np.where(np.isnan(ratio), 0, nearest)]
    spread = np.sqrt(scipy.special.gamma(1 / alpha) / scipy.special.gamma(3 / alpha))
    return alpha, left * spread, right * spread


@functools.cache
def _shape_table() -> tuple[np.ndarray, np.ndarray]:
    """Return all alphas, and the moment ratio Gamma(2/a)^2 / (Gamma(1/a) Gamma(3/a)) of each, which increases."""
    shapes = np.arange(200, 10_001) / 1000
    gamma = scipy.special.gamma
    return shapes, gamma(2 / shapes) ** 2 / (gamma(1 / shapes) * gamma(3 / shapes))
