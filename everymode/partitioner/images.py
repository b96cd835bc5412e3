"""Dataset interface of the two stages, and evaluation of a network on a whole dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from everymode.draws import Rows

__all__ = ["PartitionData", "batches", "outputs_of", "parts_of"]

ROWS = 512
"""Images per forward pass."""


class PartitionData(Protocol):
    """A dataset of images or points, such as everymode.open_images returns."""

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def labels(self) -> np.ndarray:
        """Labels, int64 [N] or [N, blocks]; -1 marks a missing label."""
        ...

    @property
    def image_shape(self) -> tuple[int, ...]: ...

    @property
    def is_points(self) -> bool: ...

    def __len__(self) -> int: ...

    def gather(self, indices: np.ndarray | Sequence[int], device: torch.device | str = "cpu") -> Tensor:
        """Return the rows as images [B, C, H, W] in [-1, 1], or as points [B, 2]."""
        ...


def batches(data: PartitionData, device: torch.device | str) -> Iterator[tuple[Rows, Tensor]]:
    """Iterate over the whole dataset in order; yield the rows of a batch and their images on the device."""
    for start in range(0, len(data), ROWS):
        rows = Rows(start, min(start + ROWS, len(data)), len(data))
        yield rows, data.gather(np.arange(rows.start, rows.stop), device)


@torch.no_grad()
def outputs_of(
    network: Callable[[Tensor], Tensor], data: PartitionData, device: torch.device | str
) -> Tensor:
    """Return a network's outputs for all rows in order, [N, ...] on the device; the network must be in eval mode."""
    return torch.cat([network(images) for _, images in batches(data, device)])


def parts_of(partitioner: torch.nn.Module, data: PartitionData, device: torch.device | str = "cpu") -> Tensor:
    """Return the part (the index of the largest logit, in eval mode) of every image, int64 [N] on the CPU."""
    mode = partitioner.training
    partitioner.eval()
    try:
        return outputs_of(lambda batch: partitioner(batch).argmax(1), data, device).cpu()
    finally:
        partitioner.train(mode)
