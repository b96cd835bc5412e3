"""LeCam: costs and anchors by hand, when it starts, what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import Batch, Game, LabelSource, Objective, Turn, Verdict
from everymode.losses import LeCam, hinge, omni


class Times(nn.Module):
    """Points [B, 1] -> the point times a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones((), dtype=torch.float64))

    def forward(self, x: Tensor, condition: object) -> Tensor | Verdict:
        return self.weight * x


class TwoScales(Times):
    def forward(self, x: Tensor, condition: object) -> Verdict:
        return Verdict((self.weight * x, 3 * self.weight * x[:, :, None, None].expand(-1, -1, 2, 2)))


def a_turn(
    real: list[float],
    fake: list[float],
    *,
    step: int = 0,
    discriminator: nn.Module | None = None,
    generator_moves: bool = False,
) -> Turn:
    discriminator = Times() if discriminator is None else discriminator
    game = Game(nn.Identity(), discriminator, LabelSource(), Objective(hinge()))
    points = [torch.tensor(values, dtype=torch.float64)[:, None] for values in (real, fake)]
    batch = Batch(points[0], None, torch.arange(len(real)))
    random = Draws(0, "moment", Rows.all(len(real)))
    return Turn(game, batch, step, random, points[1], None, generator_moves=generator_moves)


def anchors(term: LeCam) -> list[float]:
    return [term.real_anchor.item(), term.fake_anchor.item()]


def test_two_steps_by_hand() -> None:
    term = LeCam(decay=0.75).double()
    # Means 2 and -1 become the anchors. Reals 1, 3 lie 2 and 4 above -1; fakes 1, -3 lie 1 and 5 below 2.
    assert term(a_turn([1, 3], [1, -3])).item() == pytest.approx((4 + 16) / 2 + (1 + 25) / 2)
    assert anchors(term) == pytest.approx([2, -1])
    # Means 0 and 1: anchors 2 - 0.25 * 2 = 1.5 and -1 + 0.25 * 2 = -0.5.
    cost = term(a_turn([-1, 1], [2, 0], step=1))
    assert anchors(term) == pytest.approx([1.5, -0.5])
    # Real -1 is below -0.5 and fake 2 is above 1.5: they cost nothing.
    assert cost.item() == pytest.approx(1.5**2 / 2 + 1.5**2 / 2)


def test_the_papers_form_squares_both_signs() -> None:
    term = LeCam(decay=0.75, rectified=False).double()
    term(a_turn([1, 3], [1, -3]))
    cost = term(a_turn([-1, 1], [2, 0], step=1))
    assert cost.item() == pytest.approx((0.5**2 + 1.5**2) / 2 + (0.5**2 + 1.5**2) / 2)


def test_the_gradient_passes_the_anchors_by() -> None:
    discriminator = Times()
    term = LeCam(decay=0.5).double()
    term(a_turn([1, 3], [1, -3], discriminator=discriminator)).backward()
    # d/dw of mean (w r + 1)^2 + mean (2 - w f)^2 at w = 1.
    assert discriminator.weight.grad.item() == pytest.approx((2 * 1 + 4 * 3) - (1 * 1 - 5 * 3))
    assert not term.real_anchor.requires_grad


def test_before_its_start_it_costs_nothing_and_anchors_are_present_means() -> None:
    term = LeCam(decay=0.9, start_step=2).double()
    for step, level in enumerate((5.0, 7.0)):
        cost = term(a_turn([level, level], [0, 0], step=step))
        assert cost.item() == 0.0
        assert anchors(term) == [level, 0.0]
    cost = term(a_turn([17.0, 17.0], [0, 0], step=2))
    assert anchors(term) == pytest.approx([8.0, 0.0])
    assert cost.item() == pytest.approx(17**2 + 8**2)


def test_scales_are_averaged() -> None:
    term = LeCam().double()
    # Realness is 2 x on average over the two scales.
    cost = term(a_turn([1, 1], [-1, -1], discriminator=TwoScales()))
    assert anchors(term) == [2.0, -2.0]
    assert cost.item() == pytest.approx(2 * 16)


def test_class_scores_count_through_realness() -> None:
    class Slots(Times):
        def forward(self, x: Tensor, condition: object) -> Tensor:
            return self.weight * x * torch.tensor([5.0, 5.0, 2.0, 1.0], dtype=torch.float64)

    turn = a_turn([1, 3], [1, -3], discriminator=Slots())
    turn.game.objective = Objective(omni(2))
    term = LeCam().double()
    term(turn)
    assert anchors(term) == [2.0, -1.0]


def test_state_goes_on_from_a_checkpoint() -> None:
    first, second = LeCam(decay=0.6), LeCam(decay=0.6)
    first(a_turn([1, 3], [1, -3]))
    second.load_state_dict(first.state_dict())
    costs = [term(a_turn([2, 5], [0, 1], step=1)) for term in (first, second)]
    assert costs[0].item() == costs[1].item()
    assert anchors(first) == anchors(second)


def test_lecam_mistakes_are_explained() -> None:
    for decay in (1.0, -0.1):
        with pytest.raises(ValueError, match="at least 0 and below 1"):
            LeCam(decay=decay)
    with pytest.raises(ValueError, match="discriminator_terms"):
        LeCam()(a_turn([1], [1], generator_moves=True))
