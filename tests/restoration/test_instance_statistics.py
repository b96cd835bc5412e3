"""Instance statistics: the first image stays, and later ones have its statistics."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from everymode.restoration.instance_statistics import add_instance_statistics


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.BatchNorm2d(3), nn.Conv2d(3, 1, 1)
    )
    layers(torch.randn(4, 2, 6, 6))
    return layers.eval().requires_grad_(False)


def test_each_norm_of_the_blocks_keeps_the_statistics_of_the_first_image() -> None:
    body = network()
    first, second = torch.randn(2, 1, 2, 6, 6)
    before = body(first)
    add_instance_statistics(body, body[3].parameters(), lambda: body(first))
    torch.testing.assert_close(body(first), before)
    plain = network()[:2]
    expected, other = plain(first), plain(second)
    normalized = (other - other.mean((2, 3), keepdim=True)) / (
        other.var((2, 3), correction=0, keepdim=True) + 1e-5
    ).sqrt()
    expected = normalized * (expected.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt() + expected.mean(
        (2, 3), keepdim=True
    )
    torch.testing.assert_close(body[:2](second), expected)
    torch.testing.assert_close(body(second), network()[2:](expected))  # the norm of the head is as it was


def test_a_generator_without_batch_normalization_is_rejected() -> None:
    with pytest.raises(ValueError, match="no batch normalization"):
        add_instance_statistics(nn.Conv2d(1, 1, 1), [], lambda: None)
