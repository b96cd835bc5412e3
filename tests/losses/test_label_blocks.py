"""Labels by block and position."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from everymode.losses.label_blocks import at_positions, block_sizes, check_labels, label_blocks, one_block


def test_block_sizes() -> None:
    assert block_sizes(10) == (10,)
    assert block_sizes((10, 2)) == (10, 2)
    with pytest.raises(ValueError, match="num_classes must be"):
        block_sizes([10, 2])  # type: ignore[arg-type]


def test_blocks_come_by_column_or_as_they_are() -> None:
    labels = torch.tensor([[1, 0], [2, 1]], dtype=torch.int32)
    columns = label_blocks(labels, (3, 2))
    assert [block.tolist() for block in columns] == [[1, 2], [0, 1]]
    assert all(block.dtype == torch.int64 for block in columns)
    (whole,) = label_blocks(labels, 3)
    assert whole.tolist() == labels.tolist()


def test_class_counts_of_numpy_are_whole_numbers_too() -> None:
    assert block_sizes((np.int64(10), np.int32(2))) == (10, 2)  # type: ignore[arg-type]
    assert one_block(np.int64(3), "this loss") == 3  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="num_classes must be"):
        one_block(3.0, "this loss")  # type: ignore[arg-type]


def test_labels_off_the_cpu_are_not_looked_at() -> None:
    check_labels(torch.empty(4, dtype=torch.int64, device="meta"), 3)
    check_labels(torch.empty(0, dtype=torch.int64), 3)
    with pytest.raises(ValueError, match="span"):
        check_labels(torch.tensor([3]), 3)


@pytest.mark.parametrize("size", [(4, 6), (2, 3), (3, 5), (8, 12), (1, 1), (5, 7)])
def test_nearest_positions_agree_with_interpolation(size: tuple[int, int]) -> None:
    labels = torch.arange(2 * 4 * 6).view(2, 4, 6)
    expected = F.interpolate(labels[:, None].double(), size, mode="nearest")[:, 0].long()
    assert torch.equal(at_positions(labels, torch.zeros(2, 5, *size)), expected)


def test_labels_per_image_stay_as_they_are() -> None:
    labels = torch.tensor([1, 2])
    assert at_positions(labels, torch.zeros(2, 5, 4, 4)) is labels
