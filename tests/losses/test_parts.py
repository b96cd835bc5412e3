"""The costs of reals and of fakes: their sum is the discriminator's cost, and each depends on its own side only."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from everymode.game import AdversarialLoss
from everymode.losses import (
    auxiliary,
    hinge,
    improved_auxiliary,
    least_squares,
    logistic,
    multi_hinge,
    omni,
    relativistic,
    wasserstein,
)

CLASSES = 3
LOSSES: dict[str, tuple[Callable[[], AdversarialLoss], int]] = {
    "hinge": (hinge, 1),
    "logistic": (logistic, 1),
    "least squares": (lambda: least_squares(real_target=0.9), 1),
    "wasserstein": (wasserstein, 1),
    "omni": (lambda: omni(CLASSES), CLASSES + 2),
    "one-sided omni": (lambda: omni(CLASSES, one_sided=True), CLASSES + 2),
    "multi-hinge": (lambda: multi_hinge(CLASSES), CLASSES + 1),
    "auxiliary": (lambda: auxiliary(CLASSES, discriminator_weight=0.7), CLASSES + 1),
    "auxiliary on reals": (lambda: auxiliary(CLASSES, adversarial=hinge(), on_fake=False), CLASSES + 1),
    "improved auxiliary": (lambda: improved_auxiliary(CLASSES), CLASSES + 2),
}


def inputs(width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(width)
    real = torch.randn(5, width, generator=random, dtype=torch.float64, requires_grad=True)
    fake = torch.randn(4, width, generator=random, dtype=torch.float64, requires_grad=True)
    return real, fake, torch.tensor([0, 1, 2, -1, 0]), torch.tensor([2, 1, 0, 0])


@pytest.mark.parametrize("name", LOSSES)
def test_the_sum_is_the_discriminators_cost(name: str) -> None:
    make, width = LOSSES[name]
    loss, (real, fake, labels, fake_labels) = make(), inputs(width)
    assert loss.parts is not None
    of_real, of_fake = loss.parts(real, fake, labels, fake_labels)
    torch.testing.assert_close(of_real + of_fake, loss.discriminator(real, fake, labels, fake_labels))


@pytest.mark.parametrize("name", LOSSES)
def test_each_depends_on_its_own_side(name: str) -> None:
    make, width = LOSSES[name]
    loss, (real, fake, labels, fake_labels) = make(), inputs(width)
    assert loss.parts is not None
    of_real, of_fake = loss.parts(real, fake, labels, fake_labels)
    sides = [torch.autograd.grad(cost, (real, fake), allow_unused=True) for cost in (of_real, of_fake)]
    (real_by_real, fake_by_real), (real_by_fake, fake_by_fake) = sides
    assert real_by_real is not None and (real_by_real != 0).any() and fake_by_real is None
    assert fake_by_fake is not None and (fake_by_fake != 0).any() and real_by_fake is None


def test_by_hand() -> None:
    parts = hinge().parts
    assert parts is not None
    of_real, of_fake = parts(torch.tensor([0.0, 3.0]), torch.tensor([-2.0, 0.5]), None, None)
    assert (of_real.item(), of_fake.item()) == (0.5, 0.75)


def test_pairs_have_none() -> None:
    assert relativistic().parts is None
    assert auxiliary(CLASSES, adversarial=relativistic()).parts is None
