"""A vector for several labels at once: the sum of one embedding per label block."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BlockEmbedding(nn.Embedding):
    """labels [B, blocks] -> [B, dim]: a table for each block, and the sum of what the labels pick.

    The tables lie one below the other in `weight` [sum of the sizes, dim]. Being an embedding, it is initialized and
    normalized (or left alone) as one.

    Args:
        sizes: classes of each block.
        dim: length of the vectors.
    Raises:
        ValueError: no block, or labels with another number of columns than blocks.
    """

    offsets: Tensor

    def __init__(self, sizes: tuple[int, ...], dim: int) -> None:
        if not sizes or min(sizes) < 1:
            raise ValueError(f"sizes holds the number of classes of each label block, not {sizes}")
        super().__init__(sum(sizes), dim)
        self.sizes = sizes
        starts = [sum(sizes[:block]) for block in range(len(sizes))]
        self.register_buffer("offsets", torch.tensor(starts), persistent=False)

    def forward(self, labels: Tensor) -> Tensor:
        if labels.dim() != 2 or labels.shape[1] != len(self.sizes):
            raise ValueError(
                f"these labels have {len(self.sizes)} blocks: pass int64 labels [B, {len(self.sizes)}], not "
                f"{list(labels.shape)}"
            )
        return super().forward(labels + self.offsets).sum(1)


def label_embedding(num_classes: int | tuple[int, ...], dim: int) -> nn.Embedding:
    """The embedding of labels [B] (num_classes a number) or [B, blocks] (a tuple) in vectors [B, dim]."""
    return (
        BlockEmbedding(num_classes, dim) if isinstance(num_classes, tuple) else nn.Embedding(num_classes, dim)
    )
