"""NT-Xent: reference values, the symmetric and the one-sided form, gradients."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from everymode.partitioner.contrastive import nt_xent

VECTORS = np.load(Path(__file__).parents[1] / "vectors_unlabelled_partitioner.npz")


@pytest.mark.parametrize(("temperature", "key"), [(0.1, "0p1"), (0.5, "0p5")])
def test_reference_values_and_gradients(temperature, key):
    z = torch.from_numpy(VECTORS["ntx_z"]).requires_grad_(True)
    loss = nt_xent(z[:, 0], z[:, 1], temperature=temperature)
    np.testing.assert_allclose(loss.item(), VECTORS[f"ntx_symmetric_{key}"], rtol=1e-9)
    (gradient,) = torch.autograd.grad(loss, z)
    reference = torch.from_numpy(VECTORS[f"ntx_symmetric_grad_{key}"])
    torch.testing.assert_close(gradient, reference, rtol=1e-9, atol=1e-12)


def test_two_images_by_hand():
    first = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    second = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    # Each anchor has one candidate at similarity 1 and two at 0.
    expected = math.log((math.exp(2) + 2) / math.exp(2))
    assert nt_xent(first, second, temperature=0.5).item() == pytest.approx(expected, rel=1e-12)


def test_the_symmetric_form_is_the_mean_of_both_one_sided_ones():
    first, second = torch.randn(2, 6, 4, dtype=torch.float64)
    both = (nt_xent(first, second, symmetric=False) + nt_xent(second, first, symmetric=False)) / 2
    torch.testing.assert_close(nt_xent(first, second), both, rtol=1e-12, atol=0)


@pytest.mark.parametrize("symmetric", [True, False])
def test_gradients(symmetric):
    views = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda both: nt_xent(both[0], both[1], temperature=0.3, symmetric=symmetric), views
    )


def test_errors():
    with pytest.raises(ValueError, match="at least 2"):
        nt_xent(torch.randn(1, 3), torch.randn(1, 3))
    with pytest.raises(ValueError, match=r"\[4, 3\] and \[4, 2\]"):
        nt_xent(torch.randn(4, 3), torch.randn(4, 2))
    with pytest.raises(ValueError, match="positive, not 0"):
        nt_xent(torch.randn(4, 3), torch.randn(4, 3), temperature=0)
