"""What the two stages ask of a data set, and what a network says of all its images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from everymode.draws import Rows

__all__ = ["PartitionData", "answers", "batches", "parts_of"]

ROWS = 512
"""Images that a network looks at together."""


class PartitionData(Protocol):
    """A data set of images or points, as everymode.open_images gives it."""

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def labels(self) -> np.ndarray:
        """int64 [N] or [N, blocks]; -1 marks a missing label."""
        ...

    @property
    def image_shape(self) -> tuple[int, ...]: ...

    @property
    def is_points(self) -> bool: ...

    def __len__(self) -> int: ...

    def gather(self, indices: np.ndarray | Sequence[int], device: torch.device | str = "cpu") -> Tensor:
        """Rows [B, C, H, W] in [-1, 1], or points [B, 2]."""
        ...


def batches(data: PartitionData, device: torch.device | str) -> Iterator[tuple[Rows, Tensor]]:
    """The whole data set in order: which rows, and their images on the device."""
    for start in range(0, len(data), ROWS):
        rows = Rows(start, min(start + ROWS, len(data)), len(data))
        yield rows, data.gather(np.arange(rows.start, rows.stop), device)


@torch.no_grad()
def answers(network: Callable[[Tensor], Tensor], data: PartitionData, device: torch.device | str) -> Tensor:
    """What a network in evaluation mode gives for every row, in order: [N, ...] on the device."""
    return torch.cat([network(images) for _, images in batches(data, device)])


def parts_of(partitioner: torch.nn.Module, data: PartitionData, device: torch.device | str = "cpu") -> Tensor:
    """The part of every image, int64 [N] on the CPU: the largest logit, in evaluation mode."""
    mode = partitioner.training
    partitioner.eval()
    try:
        return answers(lambda batch: partitioner(batch).argmax(1), data, device).cpu()
    finally:
        partitioner.train(mode)
