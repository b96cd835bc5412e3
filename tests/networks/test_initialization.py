"""Initial weights: their distribution, what they do not change, and that normalized networks are rejected."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from everymode.networks import (
    glorot_normal_initialization,
    glorot_uniform_initialization,
    kaiming_normal_initialization,
    normal_initialization,
    orthogonal_initialization,
)
from everymode.norms import BatchNorm, normalize_weights, spectral_norm


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(8, 16, 3), BatchNorm(16), nn.ConvTranspose2d(16, 8, 4), nn.Linear(64, 32))


def test_normal() -> None:
    made = network()
    bias = made[3].bias.detach().clone()
    assert normal_initialization(made) is made
    for layer in (made[0], made[2], made[3]):
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert torch.equal(made[3].bias, bias)
    assert torch.equal(made[1].gain, torch.ones(16))
    assert normal_initialization(network(), std=1.0)[3].weight.std().item() == pytest.approx(1.0, rel=0.1)


def test_orthogonal() -> None:
    made = orthogonal_initialization(nn.Sequential(*network(), nn.Embedding(5, 9)))
    for layer in (made[0], made[3], made[4]):
        matrix = layer.weight.detach().flatten(1)
        torch.testing.assert_close(matrix @ matrix.T, torch.eye(len(matrix)), rtol=0, atol=1e-5)


def test_glorot_uniform() -> None:
    weight = glorot_uniform_initialization(network())[0].weight
    bound = math.sqrt(6 / (8 * 9 + 16 * 9))
    assert 0.98 * bound < weight.abs().max().item() <= bound
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)


def test_normalized_networks_are_refused() -> None:
    made = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    before = made[0].weight.detach().clone()
    normalize_weights(made, spectral_norm(), include=lambda name, layer: name == "1")
    with pytest.raises(ValueError, match=r"'1' is normalized already.*initialize first"):
        normal_initialization(made)
    assert torch.equal(made[0].weight, before)


def test_glorot_uniform_sets_biases_to_zero_only_when_asked() -> None:
    made = network()
    bias = made[3].bias.detach().clone()
    assert torch.equal(glorot_uniform_initialization(made)[3].bias, bias)
    cleared = glorot_uniform_initialization(made, zero_biases=True)
    assert all(not cleared[index].bias.any() for index in (0, 2, 3))
    assert torch.equal(cleared[1].gain, torch.ones(16))


def test_glorot_normal_is_spades_by_default() -> None:
    made = glorot_normal_initialization(network())
    expected = 0.02 * math.sqrt(2 / (8 * 9 + 16 * 9))
    assert made[0].weight.std().item() == pytest.approx(expected, rel=0.1)
    assert made[0].weight.abs().max() > 2.5 * expected  # no uniform distribution
    assert not made[0].bias.any() and not made[3].bias.any()
    kept = network()
    bias = kept[3].bias.detach().clone()
    assert torch.equal(glorot_normal_initialization(kept, gain=1.0, zero_biases=False)[3].bias, bias)
    assert kept[0].weight.std().item() == pytest.approx(50 * expected, rel=0.1)


def test_kaiming_normal() -> None:
    made = kaiming_normal_initialization(network(), scale=0.1)
    assert made[0].weight.std().item() == pytest.approx(0.1 * math.sqrt(2 / 72), rel=0.1)
    assert made[3].weight.std().item() == pytest.approx(0.1 * math.sqrt(2 / 64), rel=0.1)
    assert not made[0].bias.any()
