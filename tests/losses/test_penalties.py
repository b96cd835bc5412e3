"""Gradient penalties: closed forms, double backward, what the terms differentiate and on which images."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import AdversarialLoss, Batch, Game, LabelSource, Objective, Turn, Verdict
from everymode.losses import gradient_norm_squared, hinge, omni, r1, r2


class Quadratic(nn.Module):
    """Scores [B, 5] = class embedding of x, per class c: (c + 1) * weight * |x|^2 / 2; counts its passes."""

    def __init__(self, slots: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
        self.slots = slots
        self.judged: list[Tensor] = []

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        self.judged.append(x)
        half_norm = self.weight.to(x.dtype) * x.flatten(1).square().sum(1, keepdim=True) / 2
        return half_norm * torch.arange(1, self.slots + 1, dtype=x.dtype)


class TwoScales(Quadratic):
    def forward(self, x: Tensor, condition: Tensor | None) -> Verdict:
        scores = super().forward(x, condition)
        return Verdict((scores, 3 * scores[:, :, None, None].expand(-1, -1, 2, 2)))


def a_turn(
    discriminator: nn.Module,
    adversarial: AdversarialLoss | None = None,
    augment: object = None,
    dtype: torch.dtype = torch.float64,
) -> Turn:
    adversarial = hinge() if adversarial is None else adversarial
    game = Game(nn.Identity(), discriminator, LabelSource(), Objective(adversarial), augment=augment)
    real, fake = torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([[3.0, 0.0], [1.0, 1.0]])
    batch = Batch(real.to(dtype), torch.tensor([0, 1]), torch.arange(2))
    random = Draws(0, "moment", Rows.all(2))
    condition = torch.tensor([1, 0])
    return Turn(game, batch, 0, random, fake.to(dtype), condition, generator_moves=False)


def test_linear_scores_have_the_weights_norm() -> None:
    weight = torch.tensor([3.0, -4.0], dtype=torch.float64)
    points = torch.randn(6, 2, dtype=torch.float64).requires_grad_()
    assert gradient_norm_squared(points @ weight, points).tolist() == pytest.approx([25.0] * 6)


def test_quadratic_scores_row_by_row() -> None:
    images = torch.randn(4, 3, 2, 5, dtype=torch.float64, requires_grad=True)
    scores = images.flatten(1).square().sum(1, keepdim=True)
    expected = 4 * images.detach().flatten(1).square().sum(1)
    torch.testing.assert_close(gradient_norm_squared(scores, images), expected)


def test_several_scores_of_a_row_are_summed() -> None:
    points = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([[1.0, 2.0, -3.0], [0.5, 0.5, 1.0]], dtype=torch.float64)
    got = gradient_norm_squared(points @ weights, points)
    assert got.tolist() == pytest.approx([(0.0**2 + 2.0**2)] * 3)


def test_can_be_differentiated_again() -> None:
    points = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)

    def penalty(x: Tensor, w: Tensor) -> Tensor:
        return gradient_norm_squared(torch.tanh(x @ w).sum(1), x)

    assert torch.autograd.gradcheck(penalty, (points, weight))


def test_penalty_mistakes_are_explained() -> None:
    points = torch.randn(3, 2)
    with pytest.raises(ValueError, match="requires_grad_"):
        gradient_norm_squared(points.sum(1), points)
    points.requires_grad_()
    with pytest.raises(ValueError, match="requires_grad_"):
        gradient_norm_squared(torch.randn(3, requires_grad=True), points)
    with torch.no_grad():
        scores = points.sum(1)
    with pytest.raises(ValueError, match="no_grad"):
        gradient_norm_squared(scores, points)
    with pytest.raises(ValueError, match=r"one row per example.*\[2\] and \[3, 2\]"):
        gradient_norm_squared(points.sum(1)[:2], points)


def test_r1_and_r2_by_hand() -> None:
    # The gradient of weight |x|^2 / 2 is weight x; the mean of |x|^2 is 3 on reals and 5.5 on fakes.
    assert r1()(a_turn(Quadratic())).item() == pytest.approx(4 * 3.0)
    assert r2()(a_turn(Quadratic())).item() == pytest.approx(4 * 5.5)
    assert r1(factor=0.5)(a_turn(Quadratic())).item() == pytest.approx(2 * 3.0)


def test_penalties_reach_the_weights() -> None:
    discriminator = Quadratic()
    r1()(a_turn(discriminator)).backward()
    assert discriminator.weight.grad.item() == pytest.approx(2 * 2.0 * 3.0)


def test_class_scores_are_penalized_through_realness() -> None:
    # Slots 1..5: realness of omni(3) is slot 4 minus slot 5, so minus one half-norm; one-sided it is slot 4.
    assert r1()(a_turn(Quadratic(5), omni(3))).item() == pytest.approx(4 * 3.0)
    assert r1()(a_turn(Quadratic(5), omni(3, one_sided=True))).item() == pytest.approx(16 * 4 * 3.0)


def test_scales_are_averaged() -> None:
    assert r1()(a_turn(TwoScales())).item() == pytest.approx(2.0**2 * 4 * 3.0)


def test_penalty_makes_one_pass_of_its_own_on_what_was_judged() -> None:
    discriminator = Quadratic()
    turn = a_turn(discriminator, augment=lambda x, random: 2 * x)
    assert r1()(turn).item() == pytest.approx(4 * 4 * 3.0)
    assert len(discriminator.judged) == 1
    assert torch.equal(discriminator.judged[0], turn.judged_real)
    assert not turn.judged_real.requires_grad
    assert not turn.batch.real.requires_grad


def test_penalty_sees_the_condition_of_its_images() -> None:
    seen = []

    class Spy(Quadratic):
        def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
            seen.append(condition.tolist())
            return super().forward(x, condition)

    turn = a_turn(Spy())
    r1()(turn)
    r2()(turn)
    assert seen == [[0, 1], [1, 0]]


def test_penalty_leaves_mixed_precision() -> None:
    discriminator = Quadratic()
    linear = nn.Linear(2, 2)

    class Mixed(nn.Module):
        def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
            hidden = linear(x)
            assert hidden.dtype == torch.float32
            return discriminator(hidden, condition)

    for dtype in (torch.float32, torch.bfloat16):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            penalty = r1()(a_turn(Mixed(), dtype=dtype))
        assert penalty.dtype == torch.float32


def test_penalty_of_a_network_compiled_in_place_uses_the_uncompiled_forward() -> None:
    discriminator = Quadratic()

    def refuse(*arguments: object) -> None:
        raise AssertionError("the compiled call was used")

    discriminator._compiled_call_impl = refuse  # what module.compile() sets
    with pytest.raises(AssertionError, match="compiled"):
        discriminator(torch.zeros(1, 2), None)
    assert r1()(a_turn(discriminator)).item() == pytest.approx(4 * 3.0)
