"""The orthonormal penalty: its zero, its value by hand, which layers it counts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from everymode.norms import orthonormal_penalty
from everymode.norms.orthonormal import orthonormality


def turn(network: nn.Module) -> SimpleNamespace:
    return SimpleNamespace(game=SimpleNamespace(discriminator=network))


def test_value_by_hand_and_zero_at_orthonormal_rows() -> None:
    matrix = torch.tensor([[3.0, 4, 0], [0, 0, 2]])
    # W W^T = [[25, 0], [0, 4]]: 24^2 + 3^2.
    assert orthonormality(matrix).item() == 24**2 + 3**2
    assert orthonormality(matrix.view(2, 3, 1, 1)).item() == 585
    assert orthonormality(matrix.T.reshape(3, 2, 1, 1), transposed=True).item() == 585
    rows = torch.linalg.qr(torch.randn(7, 4, dtype=torch.float64)).Q.T
    assert orthonormality(rows).item() == pytest.approx(0, abs=1e-20)
    assert orthonormality(rows.T).item() == pytest.approx(0, abs=1e-20)  # the smaller side


def test_the_smaller_side_has_the_same_gradient() -> None:
    tall = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    (ours,) = torch.autograd.grad(orthonormality(tall), tall)
    rows = (tall @ tall.T - torch.eye(6)).square().sum()
    (theirs,) = torch.autograd.grad(rows, tall)
    torch.testing.assert_close(ours, theirs)
    assert torch.autograd.gradcheck(orthonormality, (tall,))


def test_the_term_sums_over_the_layers_that_count() -> None:
    network = nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.ConvTranspose2d(3, 2, 4), nn.BatchNorm2d(2), nn.Linear(4, 1)
    )
    expected = [orthonormality(network[i].weight, transposed=i == 1) for i in (0, 1, 3)]
    cost = orthonormal_penalty()(turn(network))
    torch.testing.assert_close(cost, torch.stack(expected).sum())
    cost.backward()
    assert all(network[i].weight.grad is not None for i in (0, 1, 3))
    only = orthonormal_penalty(include=lambda name, layer: name == "3")
    torch.testing.assert_close(only(turn(network)), expected[2])
    with pytest.raises(ValueError, match="no convolution"):
        orthonormal_penalty()(turn(nn.ReLU()))
