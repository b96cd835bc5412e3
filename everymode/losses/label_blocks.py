"""Labels in the form that losses need: one tensor per label block, at the positions of the scores, in range.

Most games have one block: labels [B], or label maps [B, H, W]. Several labels per image (such as a digit and its
domain) are several blocks, and `num_classes` is then a tuple with one number per block.
"""

from __future__ import annotations

from numbers import Integral

import torch
from torch import Tensor

from everymode.game import UNLABELED, Condition


def block_sizes(num_classes: int | tuple[int, ...]) -> tuple[int, ...]:
    """Return the number of classes of every block.

    Raises:
        ValueError: unless the numbers are positive integers.
    """
    sizes = num_classes if isinstance(num_classes, tuple) else (num_classes,)
    if not sizes or any(
        isinstance(size, bool) or not isinstance(size, Integral) or size < 1 for size in sizes
    ):
        raise ValueError(
            f"num_classes must be a positive whole number, or a tuple of them for several label blocks, "
            f"not {num_classes!r}"
        )
    return tuple(int(size) for size in sizes)


def one_block(num_classes: int | tuple[int, ...], loss: str) -> int:
    """Return the number of classes of the only block.

    Args:
        loss: name of a loss that takes one label per image, for the error message.

    Raises:
        ValueError: if there are several label blocks, or fewer than two classes.
    """
    if isinstance(num_classes, tuple):
        raise ValueError(
            f"{loss} takes one label an image, and num_classes={num_classes} means {len(num_classes)}: choose one of "
            f"the blocks, or omni({num_classes}), which takes them all"
        )
    if isinstance(num_classes, Integral) and num_classes < 2:
        raise ValueError(f"{loss} tells classes apart: it needs two or more, not {num_classes}")
    (size,) = block_sizes(num_classes)
    return size


def label_blocks(labels: Condition, num_classes: int | tuple[int, ...]) -> tuple[Tensor, ...]:
    """Return one int64 tensor of labels per block, [B] or [B, H, W].

    Args:
        labels: integers, [B] or [B, H, W]; with several label blocks [B, blocks] or [B, blocks, H, W], or a
            tuple with one tensor per block.
        num_classes: a number for one block, a tuple for several.

    Raises:
        ValueError: if there are no labels, they aren't integers, or the number of blocks differs.
    """
    if labels is None:
        raise ValueError(
            "this loss needs labels, and there are none: give some, or use one without, such as hinge()"
        )
    if isinstance(labels, tuple):
        blocks = labels
    elif not isinstance(num_classes, tuple):
        blocks = (labels,)
    else:
        blocks = labels.unbind(1) if labels.dim() > 1 else ()
    sizes = block_sizes(num_classes)
    if len(blocks) != len(sizes):
        raise ValueError(
            f"num_classes={num_classes} needs {len(sizes)} block(s) of labels, one per column; "
            f"got {len(blocks)}"
        )
    return tuple(whole_labels(block) for block in blocks)


def without_edges(condition: Condition, num_classes: int | tuple[int, ...]) -> Condition:
    """Return the label map of a condition (label map, edges) or (label map, ..., image); others unchanged.

    Edges and images have a boolean or floating-point type: two tensors of integers would be two label blocks.
    """
    if not isinstance(condition, tuple) or len(condition) < 2 or len(block_sizes(num_classes)) != 1:
        return condition
    labels, others = condition[0], condition[1:]
    if labels.dim() != 3 or labels.is_floating_point():
        return condition
    return labels if all(_comes_with_map(each, labels) for each in others) else condition


def _comes_with_map(other: Tensor, labels: Tensor) -> bool:
    """Return whether a part of a condition is an edge map or an image, rather than another block of labels."""
    if other.dim() == 4:
        return other.is_floating_point()
    return (other.dtype == torch.bool or other.is_floating_point()) and other.shape == labels.shape


def whole_labels(labels: Tensor) -> Tensor:
    """Return labels of one block as int64.

    Raises:
        ValueError: unless they have an integer type and at least one dimension.
    """
    if labels.dtype == torch.bool or labels.is_floating_point() or labels.is_complex() or labels.dim() == 0:
        raise ValueError(
            f"labels must be integers, [B] or [B, H, W] per block, not {labels.dtype} {list(labels.shape)}"
        )
    return labels.long()


def at_positions(labels: Tensor, scores: Tensor) -> Tensor:
    """Return a label map [B, H, W] at the pixels nearest to the positions of score maps; labels [B] unchanged."""
    if labels.dim() != 3 or scores.dim() != 4 or labels.shape[1:] == scores.shape[2:]:
        return labels
    (height, width), (rows, columns) = labels.shape[1:], scores.shape[2:]
    row = torch.arange(rows, device=labels.device) * height // rows
    column = torch.arange(columns, device=labels.device) * width // columns
    return labels[:, row[:, None], column]


def check_labels(labels: Tensor, size: int) -> None:
    """Check that labels lie in -1..size - 1.

    Labels on other devices than the CPU are not checked, since that would make the host wait for the device.

    Raises:
        ValueError: if one is outside.
    """
    if labels.device.type != "cpu" or torch.compiler.is_compiling() or not labels.numel():
        return
    lowest, highest = (int(value) for value in labels.aminmax())
    if lowest < UNLABELED or highest >= size:
        raise ValueError(
            f"labels must be 0..{size - 1}, or {UNLABELED} for unlabeled, but they span {lowest}..{highest}"
        )
