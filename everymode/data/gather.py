"""From uint8 rows to a normalized batch on the device: the one place where images become floats."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from everymode.data.rows import RowsView, take_rows

__all__ = ["mirrored", "normalized", "normalized_rows"]

SINGLE_THREAD_VALUES = 2**21


def normalized(images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """uint8 0 .. 255 -> x / 127.5 - 1 in [-1, 1], computed in float32 or wider, then rounded to `dtype`."""
    if images.device.type == "cpu" and dtype is torch.float32 and images.numel() <= SINGLE_THREAD_VALUES:
        # as fast as torch on one core, and unlike torch's threads it never waits for a core that is busy
        values = images.numpy().astype(np.float32)
        values /= np.float32(127.5)
        values -= np.float32(1.0)
        return torch.from_numpy(values)
    wide = dtype if dtype in (torch.float32, torch.float64) else torch.float32
    return images.to(wide).div_(127.5).sub_(1.0).to(dtype)


def mirrored(images: Tensor, mirror: Tensor) -> Tensor:
    """Images [B, C, H, W], flipped left to right where `mirror` [B] is true; may write into `images`."""
    if images.device.type == "cpu":
        chosen = np.flatnonzero(mirror.cpu().numpy())
        array = images.numpy()
        array[chosen] = array[chosen][..., ::-1]
        return images
    # torch.where needs no count of the chosen images, so the host never waits for the device
    chosen_rows = mirror.to(images.device, non_blocking=True)[:, None, None, None]
    return torch.where(chosen_rows, images.flip(-1), images)


def normalized_rows(
    images: np.ndarray | RowsView,
    indices: np.ndarray,
    device: torch.device,
    *,
    mirror: Tensor | None,
    dtype: torch.dtype,
) -> Tensor:
    """Rows `indices` [B] on `device`: images in [-1, 1], float points as they are."""
    source = torch.uint8 if images.dtype == np.uint8 else torch.float32
    on_cuda = device.type == "cuda"
    # pinned memory comes from torch's caching allocator, which reuses a block only after its copy has ended
    host = torch.empty((len(indices), *images.shape[1:]), dtype=source, pin_memory=on_cuda)
    take_rows(images, indices, host.numpy())
    rows = host.to(device, non_blocking=on_cuda)
    if source is torch.float32:
        return rows.to(dtype)
    if mirror is not None:
        rows = mirrored(rows, mirror)
    return normalized(rows, dtype)
