"""Layers with a limited spectral norm: against dense matrices, softness, modes, gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from everymode.partitioner.constrained import ConstrainedConv2d, ConstrainedLinear

GRID = (4, 5)


def dense(layer: nn.Module, weight: torch.Tensor) -> torch.Tensor:
    """Return the matrix of a layer's linear map on its grid."""
    if isinstance(layer, ConstrainedLinear):
        return weight
    inputs = weight.shape[1] * GRID[0] * GRID[1]
    units = torch.eye(inputs, dtype=weight.dtype).view(inputs, weight.shape[1], *GRID)
    return layer.convolve(units, weight).flatten(1).T


def convolution(size: int, circular: bool, limit: float, iterations: int = 300) -> ConstrainedConv2d:
    torch.manual_seed(1)
    return ConstrainedConv2d(
        2, 3, size, grid=GRID, limit=limit, circular=circular, iterations=iterations
    ).double()


LAYERS = [
    lambda limit: convolution(3, False, limit),
    lambda limit: convolution(3, True, limit),
    lambda limit: convolution(1, False, limit),
    lambda limit: ConstrainedLinear(6, 4, limit=limit, iterations=300).double(),
]


@pytest.mark.parametrize("make", LAYERS)
def test_a_weight_above_the_limit_is_brought_down_to_it(make):
    layer = make(0.3)
    with torch.no_grad():
        layer.weight.mul_(5)
    acting = layer.constrained_weight()
    norm = torch.linalg.matrix_norm(dense(layer, acting), 2)
    torch.testing.assert_close(norm.item(), 0.3, rtol=1e-7, atol=0)
    # The constrained weight is a multiple of the stored one.
    ratio = acting / layer.weight
    torch.testing.assert_close(ratio, ratio.mean().expand_as(ratio))


@pytest.mark.parametrize("make", LAYERS)
def test_a_weight_below_the_limit_is_left_unchanged(make):
    layer = make(100.0)
    assert torch.equal(layer.constrained_weight(), layer.weight)


@pytest.mark.parametrize("make", LAYERS)
def test_evaluation_changes_nothing_and_training_moves_the_stored_vectors(make):
    layer = make(0.3)
    layer.iterations = 1
    x = torch.randn(2, 2, *GRID, dtype=torch.float64)
    x = x.flatten(1)[:, :6] if isinstance(layer, ConstrainedLinear) else x
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    layer.eval()
    first = layer(x)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())
    assert torch.equal(layer(x), first)
    layer.train()(x)
    assert not torch.equal(layer.u, before["u"])
    assert layer.u.norm().item() == pytest.approx(1)


@pytest.mark.parametrize("make", LAYERS)
def test_the_gradient_flows_through_sigma(make):
    layer = make(0.3)
    layer.constrained_weight()
    layer.eval()
    target = torch.randn_like(layer.weight)
    value = (layer.constrained_weight() * target).sum()
    (gradient,) = torch.autograd.grad(value, layer.weight)
    # At convergence the derivative with u and v held constant is the exact one.
    direction = torch.randn_like(layer.weight)

    def exact(step: float) -> torch.Tensor:
        weight = layer.weight.detach() + step * direction
        norm = torch.linalg.matrix_norm(dense(layer, weight), 2)
        return (weight / (norm / 0.3).clamp(min=1) * target).sum()

    numeric = (exact(1e-5) - exact(-1e-5)) / 2e-5
    torch.testing.assert_close((gradient * direction).sum(), numeric, rtol=1e-5, atol=1e-8)


def test_two_forwards_before_one_backward():
    layer = convolution(3, False, 0.3, iterations=1)
    x = torch.randn(2, 2, *GRID, dtype=torch.float64)
    (layer(x).sum() + layer(x).square().sum()).backward()
    assert layer.weight.grad is not None


def test_a_zero_weight_stays_zero():
    layer = convolution(3, False, 0.9)
    with torch.no_grad():
        layer.weight.zero_()
    assert torch.equal(layer.constrained_weight(), torch.zeros_like(layer.weight))


def test_errors():
    with pytest.raises(ValueError, match="odd kernels"):
        ConstrainedConv2d(1, 1, 4, grid=(4, 4), limit=0.9)
    with pytest.raises(ValueError, match="spectral norm is 0"):
        ConstrainedLinear(2, 2, limit=0)
