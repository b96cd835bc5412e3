"""Inputs of metrics: features, images and labels as tensors or arrays, checked once and read in float64 tiles.

Features keep their dtype; their rows are converted to float64 on the CPU one tile at a time, so that a metric's memory
does not grow with the number of samples.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

Values = Tensor | np.ndarray | Sequence
"""Numbers as a tensor on any device, an array, or nested lists."""

TILE_NUMBERS = 1 << 22
"""Elements of a tile: 32 MiB in float64."""


def as_tensor(name: str, values: Values) -> Tensor:
    """Return the values as a CPU tensor of the same dtype, without a copy if possible.

    Raises:
        ValueError: if they are not real numbers.
    """
    if isinstance(values, Tensor):
        if values.is_complex():
            raise ValueError(f"{name} holds complex numbers ({values.dtype}); pass real ones")
        return values.detach().cpu()
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} is of type {array.dtype}; pass real numbers in a tensor or an array")
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False))
    with warnings.catch_warnings():
        # torch warns about writing to read-only arrays; no metric writes to its input.
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(array)


def tiles(total: int, width: int) -> Iterator[slice]:
    """Iterate over slices that cover 0..total; each has about TILE_NUMBERS elements if a row has `width` elements."""
    step = max(1, TILE_NUMBERS // max(1, width))
    for start in range(0, total, step):
        yield slice(start, min(total, start + step))


def feature_rows(name: str, values: Values, *, least: int = 2) -> Tensor:
    """Check features with one row per sample, and return them as [N, F] on the CPU in the same dtype.

    Raises:
        ValueError: if the shape is not [N, F], there are fewer than `least` rows or no columns, or there are NaN or
            infinite values.
    """
    rows = as_tensor(name, values)
    if rows.ndim != 2:
        raise ValueError(
            f"{name} has shape {list(rows.shape)}; one row per sample, [N, F], is needed (flatten the other axes)"
        )
    if len(rows) < least:
        raise ValueError(f"{name} has {len(rows)} rows; this metric needs at least {least}")
    if rows.shape[1] == 0:
        raise ValueError(
            f"{name} has shape {list(rows.shape)}, rows without any number; at least one column is needed"
        )
    if rows.is_floating_point():
        for part in tiles(*rows.shape):
            check_finite(name, rows[part], part.start)
    return rows


def check_finite(name: str, rows: Tensor, offset: int = 0) -> None:
    """Check that all values are finite.

    Args:
        name: the name of the rows in the error message.
        rows: any shape.
        offset: index of the first row in the error message.
    Raises:
        ValueError: if there are NaN or infinite values.
    """
    good = torch.isfinite(rows)
    if not good.all():
        bad = (~good.flatten(1).all(1)).nonzero()[:, 0]
        raise ValueError(
            f"{name} holds NaN or infinite values (first in row {int(bad[0]) + offset}), for which no metric is "
            "defined: find their cause, or remove these rows and report their number"
        )


def feature_pair(real: Values, fake: Values, *, least: int = 2) -> tuple[Tensor, Tensor]:
    """Check both sides by `feature_rows`, and return them.

    Raises:
        ValueError: if a check fails or the numbers of columns differ.
    """
    checked = feature_rows("real", real, least=least), feature_rows("fake", fake, least=least)
    if checked[0].shape[1] != checked[1].shape[1]:
        raise ValueError(
            f"real has {checked[0].shape[1]} features per row and fake {checked[1].shape[1]}; "
            "take both from the same layer of the same extractor"
        )
    return checked


def row_labels(name: str, values: Values, *, rows: int | None = None) -> np.ndarray:
    """Return labels, one integer per row, as int64 [N].

    Args:
        rows: the required N; None accepts any.
    Raises:
        ValueError: if they are not integers of shape [N], or N is not `rows`.
    """
    labels = as_tensor(name, values)
    if labels.ndim != 1 or labels.is_floating_point():
        raise ValueError(
            f"{name} has shape {list(labels.shape)} and type {labels.dtype}; one integer per row, [N], is needed"
        )
    if rows is not None and len(labels) != rows:
        raise ValueError(f"{name} has {len(labels)} labels for {rows} rows; one for each row is needed")
    return labels.to(torch.int64).numpy()


def image_pair(x: Values, y: Values, data_range: float) -> tuple[Tensor, Tensor]:
    """Check two batches of images, and return them as [B, C, H, W] on the CPU.

    Raises:
        ValueError: if the shapes differ or are not [B, C, H, W], there is no image, there is NaN, data_range is not
            positive and finite, or it is at most 1 for integers (8-bit images need data_range=255).
    """
    first, second = as_tensor("x", x), as_tensor("y", y)
    if first.ndim != 4 or first.shape != second.shape or first.numel() == 0:
        raise ValueError(
            f"x has shape {list(first.shape)} and y {list(second.shape)}; two batches of one shape [B, C, H, W], "
            "with at least one image, are needed"
        )
    if not (data_range > 0 and np.isfinite(data_range)):
        raise ValueError(
            f"data_range is {data_range}; it must be the distance from black to white, such as 1.0 or 255"
        )
    for name, images in (("x", first), ("y", second)):
        if images.is_floating_point():
            check_finite(name, images)
        elif data_range <= 1:
            raise ValueError(
                f"{name} holds integers ({images.dtype}) but data_range is {data_range}; pass data_range=255"
            )
    return first, second


def like_inputs(result: Tensor, *inputs: Values) -> Tensor | np.ndarray:
    """Return the result as a tensor if any input is one, otherwise as an array."""
    return result if any(isinstance(each, Tensor) for each in inputs) else result.numpy()


def check_levels(name: str, images: Tensor) -> None:
    """Check that images are in 0 .. 255; a little overshoot is allowed.

    Args:
        name: the name of the images in the error message.
        images: any shape, without NaN.
    Raises:
        ValueError: if they seem to be in 0 .. 1 or [-1, 1] (all at most 1, and not integers), or are far outside 0 ..
            255.
    """
    if images.numel() == 0:
        return
    images = images.double()  # torch has no minimum of 16-bit integers
    low, high = float(images.min()), float(images.max())
    fractions = high <= 1 and bool((images != images.round()).any())
    if fractions or low < -128 or high > 383:
        raise ValueError(
            f"{name} runs from {low:.4g} to {high:.4g}; give 0 .. 255: (x + 1) * 127.5 converts images in [-1, 1], "
            "255 * x images in 0 .. 1, x / 257 16-bit ones"
        )
