"""Conversion of uint8 rows to a normalized batch on the device; images become floats nowhere else."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from everymode.data.rows import LazyRows, take_rows

__all__ = ["mirrored", "normalized", "normalized_rows"]

SINGLE_THREAD_VALUES = 2**21
"""Largest batch, in values, that is normalized on the CPU by one thread."""


def normalized(images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Map uint8 0 .. 255 to x / 127.5 - 1 in [-1, 1], computed in float32 or wider, then rounded to `dtype`."""
    if images.device.type == "cpu" and dtype is torch.float32 and images.numel() <= SINGLE_THREAD_VALUES:
        # as fast as torch on one core, and unlike torch's threads never waits for a busy core
        values = images.numpy().astype(np.float32)
        values /= np.float32(127.5)
        values -= np.float32(1.0)
        return torch.from_numpy(values)
    wide = dtype if dtype in (torch.float32, torch.float64) else torch.float32
    return images.to(wide).div_(127.5).sub_(1.0).to(dtype)


def mirrored(images: Tensor, mirror: Tensor) -> Tensor:
    """Flip the images [B, C, H, W] left to right for which `mirror` [B] is true; may modify `images`."""
    if images.device.type == "cpu":
        rows = np.flatnonzero(mirror.cpu().numpy())
        array = images.numpy()
        array[rows] = array[rows][..., ::-1]
        return images
    # torch.where doesn't need the number of flipped images, so the host doesn't synchronize with the device
    mask = mirror.to(images.device, non_blocking=True)[:, None, None, None]
    return torch.where(mask, images.flip(-1), images)


def normalized_rows(
    images: np.ndarray | LazyRows,
    indices: np.ndarray,
    device: torch.device,
    *,
    mirror: Tensor | None,
    dtype: torch.dtype,
) -> Tensor:
    """Return rows `indices` [B] on `device`: images in [-1, 1], float points unchanged."""
    stored_dtype = torch.uint8 if images.dtype == np.uint8 else torch.float32
    on_cuda = device.type == "cuda"
    # torch's caching allocator reuses a block of pinned memory only after its copy has finished
    host = torch.empty((len(indices), *images.shape[1:]), dtype=stored_dtype, pin_memory=on_cuda)
    take_rows(images, indices, host.numpy())
    rows = host.to(device, non_blocking=on_cuda)
    if stored_dtype is torch.float32:
        return rows.to(dtype)
    if mirror is not None:
        rows = mirrored(rows, mirror)
    return normalized(rows, dtype)
