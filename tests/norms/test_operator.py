"""Operator norms of convolutions, exact and by power iteration, against reference vectors and dense matrices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks.circular import CircularConv2d
from everymode.norms import (
    SpectralNorm,
    convolution_spectral_norm,
    exact_spectral_norm,
    normalize_weights,
    operator_norm,
    sparsity_aware_sigma,
)
from everymode.norms.operator import ConvolutionSpectralNorm

VECTORS = np.load(Path(__file__).parents[1] / "vectors_unlabelled_norms.npz")
GRID = (5, 6)


def dense_norm(layer: nn.Module, channels: int, grid: tuple[int, int] = GRID) -> Tensor:
    """The norm of the layer's matrix, built column by column."""
    count = channels * grid[0] * grid[1]
    columns = torch.eye(count, dtype=torch.float64).view(count, channels, *grid)
    with torch.no_grad():
        matrix = (layer(columns) - layer(torch.zeros_like(columns[:1]))).flatten(1)
    return torch.linalg.matrix_norm(matrix, 2)


@pytest.mark.parametrize("case", ["a", "b", "c"])
def test_reference_vectors(case: str) -> None:
    weight = torch.from_numpy(VECTORS[f"san_{case}_w"])
    height, width = VECTORS[f"san_{case}_hw"].tolist()
    norm = operator_norm(weight, (height, width)).item()
    assert norm == pytest.approx(VECTORS[f"san_{case}_opnorm"], rel=1e-9)
    single = operator_norm(weight.float(), (height, width))
    assert single.dtype == torch.float32 and single.item() == pytest.approx(norm, rel=1e-6)
    sigma = sparsity_aware_sigma(weight, (height, width)).item()
    assert sigma <= norm <= sigma * (weight.shape[0] * weight.shape[1]) ** 0.5


@pytest.mark.parametrize(
    ("size", "dilation", "groups"), [(3, 1, 1), (4, 1, 2), (3, 2, 1), (7, 1, 1), (1, 1, 2)]
)
def test_exact_norms_are_those_of_dense_matrices(size: int, dilation: int, groups: int) -> None:
    torch.manual_seed(size)
    weight = torch.randn(4, 6 // groups, size, size, dtype=torch.float64)

    def circular(x: Tensor) -> Tensor:
        reach = (size - 1) * dilation
        rows, columns = (torch.arange(side + reach) % side for side in x.shape[2:])
        padded = x[:, :, rows][:, :, :, columns]
        return F.conv2d(padded, weight, dilation=dilation, groups=groups)

    ours = operator_norm(weight, GRID, dilation=(dilation, dilation), groups=groups)
    assert ours.item() == pytest.approx(dense_norm(circular, 6).item(), rel=1e-9)


def test_a_matrix_has_the_norm_of_a_matrix() -> None:
    matrix = torch.randn(4, 7, dtype=torch.float64)
    assert operator_norm(matrix, (1, 1)).item() == pytest.approx(torch.linalg.matrix_norm(matrix, 2).item())
    with pytest.raises(ValueError, match="takes"):
        operator_norm(torch.randn(2, 2, 3), (4, 4))


LAYERS = {
    "zeros": lambda: nn.Conv2d(3, 4, 3, padding=1),
    "strided": lambda: nn.Conv2d(3, 4, 4, stride=2, padding=1, bias=False),
    "circular": lambda: CircularConv2d(3, 4, 3, stride=2, padding=1),
    "reflected": lambda: nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"),
    "dilated groups": lambda: nn.Conv2d(3, 6, 3, padding="same", dilation=2, groups=3),
    "transposed": lambda: nn.ConvTranspose2d(3, 2, 4, stride=2, padding=1),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_power_iteration_through_the_convolution_finds_its_norm(kind: str) -> None:
    torch.manual_seed(2)
    layer = LAYERS[kind]().double()
    expected = dense_norm(layer, 3, (6, 8))
    normalize_weights(layer, convolution_spectral_norm(iterations=500), torch.zeros(1, 3, 6, 8).double())
    part, raw = layer.parametrizations.weight[0], layer.parametrizations.weight.original
    with torch.no_grad():
        raw.mul_(2)
    layer(torch.randn(1, 3, 6, 8).double())
    assert part.sigma.item() == pytest.approx(2 * expected.item(), rel=1e-4)
    assert dense_norm(layer.eval(), 3, (6, 8)).item() == pytest.approx(1, rel=1e-4)


def test_the_gradient_flows_through_sigma_with_its_vectors_constant() -> None:
    torch.manual_seed(3)
    layer = nn.Conv2d(2, 3, 3, padding=1).double()
    raw = layer.weight.detach().clone().requires_grad_()
    x = torch.randn(2, 2, 5, 5).double()
    normalize_weights(layer, convolution_spectral_norm(), x)
    layer(x).square().sum().backward()
    part = layer.parametrizations.weight[0]
    sigma = (part.left * F.conv2d(part.right, raw, padding=1)).sum()
    assert sigma.item() == pytest.approx(part.sigma.item(), rel=1e-12)
    F.conv2d(x, raw / sigma, layer.bias, padding=1).square().sum().backward()
    torch.testing.assert_close(layer.parametrizations.weight.original.grad, raw.grad, rtol=1e-9, atol=1e-12)


def test_other_layers_take_spectral_norm_or_the_rule_that_is_given() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    normalize_weights(network, convolution_spectral_norm(iterations=2))
    part = network[1].parametrizations.weight[0]
    assert isinstance(part, SpectralNorm) and part.iterations == 2
    with pytest.raises(ValueError, match="at least one"):
        convolution_spectral_norm(iterations=0)
    network = nn.Linear(4, 3)
    normalize_weights(network, convolution_spectral_norm(linear=exact_spectral_norm()))
    assert not isinstance(network.parametrizations.weight[0], ConvolutionSpectralNorm)


def test_exact_spectral_norm_makes_every_layers_norm_one() -> None:
    torch.manual_seed(4)
    network = nn.Sequential(
        CircularConv2d(2, 3, 3, padding=1), nn.Conv2d(3, 4, 3, padding=1), nn.Flatten(), nn.Linear(120, 2)
    ).double()
    x = torch.randn(2, 2, *GRID).double()
    normalize_weights(network, exact_spectral_norm(gain=0.5), x)
    with torch.no_grad():
        for layer in (network[0], network[1], network[3]):
            layer.parametrizations.weight.original.mul_(3)
    network(x).sum().backward()
    assert dense_norm(network[0], 2).item() == pytest.approx(2, rel=1e-9)
    # Zero padding by 1 is a part of the circular convolution on a grid that is wider by 2.
    wider = operator_norm(network[1].weight.detach(), (GRID[0] + 2, GRID[1] + 2))
    assert 1.5 < dense_norm(network[1], 3).item() <= wider.item()
    assert torch.linalg.matrix_norm(network[3].weight, 2).item() == pytest.approx(2, rel=1e-9)
    raw = network[0].parametrizations.weight.original
    assert raw.grad is not None
