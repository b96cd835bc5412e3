"""Attributes of label blocks."""

from __future__ import annotations

import pytest
import torch

from everymode.networks.attributes import attribute_planes, num_planes


def test_two_values_are_one_plane_and_more_are_one_each() -> None:
    labels = torch.tensor([[0, 1, 3], [2, 0, -1], [-1, -1, 0]])
    expected = [[1, 0, 0, 1, 0, 0, 0, 1], [0, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0, 0, 0]]
    planes = attribute_planes(labels, (3, 2, 4), dtype=torch.float64)
    assert planes.tolist() == expected and planes.dtype == torch.float64
    assert num_planes((3, 2, 4)) == 8 and num_planes((2,)) == 1
    assert attribute_planes(torch.tensor([1, 0, -1]), (2,)).tolist() == [[1], [0], [0]]


def test_wrong_labels_are_rejected() -> None:
    for labels in (torch.zeros(2, 3).long(), torch.zeros(2, 2), torch.zeros(2).long()):
        with pytest.raises(ValueError, match=r"\[B, 2\]"):
            attribute_planes(labels, (3, 2))
    for wrong in ([3, 0], [0, 2], [-2, 0]):
        with pytest.raises(ValueError, match="has the values 0 to"):
            attribute_planes(torch.tensor([wrong]), (3, 2))
    for sizes in ((), (3, 1)):
        with pytest.raises(ValueError, match="at least 2"):
            num_planes(sizes)
