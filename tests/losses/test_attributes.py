"""Attribute classification: stored values, label blocks by hand, missing labels, and whose labels the terms read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import Batch, Game, LabelSource, Objective, Turn, Verdict
from everymode.losses import attribute_classification, attributes_of_fakes, attributes_of_reals, hinge

STORED = np.load(Path(__file__).parents[1] / "vectors_pictures_losses.npz")


def stored(name: str) -> Tensor:
    return torch.from_numpy(STORED[f"star_cls_{name}"])


def test_stored_values_and_gradients() -> None:
    logits = stored("logits").double().requires_grad_()
    cost = attribute_classification(logits, stored("target"))
    torch.testing.assert_close(cost, stored("bce"), rtol=1e-12, atol=0)
    (gradient,) = torch.autograd.grad(cost, logits)
    torch.testing.assert_close(gradient, stored("bce_grad"), rtol=0, atol=1e-12)
    groups = attribute_classification(logits, stored("index").unsqueeze(1), sizes=(4,))
    torch.testing.assert_close(groups, stored("ce"), rtol=1e-12, atol=0)
    for kind in (torch.bool, torch.float32, torch.int64):
        assert attribute_classification(logits, stored("target").to(kind)).item() == pytest.approx(
            cost.item()
        )


def test_label_blocks_by_hand() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(4, 6))
    labels = np.array([[2, 1, 0], [0, 0, 1], [-1, 1, -1], [1, -1, -1]])
    expected = np.zeros(4)
    for row in range(4):
        color, large, striped = labels[row]
        if color >= 0:
            expected[row] += np.log(np.exp(logits[row, :3]).sum()) - logits[row, color]
        for column, label in ((3, large), (4, striped)):
            if label >= 0:
                expected[row] += np.log1p(np.exp(logits[row, column])) - label * logits[row, column]
    inputs = torch.from_numpy(logits[:, :5]), torch.from_numpy(labels)
    found = attribute_classification(*inputs, sizes=(3, 2, 2), reduction="none")
    torch.testing.assert_close(found, torch.from_numpy(expected), rtol=1e-12, atol=0)
    assert attribute_classification(*inputs, sizes=(3, 2, 2)).item() == pytest.approx(
        expected.mean(), rel=1e-12
    )
    assert attribute_classification(*inputs, sizes=(3, 2, 2), reduction="sum").item() == pytest.approx(
        expected.sum()
    )


def test_two_valued_blocks_are_attributes_and_missing_ones_cost_nothing() -> None:
    logits = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([[1, 0], [-1, 1], [-1, -1]])
    costs = attribute_classification(logits, labels, sizes=(2, 2), reduction="none")
    torch.testing.assert_close(costs, attribute_classification(logits, labels, reduction="none"))
    assert costs[2] == 0
    (gradient,) = torch.autograd.grad(costs.sum(), logits)
    assert torch.equal(gradient == 0, labels == -1)


def test_gradients_numerically_and_half_precision() -> None:
    logits = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([[2, 0], [-1, 1], [0, -1]])
    assert torch.autograd.gradcheck(lambda x: attribute_classification(x, labels, sizes=(3, 2)), (logits,))
    shares = torch.rand(3, 4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: attribute_classification(x, shares), (logits,))
    extreme = torch.tensor([[1e4, -1e4]], dtype=torch.bfloat16)
    cost = attribute_classification(extreme, torch.tensor([[1, 1]]))
    assert cost.dtype == torch.float32 and cost.item() == pytest.approx(1e4, rel=1e-2)


def test_nothing_is_read_from_another_device() -> None:
    # Tensors on the device "meta" have no values: reading one would raise an error.
    logits = torch.zeros(2, 4, device="meta")
    assert attribute_classification(logits, torch.zeros(2, 4, device="meta")).shape == ()
    labels = torch.zeros(2, 2, dtype=torch.int64, device="meta")
    assert attribute_classification(logits, labels, sizes=(3, 2), reduction="none").shape == (2,)


class Critic(nn.Module):
    def forward(self, x: Tensor, condition: object) -> Verdict:
        return Verdict((x.mean(1),), x)


def a_turn(
    real_condition: object, fake_condition: object, critic: nn.Module, *, generator_moves: bool
) -> Turn:
    real = torch.tensor([[2.0, -1.0], [0.5, 3.0]], dtype=torch.float64)
    game = Game(nn.Identity(), critic, LabelSource(), Objective(hinge()))
    batch, random = Batch(real, real_condition, torch.arange(2)), Draws(0, "moment", Rows.all(2))
    return Turn(game, batch, 0, random, -real, fake_condition, generator_moves=generator_moves)


@pytest.mark.parametrize("with_picture", [True, False])
def test_terms_read_the_labels_of_their_side(with_picture: bool) -> None:
    own, target = torch.tensor([[1, 0], [0, 1]]), torch.tensor([[0, 0], [1, 1]])
    picture = torch.zeros(2, 3, 4, 4)
    conditions = ((picture, own), (picture, target)) if with_picture else (own, target)
    turn = a_turn(*conditions, Critic(), generator_moves=False)
    real = turn.batch.real
    for sizes in (None, (2, 2)):
        expected = attribute_classification(real, own)
        torch.testing.assert_close(attributes_of_reals(sizes)(turn), expected)
        moving = a_turn(*conditions, Critic(), generator_moves=True)
        torch.testing.assert_close(
            attributes_of_fakes(sizes)(moving), attribute_classification(-real, target)
        )


def test_impossible_inputs_are_explained() -> None:
    logits = torch.zeros(2, 3)
    with pytest.raises(ValueError, match=r"floating-point numbers \[B, n\]"):
        attribute_classification(logits.long(), logits)
    with pytest.raises(ValueError, match=r"one target per logit.*\[2, 3\] and targets \[2, 2\]"):
        attribute_classification(logits, torch.zeros(2, 2))
    with pytest.raises(ValueError, match=r"span 0\.\.2: for label blocks, give their sizes"):
        attribute_classification(logits, torch.tensor([[0, 1, 2]] * 2))
    with pytest.raises(ValueError, match="must be 0, 1"):
        attribute_classification(logits, torch.full((2, 3), float("nan")))
    for sizes in ((), (1, 2), (2.0,), (True, 2)):
        with pytest.raises(ValueError, match="sizes must be the numbers of classes"):
            attribute_classification(logits, torch.zeros(2, 1, dtype=torch.int64), sizes=sizes)
    with pytest.raises(ValueError, match=r"\(3, 2\) classes need logits \[B, 4\].*targets \[B, 2\]"):
        attribute_classification(logits, torch.zeros(2, 2, dtype=torch.int64), sizes=(3, 2))
    with pytest.raises(ValueError, match=r"labels must be 0\.\.2"):
        attribute_classification(logits, torch.tensor([[3], [0]]), sizes=(3,))
    with pytest.raises(ValueError, match="labels must be integers"):
        attribute_classification(logits, torch.zeros(2, 1), sizes=(3,))
    with pytest.raises(ValueError, match="empty batch"):
        attribute_classification(logits[:0], logits[:0])

    class Headless(nn.Module):
        def forward(self, x: Tensor, condition: object) -> Tensor:
            return x.mean(1)

    labels = torch.zeros(2, 2, dtype=torch.int64)
    with pytest.raises(ValueError, match="Verdict holds class logits"):
        attributes_of_reals()(a_turn(labels, labels, Headless(), generator_moves=False))
    with pytest.raises(ValueError, match="the condition has none"):
        attributes_of_fakes()(a_turn(None, None, Critic(), generator_moves=True))
