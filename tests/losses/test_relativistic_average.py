"""The relativistic average loss: stored values and gradients, maps, and what carries a gradient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from everymode.losses import relativistic_average

STORED = np.load(Path(__file__).parents[1] / "vectors_pictures_losses.npz")


def stored(name: str) -> Tensor:
    return torch.from_numpy(STORED[f"ragan_{name}"]).double()


@pytest.mark.parametrize("full_graph", [False, True])
def test_stored_values_and_gradients(full_graph: bool) -> None:
    loss = relativistic_average(full_graph=full_graph)
    real, fake = stored("real").requires_grad_(), stored("fake").requires_grad_()
    cost = loss.discriminator(real, fake, None, None)
    torch.testing.assert_close(cost, stored("D_half_sum"), rtol=1e-12, atol=0)
    graph = "full" if full_graph else "detached_means"
    for side, gradient in zip(("real", "fake"), torch.autograd.grad(cost, (real, fake)), strict=True):
        torch.testing.assert_close(gradient, stored(f"D_grad_{side}_{graph}"), rtol=0, atol=1e-12)
    assert loss.paired_generator is not None
    cost = loss.paired_generator(real, fake, None, None)
    torch.testing.assert_close(cost, stored("G_half_sum"), rtol=1e-12, atol=0)
    of_fake, of_real = torch.autograd.grad(cost, (fake, real), allow_unused=True)
    torch.testing.assert_close(of_fake, stored("G_grad_fake_real_detached"), rtol=0, atol=1e-12)
    assert (of_real is not None) == full_graph


def test_maps_and_other_numbers_of_rows_by_hand() -> None:
    loss = relativistic_average()
    random = torch.Generator().manual_seed(0)
    real = torch.randn(3, 1, 2, 5, generator=random, dtype=torch.float64)
    fake = torch.randn(2, 1, 2, 5, generator=random, dtype=torch.float64)
    r, f = real.numpy().ravel(), fake.numpy().ravel()
    expected = (np.log1p(np.exp(-(r - f.mean()))).mean() + np.log1p(np.exp(f - r.mean())).mean()) / 2
    assert loss.discriminator(real, fake, None, None).item() == pytest.approx(expected, rel=1e-13)
    expected = (np.log1p(np.exp(r - f.mean())).mean() + np.log1p(np.exp(r.mean() - f)).mean()) / 2
    assert loss.paired_generator(real, fake, None, None).item() == pytest.approx(expected, rel=1e-13)
    torch.testing.assert_close(loss.realness(real, None), real.mean((1, 2, 3)))
    assert loss.discriminator(real.bfloat16(), fake.bfloat16(), None, None).dtype == torch.float32


def test_gradients_numerically() -> None:
    real, fake = (torch.randn(4, 1, 2, 2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    full = relativistic_average(full_graph=True)
    assert torch.autograd.gradcheck(lambda r, f: full.discriminator(r, f, None, None), (real, fake))
    assert torch.autograd.gradcheck(lambda r, f: full.paired_generator(r, f, None, None), (real, fake))
    plain = relativistic_average()
    assert torch.autograd.gradcheck(lambda f: plain.paired_generator(real, f, None, None), (fake,))


def test_impossible_inputs_are_explained() -> None:
    loss = relativistic_average()
    with pytest.raises(ValueError, match="call paired_generator"):
        loss.generator(torch.zeros(2), None)
    with pytest.raises(ValueError, match=r"\[B, 1, H, W\], not \[2, 3\]"):
        loss.discriminator(torch.zeros(2, 3), torch.zeros(2, 3), None, None)
    with pytest.raises(ValueError, match="empty batch"):
        loss.discriminator(torch.zeros(2), torch.zeros(0), None, None)
