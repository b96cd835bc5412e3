"""An embedding of several labels per image: the sum of one embedding per label block."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BlockEmbedding(nn.Embedding):
    """Labels [B, blocks] -> vectors [B, dim]: the sum of one row per block, from that block's table.

    `weight` [sum of the sizes, dim] holds the tables one below the other. Initializations and weight rules treat the
    layer as an embedding.

    Args:
        sizes: number of classes of each block.
        dim: length of the vectors.
    Raises:
        ValueError: if there is no block, or a block without classes; in `forward`, if the labels are not [B, blocks].
    """

    offsets: Tensor
    """int64 [blocks], first row of each block's table."""

    def __init__(self, sizes: tuple[int, ...], dim: int) -> None:
        if not sizes or min(sizes) < 1:
            raise ValueError(
                f"sizes is {sizes}; pass the number of classes of each label block, each at least 1"
            )
        super().__init__(sum(sizes), dim)
        self.sizes = sizes
        starts = [sum(sizes[:block]) for block in range(len(sizes))]
        self.register_buffer("offsets", torch.tensor(starts), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() != 2 or input.shape[1] != len(self.sizes):
            raise ValueError(
                f"labels of shape {list(input.shape)} don't fit an embedding of {len(self.sizes)} blocks: pass int64 "
                f"labels [B, {len(self.sizes)}]"
            )
        return super().forward(input + self.offsets).sum(1)


def label_embedding(num_classes: int | tuple[int, ...], dim: int) -> nn.Embedding:
    """Return an embedding in vectors [B, dim], of labels [B] (`num_classes` an int) or [B, blocks] (a tuple)."""
    return (
        BlockEmbedding(num_classes, dim) if isinstance(num_classes, tuple) else nn.Embedding(num_classes, dim)
    )
