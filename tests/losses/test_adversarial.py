"""Adversarial losses on one score per image: values by hand, released code's outputs, gradients, mistakes."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from everymode.game import AdversarialLoss
from everymode.losses import hinge, least_squares, logistic, relativistic, wasserstein

VECTORS = Path(__file__).parents[1] / "vectors_conditional.npz"
LOSSES = (hinge, logistic, least_squares, wasserstein, relativistic)
REAL, FAKE = (0.5, 2.0), (-3.0, 0.25)


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def discriminator_cost(loss: AdversarialLoss, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    return loss.discriminator(real, fake, None, None)


def generator_cost(loss: AdversarialLoss, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    if loss.paired_generator is not None:
        return loss.paired_generator(real, fake, None, None)
    return loss.generator(fake, None)


# Means of two written as sums of halves: discriminator, generator.
BY_HAND = {
    hinge: (0.5 * (0.5 + 0.0) + 0.5 * (0.0 + 1.25), 0.5 * (3.0 - 0.25)),
    logistic: (
        0.5 * (softplus(-0.5) + softplus(-2.0)) + 0.5 * (softplus(-3.0) + softplus(0.25)),
        0.5 * (softplus(3.0) + softplus(-0.25)),
    ),
    least_squares: (0.5 * (0.25 + 1.0) + 0.5 * (9.0 + 0.0625), 0.5 * (16.0 + 0.5625)),
    wasserstein: (-1.25 + 0.5 * (-2.75), 0.5 * 2.75),
    relativistic: (0.5 * (softplus(-3.5) + softplus(-1.75)), 0.5 * (softplus(3.5) + softplus(1.75))),
}


@pytest.mark.parametrize("make", LOSSES)
@pytest.mark.parametrize("shape", [(2,), (2, 1), (2, 1, 1, 1)])
def test_values_by_hand(make: Callable[[], AdversarialLoss], shape: tuple[int, ...]) -> None:
    real = torch.tensor(REAL, dtype=torch.float64).view(shape)
    fake = torch.tensor(FAKE, dtype=torch.float64).view(shape)
    loss = make()
    expected_discriminator, expected_generator = BY_HAND[make]
    assert discriminator_cost(loss, real, fake).item() == pytest.approx(expected_discriminator, rel=1e-13)
    assert generator_cost(loss, real, fake).item() == pytest.approx(expected_generator, rel=1e-13)
    assert discriminator_cost(loss, real, fake).shape == ()


def test_hinge_matches_released_code() -> None:
    with np.load(VECTORS) as arrays:
        vector = {key: torch.from_numpy(arrays[key]) for key in arrays.files if ".hinge." in key}
    vector = {key.removeprefix("conditional.hinge."): value for key, value in vector.items()}
    real, fake = (vector[name].clone().requires_grad_() for name in ("real", "fake"))
    total = hinge().discriminator(real, fake, None, None)
    torch.testing.assert_close(total, vector["d_total"], rtol=1e-12, atol=0)
    gradients = torch.autograd.grad(total, (real, fake))
    # Row 0 sits on the kink.
    torch.testing.assert_close(gradients[0], vector["d_grad_real"], rtol=1e-12, atol=0)
    torch.testing.assert_close(gradients[1], vector["d_grad_fake"], rtol=1e-12, atol=0)
    cost = hinge().generator(fake, None)
    torch.testing.assert_close(cost, vector["g"], rtol=1e-12, atol=0)
    (gradient,) = torch.autograd.grad(cost, fake)
    torch.testing.assert_close(gradient, vector["g_grad_fake"], rtol=1e-12, atol=0)


@pytest.mark.parametrize("make", LOSSES)
def test_gradients_and_their_signs(make: Callable[[], AdversarialLoss]) -> None:
    loss = make()
    real = torch.tensor([0.3, -0.6, 0.8], dtype=torch.float64, requires_grad=True)
    fake = torch.tensor([-0.2, 0.9, -0.7], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda r, f: discriminator_cost(loss, r, f), (real, fake))
    assert torch.autograd.gradcheck(lambda f: generator_cost(loss, real.detach(), f), (fake,))
    on_real, on_fake = torch.autograd.grad(discriminator_cost(loss, real, fake), (real, fake))
    (of_generator,) = torch.autograd.grad(generator_cost(loss, real.detach(), fake), fake)
    assert (on_real < 0).all()
    assert (of_generator < 0).all()
    if make is not least_squares:  # below its target a fake is pulled up there
        assert (on_fake > 0).all()


@pytest.mark.parametrize("make", LOSSES)
def test_batch_order_does_not_matter(make: Callable[[], AdversarialLoss]) -> None:
    loss = make()
    real, fake = torch.randn(2, 6, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    order = torch.tensor([4, 1, 0, 5, 2, 3])
    for cost in (discriminator_cost, generator_cost):
        torch.testing.assert_close(cost(loss, real[order], fake[order]), cost(loss, real, fake))


@pytest.mark.parametrize("make", LOSSES)
@pytest.mark.parametrize("size", [1e4, -1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_extreme_scores_stay_finite(
    make: Callable[[], AdversarialLoss], size: float, dtype: torch.dtype
) -> None:
    real = torch.full((3, 1), size, dtype=dtype, requires_grad=True)
    fake = torch.full((3, 1), -size, dtype=dtype, requires_grad=True)
    for cost in (discriminator_cost, generator_cost):
        value = cost(make(), real, fake)
        (gradient,) = torch.autograd.grad(value, fake)
        assert value.isfinite()
        assert value.dtype == torch.float32
        assert gradient.isfinite().all()


def test_logistic_far_from_the_border_in_double_precision() -> None:
    # A softplus that becomes linear beyond a threshold would lose the exponential.
    far = torch.tensor([25.0], dtype=torch.float64)
    assert logistic().generator(-far, None).item() - 25.0 == pytest.approx(math.exp(-25.0), rel=1e-3, abs=0)


@pytest.mark.parametrize("make", LOSSES)
def test_realness_is_one_number_per_image_and_higher_is_more_real(
    make: Callable[[], AdversarialLoss],
) -> None:
    maps = torch.tensor([[0.0, 2.0], [-1.0, -3.0]]).view(2, 1, 1, 2)
    realness = make().realness(maps, None)
    undecided = 0.5 if make is least_squares else 0.0
    assert realness.tolist() == [1.0 - undecided, -2.0 - undecided]
    assert make().realness(torch.tensor([1.0, -2.0]), None).tolist() == realness.tolist()
    assert make().realness(torch.tensor([[1.0], [-2.0]]), None).tolist() == realness.tolist()


def test_least_squares_targets() -> None:
    loss = least_squares(real_target=1.0, fake_target=-1.0)
    real, fake = torch.tensor([0.5]), torch.tensor([0.5])
    assert loss.discriminator(real, fake, None, None).item() == pytest.approx(0.25 + 2.25)
    assert loss.realness(real, None).item() == 0.5
    with pytest.raises(ValueError, match="must be above"):
        least_squares(real_target=0.0)


def test_relativistic_depends_on_differences_alone_and_pairs_row_by_row() -> None:
    real, fake = torch.randn(2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    loss = relativistic()
    for cost in (discriminator_cost, generator_cost):
        torch.testing.assert_close(cost(loss, real + 3.0, fake + 3.0), cost(loss, real, fake))
        assert not torch.isclose(cost(loss, real, fake.roll(1)), cost(loss, real, fake))
    torch.testing.assert_close(generator_cost(loss, real, fake), discriminator_cost(loss, fake, real))


@pytest.mark.parametrize("make", LOSSES)
def test_class_scores_are_refused(make: Callable[[], AdversarialLoss]) -> None:
    loss = make()
    wrong, right = torch.zeros(4, 12), torch.zeros(4, 1)
    with pytest.raises(ValueError, match=r"one score per image.*not \[4, 12\].*omni"):
        discriminator_cost(loss, wrong, right)
    with pytest.raises(ValueError, match="one score per image"):
        generator_cost(loss, right, wrong)
    with pytest.raises(ValueError, match="one score per image"):
        loss.realness(wrong, None)
    with pytest.raises(ValueError, match="one score per image"):
        discriminator_cost(loss, torch.tensor(0.0), right)
    with pytest.raises(ValueError, match="empty batch"):
        generator_cost(loss, right[:0], right[:0])


def test_relativistic_mistakes() -> None:
    with pytest.raises(ValueError, match="as many fakes as reals"):
        relativistic().discriminator(torch.zeros(4, 1), torch.zeros(1, 1), None, None)
    with pytest.raises(ValueError, match="as many fakes as reals"):
        relativistic().discriminator(torch.zeros(4), torch.zeros(4, 1), None, None)
    with pytest.raises(ValueError, match="paired_generator"):
        relativistic().generator(torch.zeros(4, 1), None)
