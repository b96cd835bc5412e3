"""Nearest neighbors: against a full sort, in blocks, and the accuracy of their vote."""

from __future__ import annotations

import math

import pytest
import torch

from everymode.partitioner import neighbors as module
from everymode.partitioner.neighbors import nearest_neighbors, neighbor_accuracy


@pytest.mark.parametrize("block_values", [1, 2**25])
def test_they_are_the_most_alike(block_values, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_VALUES", block_values)
    features = torch.randn(30, 5, dtype=torch.float64) * (torch.rand(30, 1, dtype=torch.float64) + 0.1)
    units = features / features.norm(dim=1, keepdim=True)
    order = (units @ units.T).argsort(dim=1, descending=True)
    assert torch.equal(nearest_neighbors(features, 4, include_self=True), order[:, :4])
    assert torch.equal(nearest_neighbors(features, 4), order[:, 1:5])


def test_a_copy_is_a_neighbor_and_the_image_itself_is_not():
    features = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    assert nearest_neighbors(features, 1)[:2].flatten().tolist() == [1, 0]
    assert nearest_neighbors(features, 1, include_self=True).flatten().tolist() == [0, 1, 2]


def test_the_vote():
    neighbors = torch.tensor([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
    # Row 3 is unlabeled: it is neither scored nor votes. Row 2's neighbors have label 0, and it has 1.
    assert neighbor_accuracy(neighbors, torch.tensor([0, 0, 1, -1])) == pytest.approx(2 / 3)
    assert math.isnan(neighbor_accuracy(neighbors, torch.tensor([-1] * 4)))


def test_errors():
    with pytest.raises(ValueError, match="4 neighbors were requested among 4 images; request 1 to 3"):
        nearest_neighbors(torch.randn(4, 2), 4)
