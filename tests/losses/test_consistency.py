"""Consistency: closed forms, which draws and conditions, both sides' gradients, how many passes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import Batch, Game, LabelSource, Objective, Turn, Verdict
from everymode.losses import balanced_consistency, consistency, hinge


class Linear(nn.Module):
    """Two scales: w (x1 + x2) as [B, 1], and w (x1, x2) as a map [B, 1, 1, 2]. Notes what it judges."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
        self.judged: list[tuple[int, object]] = []

    def forward(self, x: Tensor, condition: Tensor | None) -> Verdict:
        self.judged.append((len(x), condition.tolist()))
        return Verdict((self.weight * x.sum(1, keepdim=True), self.weight * x[:, None, None, :]))


def a_turn(
    discriminator: nn.Module, augment: object = None, injected: dict[str, Tensor] | None = None
) -> Turn:
    game = Game(nn.Identity(), discriminator, LabelSource(), Objective(hinge()), augment=augment)
    real = torch.tensor([[1.0, 2.0], [0.0, 1.0]], dtype=torch.float64)
    fake = torch.tensor([[3.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    random = Draws(0, "moment", Rows.all(2), dtype=torch.float64, injected=injected)
    batch = Batch(real, torch.tensor([0, 1]), torch.arange(2))
    return Turn(game, batch, 0, random, fake, torch.tensor([5, 6]), generator_moves=False)


def shifted(x: Tensor, random: Draws) -> Tensor:
    return x + random.uniform("shift", 2)


INJECTED = {
    "consistency real/shift": torch.tensor([[1.0, 0.0], [2.0, -1.0]], dtype=torch.float64),
    "consistency fake/shift": torch.tensor([[0.0, 3.0], [0.0, 0.0]], dtype=torch.float64),
}


def test_on_reals_by_hand() -> None:
    discriminator = Linear()
    cost = consistency(shifted)(a_turn(discriminator, injected=INJECTED))
    # Scores change by w (1, 1); entries of the map by w times (1, 0) and (2, -1): w^2 (1 + 1 + 1 + 5) / 2.
    assert cost.item() == pytest.approx(4 * 8 / 2)
    cost.backward()
    assert discriminator.weight.grad.item() == pytest.approx(2 * 2 * 8 / 2)


def test_factors_and_fakes() -> None:
    turn = a_turn(Linear(), injected=INJECTED)
    assert consistency(shifted, factor=10)(turn).item() == pytest.approx(160)
    balanced = balanced_consistency(shifted, real_factor=10, fake_factor=0.5)
    assert balanced(turn).item() == pytest.approx(160 + 0.5 * 4 * (9 + 9) / 2)


def test_without_change_it_costs_nothing() -> None:
    assert balanced_consistency(lambda x, random: x)(a_turn(Linear())).item() == 0.0


def test_the_gradient_goes_through_both_sides() -> None:
    # D(T(x)) - D(x) = w (2 x) - w x: were D(x) held fixed, the gradient would be twice as large.
    discriminator = Linear()
    cost = consistency(lambda x, random: 2 * x)(a_turn(discriminator))
    cost.backward()
    assert discriminator.weight.grad.item() == pytest.approx(2 * cost.item() / 2.0)


def test_passes_and_conditions() -> None:
    discriminator = Linear()
    turn = a_turn(discriminator)
    balanced_consistency(shifted)(turn)
    # Both verdicts in one pass (fakes first), then each transformed side by itself under its own condition.
    assert sorted(discriminator.judged[1:]) == [(2, [0, 1]), (2, [5, 6])]
    assert discriminator.judged[0] == (4, [5, 6, 0, 1])


def test_it_comes_after_the_games_augmentation() -> None:
    seen = []

    def transform(x: Tensor, random: Draws) -> Tensor:
        seen.append(x.clone())
        return x

    turn = a_turn(Linear(), augment=lambda x, random: x * 3)
    consistency(transform)(turn)
    assert torch.equal(seen[0], turn.batch.real * 3)


def test_augmentations_that_change_the_scores_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[2, 1\].*\[1, 1\].*must keep the number"):
        consistency(lambda x, random: x[:1])(a_turn(Linear()))
