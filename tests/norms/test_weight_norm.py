"""Weight normalization: the function is kept at the start, and equals torch's own."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from everymode.norms import normalize_weights, weight_norm


@pytest.mark.parametrize(
    "layer", [nn.Conv2d(3, 4, 3, padding=1), nn.ConvTranspose2d(3, 4, 4, stride=2), nn.Linear(3, 4)]
)
def test_values_and_gradients_are_those_of_torch(layer: nn.Module) -> None:
    torch.manual_seed(0)
    layer = copy.deepcopy(layer).double()
    x = torch.randn((2, 3, 5, 5) if layer.weight.dim() == 4 else (2, 3)).double()
    expected = layer(x)
    axis = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
    theirs = nn.utils.parametrizations.weight_norm(copy.deepcopy(layer), dim=axis)
    normalize_weights(layer, weight_norm(), x)
    torch.testing.assert_close(layer(x), expected, rtol=1e-12, atol=1e-12)
    ours, weight = layer.parametrizations.weight, theirs.parametrizations.weight
    with torch.no_grad():
        ours[0].length.mul_(2)
        weight.original0.mul_(2)
    for each in (layer, theirs):
        each(x).square().sum().backward()
    torch.testing.assert_close(layer(x), theirs(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours.original.grad, weight.original1.grad, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(ours[0].length.grad, weight.original0.grad, rtol=1e-9, atol=1e-12)


def test_a_zero_row_stays_zero_and_finite() -> None:
    layer = nn.Linear(3, 2)
    with torch.no_grad():
        layer.weight[0] = 0
    normalize_weights(layer, weight_norm())
    layer(torch.ones(1, 3)).sum().backward()
    assert torch.equal(layer.weight[0], torch.zeros(3))
    assert layer.parametrizations.weight.original.grad.isfinite().all()
