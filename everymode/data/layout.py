"""Layout of arrays of images: channels before the height (NCHW) or after the width (NHWC)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import numpy as np

from everymode.data.errors import DataError

__all__ = ["CHANNELS", "Layout", "channels_first", "has_layout", "require_layout"]

Layout = Literal["NCHW", "NHWC"]
CHANNELS = (1, 3, 4)
ARRAYS = (".npz", ".npy")
"""Endings of files of arrays."""


def require_layout(layout: str | None) -> None:
    """Check the name of a layout.

    Raises:
        ValueError: if `layout` is neither None, "NCHW" nor "NHWC".
    """
    if layout is not None and layout not in get_args(Layout):
        raise ValueError(f'layout is {layout!r}; choose "NCHW", "NHWC" or None')


def has_layout(path_or_name: str | Path) -> bool:
    """Return whether a path is one of a file of arrays, for which a layout can be set."""
    return Path(path_or_name).suffix.lower() in ARRAYS


def channels_first(images: np.ndarray, where: str, layout: Layout | None = None) -> np.ndarray:
    """Return a view [N, C, H, W] of [N, H, W], [N, H, W, C] or [N, C, H, W] with 1, 3 or 4 channels.

    Args:
        images: the array.
        where: name of the array in error messages.
        layout: layout of an array with four axes; None if only one of the two axes can be that of the channels.

    Raises:
        DataError: if the array has another shape, or both axes can be that of the channels and `layout` is None.
    """
    shape = list(images.shape)
    if images.ndim == 3 and layout is None:
        return images[:, None]
    if images.ndim == 4:
        first, last = shape[1] in CHANNELS, shape[3] in CHANNELS
        if layout is None and first and last:
            raise DataError(
                f"{where} has shape {shape}, which is ambiguous: the channels may be axis 1 or axis 3; set "
                'layout="NCHW" or layout="NHWC" (--layout)'
                + (", or save gray images as [N, H, W]" if 1 in shape else "")
            )
        if first and layout != "NHWC":
            return images
        if last and layout != "NCHW":
            return images.transpose(0, 3, 1, 2)
    allowed = {
        None: "[N, H, W], [N, H, W, C] or [N, C, H, W]",
        "NCHW": "[N, C, H, W]",
        "NHWC": "[N, H, W, C]",
    }
    reason = f"with layout={layout!r} " if layout else ""
    raise DataError(
        f"{where} has shape {shape}; {reason}images must be {allowed[layout]} with 1, 3 or 4 channels, and points "
        "must be floating-point [N, 2]"
    )
