"""What the metrics accept: features, images and labels as tensors or arrays, checked once and read in float64 tiles.

Nothing is converted as a whole: a feature table keeps the type it came in, and its rows become float64 on the CPU a
tile at a time, so that a metric's memory does not grow with the number of samples.
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
"""Numbers in one tile: 32 MiB in float64."""


def as_tensor(name: str, values: Values) -> Tensor:
    """The values as a CPU tensor of the type they came in, without a copy where that is possible.

    Raises:
        ValueError: for complex numbers, text and other things that are not real numbers.
    """
    if isinstance(values, Tensor):
        if values.is_complex():
            raise ValueError(f"{name} holds complex numbers ({values.dtype}); give real ones")
        return values.detach().cpu()
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} is of type {array.dtype}; give real numbers in a tensor or an array")
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False))
    with warnings.catch_warnings():
        # torch warns that a read-only array could be written to; no metric writes to its input.
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(array)


def tiles(total: int, width: int) -> Iterator[slice]:
    """Slices that cover 0..total, each of about TILE_NUMBERS numbers where a row has `width` of them."""
    step = max(1, TILE_NUMBERS // max(1, width))
    for start in range(0, total, step):
        yield slice(start, min(total, start + step))


def feature_rows(name: str, values: Values, *, least: int = 2) -> Tensor:
    """One feature vector a row, [N, F] on the CPU, in the type it came in.

    Raises:
        ValueError: if it is not a table, has fewer than `least` rows, or holds NaN or infinite values.
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
            f"{name} has rows without any number, shape {list(rows.shape)}; give at least one column"
        )
    if rows.is_floating_point():
        for part in tiles(*rows.shape):
            check_finite(name, rows[part], part.start)
    return rows


def check_finite(name: str, rows: Tensor, offset: int = 0) -> None:
    """Refuse NaN and infinite values; the message counts rows of the first axis from `offset`."""
    good = torch.isfinite(rows)
    if not good.all():
        bad = (~good.flatten(1).all(1)).nonzero()[:, 0]
        raise ValueError(
            f"{name} holds NaN or infinite values (first in row {int(bad[0]) + offset}); no metric is defined for "
            "them: look for what made them, or leave those rows out and report how many"
        )


def feature_pair(real: Values, fake: Values, *, least: int = 2) -> tuple[Tensor, Tensor]:
    """Both sides as `feature_rows`, with the same number of columns."""
    checked = feature_rows("real", real, least=least), feature_rows("fake", fake, least=least)
    if checked[0].shape[1] != checked[1].shape[1]:
        raise ValueError(
            f"real has {checked[0].shape[1]} features per row and fake {checked[1].shape[1]}; "
            "take both from the same layer of the same extractor"
        )
    return checked


def row_labels(name: str, values: Values, *, rows: int | None = None) -> np.ndarray:
    """One whole number a row as int64 [N]; `rows` is how many there must be.

    Raises:
        ValueError: if they are not whole numbers in one axis, or not one for each row.
    """
    labels = as_tensor(name, values)
    if labels.ndim != 1 or labels.is_floating_point():
        raise ValueError(
            f"{name} has shape {list(labels.shape)} and type {labels.dtype}; one integer per row, [N], is needed"
        )
    if rows is not None and len(labels) != rows:
        raise ValueError(f"{name} has {len(labels)} labels for {rows} rows; give one for each row")
    return labels.to(torch.int64).numpy()


def image_pair(x: Values, y: Values, data_range: float) -> tuple[Tensor, Tensor]:
    """Two batches of images [B, C, H, W] of the same shape on the CPU.

    Raises:
        ValueError: for other shapes, for no image at all, for NaN, for a range that is not positive, and for whole
            numbers with a range of 1 or less (8-bit images need data_range=255).
    """
    first, second = as_tensor("x", x), as_tensor("y", y)
    if first.ndim != 4 or first.shape != second.shape or first.numel() == 0:
        raise ValueError(
            f"x has shape {list(first.shape)} and y {list(second.shape)}; two batches of one shape [B, C, H, W], "
            "with at least one image, are needed"
        )
    if not (data_range > 0 and np.isfinite(data_range)):
        raise ValueError(
            f"data_range is {data_range}; it is the distance from black to white, such as 1.0 or 255"
        )
    for name, images in (("x", first), ("y", second)):
        if images.is_floating_point():
            check_finite(name, images)
        elif data_range <= 1:
            raise ValueError(
                f"{name} holds whole numbers ({images.dtype}) but data_range is {data_range}; give data_range=255"
            )
    return first, second


def as_given(result: Tensor, *inputs: Values) -> Tensor | np.ndarray:
    """The result as a tensor where any input was one, otherwise as an array."""
    return result if any(isinstance(each, Tensor) for each in inputs) else result.numpy()
