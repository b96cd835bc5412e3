"""Partitioners: shapes, both heads, layouts, frozen parameters, residual blocks."""

from __future__ import annotations

import json

import pytest
import torch

from everymode.partitioner.network import (
    image_partitioner,
    linear_partitioner,
    multilayer_partitioner,
    partitioner_from,
    plane_partitioner,
)
from everymode.partitioner.residual import DenseResidualBlock, ResidualBlock, Squeeze

SMALL = {"channels": 2, "size": (8, 4), "blocks": (1, 1, 1), "width": 4, "full_width": 8}


@pytest.mark.parametrize("pooled", [True, False])
def test_images(pooled):
    partitioner = image_partitioner(5, pooled=pooled, **SMALL)
    images = torch.randn(3, 2, 8, 4)
    assert partitioner(images).shape == (3, 5)
    # Without pooling there are as many features as values in the image.
    assert partitioner.features(images).shape == (3, 8 if pooled else 64)
    assert partitioner.num_parts == 5


@pytest.mark.parametrize("make", [linear_partitioner, multilayer_partitioner, plane_partitioner])
def test_points(make):
    partitioner = make(7)
    points = torch.randn(4, 2)
    assert partitioner(points).shape == (4, 7)
    assert len(partitioner.features(points)) == 4


@pytest.mark.parametrize(
    "partitioner",
    [
        image_partitioner(3, pooled=False, **SMALL),
        image_partitioner(3, circular=True, **SMALL),
        linear_partitioner(4, dimensions=3),
        multilayer_partitioner(4, widths=(5,)),
        plane_partitioner(4, blocks=2, width=8),
    ],
)
def test_a_layout_builds_the_same_network(partitioner):
    other = partitioner_from(json.loads(json.dumps(partitioner.layout)))
    other.load_state_dict(partitioner.state_dict())
    assert other.layout == partitioner.layout
    assert str(other) == str(partitioner)


def test_the_papers_network_has_sixty_convolutions():
    partitioner = image_partitioner(200, size=(16, 16), width=2)
    blocks = [layer for layer in partitioner.body if isinstance(layer, ResidualBlock)]
    assert len(blocks) == 20
    assert sum(len(block.layers) for block in blocks) == 60
    assert [block.activated for block in blocks] == [False] + [True] * 19
    assert sum(isinstance(layer, Squeeze) for layer in partitioner.body) == 4


def test_frozen_use_leads_gradients_to_the_pixels_and_changes_nothing():
    partitioner = image_partitioner(3, pooled=True, **SMALL).eval().requires_grad_(False)
    before = {name: value.clone() for name, value in partitioner.state_dict().items()}
    images = torch.randn(2, 2, 8, 4, requires_grad=True)
    partitioner(images).sum().backward()
    assert images.grad.abs().sum() > 0
    assert all(torch.equal(value, before[name]) for name, value in partitioner.state_dict().items())


def test_blocks_add_their_branch():
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    block = ResidualBlock(3, 5, grid=(4, 4)).double().eval()
    torch.testing.assert_close(block(x) - x, block.branch(x))
    dense = DenseResidualBlock(3, 5, depth=3).double().eval()
    torch.testing.assert_close(dense(x[:, :, 0, 0]) - x[:, :, 0, 0], dense.branch(x[:, :, 0, 0]))
    assert [tuple(layer.weight.shape) for layer in dense.layers] == [(5, 3), (5, 5), (3, 5)]


def test_branches_shrink_every_distance():
    block = DenseResidualBlock(4, 16, limit=0.7).double()
    with torch.no_grad():
        for layer in block.layers:
            layer.weight.mul_(30)
        for _ in range(20):
            block(torch.randn(2, 4, dtype=torch.float64))
    block.eval()
    x, y = torch.randn(2, 500, 4, dtype=torch.float64)
    ratio = (block.branch(x) - block.branch(y)).norm(dim=1) / (x - y).norm(dim=1)
    assert 0.05 < ratio.max() <= 0.49 * (1 + 1e-6)


def test_squeezing_keeps_lengths():
    x = torch.randn(2, 3, 4, 6)
    assert Squeeze()(x).shape == (2, 12, 2, 3)
    torch.testing.assert_close(Squeeze()(x).norm(), x.norm())


def test_errors():
    with pytest.raises(ValueError, match="a partition has at least 2 parts"):
        image_partitioner(1)
    with pytest.raises(ValueError, match="28x30 can't be halved 4 times"):
        image_partitioner(4, size=(28, 30))
    with pytest.raises(ValueError, match="below 1"):
        image_partitioner(4, limit=1.0)
    with pytest.raises(ValueError, match="number for each stage"):
        image_partitioner(4, blocks=())
    with pytest.raises(ValueError, match="two layers"):
        DenseResidualBlock(4, 4, depth=1)
    with pytest.raises(ValueError, match="no partitioner called 'cubic'"):
        partitioner_from({"kind": "cubic"})
