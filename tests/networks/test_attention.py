"""Self-attention: the identity at the start, the formula with loops, gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from everymode.networks.attention import SelfAttention


def test_starts_as_the_identity_and_learns_gamma() -> None:
    layer = SelfAttention(8)
    x = torch.randn(2, 8, 4, 6)
    out = layer(x)
    assert torch.equal(out, x)
    out.square().sum().backward()
    assert layer.gamma.grad.abs() > 0


def test_formula_position_by_position() -> None:
    torch.manual_seed(0)
    layer = SelfAttention(16).double()
    nn.init.constant_(layer.gamma, 0.5)
    x = torch.randn(1, 16, 4, 2, dtype=torch.float64)
    query, key, value = (convolution(x)[0] for convolution in (layer.query, layer.key, layer.value))
    key, value = (part.unflatten(1, (2, 2)).unflatten(3, (1, 2)).amax((2, 4)) for part in (key, value))
    expected = x.clone()
    for row in range(4):
        for column in range(2):
            weights = torch.einsum("c,chw->hw", query[:, row, column], key).flatten().softmax(0).view(2, 1)
            mixed = torch.einsum("hw,chw->c", weights, value)
            expected[0, :, row, column] += 0.5 * layer.output.weight[:, :, 0, 0] @ mixed
    torch.testing.assert_close(layer(x), expected)


def test_a_width_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="12 channels; it needs a multiple of 8"):
        SelfAttention(12)
