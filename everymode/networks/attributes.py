"""Attribute planes: labels of several blocks as numbers in {0, 1}, which a network repeats over the picture."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def num_planes(sizes: Sequence[int]) -> int:
    """Return the number of planes of label blocks: one for a block of two values, k for a block of k > 2 values.

    Args:
        sizes: number of values of each block.
    Raises:
        ValueError: if there is no block, or a block has fewer than two values.
    """
    if not sizes or min(sizes) < 2:
        raise ValueError(
            f"the label blocks have {tuple(sizes)} values; each needs at least 2: omit columns of one value"
        )
    return sum(1 if size == 2 else size for size in sizes)


def attribute_planes(labels: Tensor, sizes: Sequence[int], *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the attributes of labels: [B, blocks] -> [B, n] of zeros and ones, n = `num_planes(sizes)`.

    A block of two values is one attribute, its value; a block of k > 2 values is one-hot. All attributes of a missing
    label (-1) are 0. The range is checked on the CPU only, since the check would wait for another device; there, and in
    compiled code, a label outside a one-hot block gives zeros.

    Args:
        labels: integers [B, blocks], or [B] for one block.
        sizes: number of values of each block.
        dtype: data type of the result.
    Raises:
        ValueError: if the labels have another shape or type, or are outside their block.
    """
    num_planes(sizes)
    columns = labels.unsqueeze(1) if labels.dim() == 1 else labels
    if columns.dim() != 2 or columns.shape[1] != len(sizes) or columns.is_floating_point():
        raise ValueError(
            f"the labels are a {labels.dtype} tensor of shape {tuple(labels.shape)}; pass integers of shape "
            f"[B, {len(sizes)}], one column per block"
        )
    if columns.device.type == "cpu" and not torch.compiler.is_compiling():
        for index, size in enumerate(sizes):
            column = columns[:, index]
            if ((column < -1) | (column >= size)).any():
                raise ValueError(
                    f"label block {index} has the values 0 to {size - 1} (-1 = missing) and was given "
                    f"{column.min()} to {column.max()}; pass the dataset's number of values per block"
                )
    planes = [
        columns[:, index : index + 1]
        == torch.arange(1 if size == 2 else 0, 2 if size == 2 else size, device=labels.device)
        for index, size in enumerate(sizes)
    ]
    return torch.cat(planes, dim=1).to(dtype)
