"""Embeddings of several labels: the sum of one table per block."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from everymode.networks.block_embedding import BlockEmbedding, label_embedding
from everymode.networks.initialization import normal_initialization
from everymode.norms.weight import without_embeddings


def test_the_sum_of_one_table_per_block_with_gradients() -> None:
    torch.manual_seed(0)
    together = BlockEmbedding((3, 2), 4).double()
    tables = [nn.Embedding.from_pretrained(part.detach()) for part in together.weight.split((3, 2))]
    labels = torch.tensor([[0, 1], [2, 0], [2, 1]])
    expected = tables[0](labels[:, 0]) + tables[1](labels[:, 1])
    torch.testing.assert_close(together(labels), expected, rtol=0, atol=0)
    together(labels).sum().backward()
    assert together.weight.grad.sum(1).tolist() == [4, 0, 8, 4, 8]


def test_one_number_of_classes_is_a_plain_embedding() -> None:
    assert type(label_embedding(5, 2)) is nn.Embedding
    assert label_embedding((5, 2), 3).weight.shape == (7, 3)


def test_it_is_treated_as_an_embedding() -> None:
    table = BlockEmbedding((40, 50), 60)
    normal_initialization(table)
    assert abs(table.weight.std().item() - 0.02) < 1e-3
    assert not without_embeddings("table", table)
    assert set(table.state_dict()) == {"weight"}


@pytest.mark.parametrize("labels", [torch.zeros(3, dtype=torch.long), torch.zeros(3, 3, dtype=torch.long)])
def test_labels_of_another_shape_are_refused(labels: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"2 blocks: pass int64 labels \[B, 2\]"):
        BlockEmbedding((3, 2), 4)(labels)


@pytest.mark.parametrize("sizes", [(), (3, 0)])
def test_blocks_without_classes_are_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="number of classes of each label block"):
        BlockEmbedding(sizes, 4)
