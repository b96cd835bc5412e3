"""The multi-hinge loss: reference values, hand-computed cases, identities, gradients, the K + 1 form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from everymode.losses.multi_hinge import (
    activation_maximization,
    any_real_class,
    complement_multi_hinge_loss,
    confusion,
    fake_class_log_probability,
    fake_class_score,
    multi_hinge,
    multi_hinge_loss,
)


@pytest.fixture(scope="module")
def reference() -> dict[str, Tensor]:
    with np.load(Path(__file__).parents[1] / "vectors_conditional.npz") as arrays:
        group = "conditional.mh."
        return {
            key.removeprefix(group): torch.from_numpy(arrays[key]) for key in arrays if key.startswith(group)
        }


@pytest.mark.parametrize("side", ["real", "fake"])
def test_reference_values_and_gradients(side: str, reference: dict[str, Tensor]) -> None:
    scores = reference[f"cls_{side}"].clone().requires_grad_()
    labels = reference[f"y_{side}"].long()
    rows = multi_hinge_loss(scores, labels, reduction="none")
    torch.testing.assert_close(rows, reference[f"aux_{side}.per_sample"], rtol=1e-12, atol=1e-12)
    mean = multi_hinge_loss(scores, labels)
    torch.testing.assert_close(mean, reference[f"aux_{side}.mean"], rtol=1e-12, atol=1e-12)
    mean.backward()
    torch.testing.assert_close(scores.grad, reference[f"aux_{side}.grad"], rtol=1e-12, atol=1e-12)


def test_another_margin(reference: dict[str, Tensor]) -> None:
    scores = reference["cls_fake"].clone().requires_grad_()
    mean = multi_hinge_loss(scores, reference["y_fake"].long(), margin=0.5)
    torch.testing.assert_close(mean, reference["aux_fake_margin05.mean"], rtol=1e-12, atol=1e-12)
    mean.backward()
    torch.testing.assert_close(scores.grad, reference["aux_fake_margin05.grad"], rtol=1e-12, atol=1e-12)


def test_by_hand() -> None:
    scores = torch.tensor([[2.0, 1.5, -1.0], [0.0, 3.0, 1.0], [1.0, 1.0, 9.0]])
    labels = torch.tensor([0, 2, -1])
    # 1 + 1.5 - 2; 1 + 3 - 1; without a label 0, which counts in the mean
    assert multi_hinge_loss(scores, labels, reduction="none").tolist() == [0.5, 3.0, 0.0]
    assert multi_hinge_loss(scores, labels).item() == pytest.approx(3.5 / 3)
    assert multi_hinge_loss(scores, labels, reduction="sum").item() == 3.5
    # "any class but this one": 1 - 1.5 + 2; 1 - 3 + 1
    assert complement_multi_hinge_loss(scores, labels, reduction="none").tolist() == [1.5, 0.0, 0.0]


def test_it_is_one_maximum_and_not_a_sum() -> None:
    scores = torch.tensor([[0.0, 0.5, 0.5, 0.5]], dtype=torch.float64, requires_grad=True)
    loss = multi_hinge_loss(scores, torch.tensor([0]))
    assert loss.item() == 1.5
    loss.backward()
    assert scores.grad[0, 0].item() == -1
    assert scores.grad[0, 1:].sum().item() == pytest.approx(1)


def test_a_term_common_to_all_classes_changes_nothing() -> None:
    torch.manual_seed(0)
    scores, common = torch.randn(5, 4, dtype=torch.float64), torch.randn(5, 1, dtype=torch.float64)
    labels = torch.tensor([0, 3, 1, 2, 2])
    torch.testing.assert_close(multi_hinge_loss(scores, labels), multi_hinge_loss(scores + common, labels))


def test_maps_are_rows_at_every_position() -> None:
    torch.manual_seed(1)
    scores, labels = torch.randn(2, 3, 4, 5, dtype=torch.float64), torch.randint(-1, 3, (2, 4, 5))
    rows = multi_hinge_loss(scores.permute(0, 2, 3, 1).reshape(-1, 3), labels.reshape(-1), reduction="none")
    torch.testing.assert_close(multi_hinge_loss(scores, labels, reduction="none").reshape(-1), rows)


def test_gradients_in_double_precision() -> None:
    torch.manual_seed(2)
    scores = torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 1, 2, 3, 0, -1])
    loss = multi_hinge(4)
    for cost in (
        lambda x: multi_hinge_loss(x, labels),
        lambda x: complement_multi_hinge_loss(x, labels),
        lambda x: loss.discriminator(x, x.flip(0), labels, labels),
        lambda x: loss.generator(x, labels),
        lambda x: loss.realness(x, labels).sum(),
        lambda x: activation_maximization(x, labels).sum(),
        lambda x: confusion(x, labels).sum(),
    ):
        assert torch.autograd.gradcheck(cost, scores)


def test_the_k_plus_1_form_by_hand() -> None:
    loss = multi_hinge(2, generator_weight=0.05)
    real = torch.tensor([[2.0, 0.0, 1.5], [0.0, 1.0, 2.0]], dtype=torch.float64)
    fake = torch.tensor([[1.0, 0.0, 0.5]], dtype=torch.float64)
    labels, asked = torch.tensor([0, -1]), torch.tensor([1])
    # labeled: 1 + 1.5 - 2; unlabeled: 1 - max(0, 1) + 2; fake at "fake": 1 + 1 - 0.5
    assert loss.discriminator(real, fake, labels, asked).item() == pytest.approx((0.5 + 2.0) / 2 + 1.5)
    # at its label: 1 + max(1, 0.5) - 0
    assert loss.generator(fake, asked).item() == pytest.approx(0.05 * 2.0)
    assert loss.realness(real, labels).tolist() == [0.5, -1.0]


def test_the_other_costs_of_a_k_plus_1_generator_by_hand() -> None:
    scores = torch.tensor([[1.0, 0.5, 2.0]], dtype=torch.float64)
    label = torch.tensor([1])
    log_softmax = scores.log_softmax(1)[0]
    costs = {
        any_real_class: 1 - 1.0 + 2.0,
        fake_class_score: 2.0,
        fake_class_log_probability: log_softmax[2].item(),
        activation_maximization: -log_softmax[0].item(),
        confusion: 0.4,
    }
    for cost, expected in costs.items():
        loss = multi_hinge(2, generator_cost=cost)
        assert loss.generator(scores, label).item() == pytest.approx(expected)


def test_half_precision_is_computed_in_single() -> None:
    scores = torch.randn(4, 3).to(torch.bfloat16)
    labels = torch.tensor([0, 1, 2, 0])
    loss = multi_hinge_loss(scores, labels)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, multi_hinge_loss(scores.float(), labels))
    for cost in (
        any_real_class,
        fake_class_score,
        fake_class_log_probability,
        activation_maximization,
        confusion,
    ):
        game = multi_hinge(2, generator_cost=cost)
        for of in (
            lambda loss, x: loss.generator(x, labels % 2),
            lambda loss, x: loss.realness(x, labels % 2),
        ):
            assert of(game, scores).dtype == torch.float32
            torch.testing.assert_close(of(game, scores), of(game, scores.float()))


def test_mistakes_are_sentences() -> None:
    with pytest.raises(ValueError, match="two or more classes"):
        multi_hinge_loss(torch.zeros(3, 1), torch.zeros(3, dtype=torch.long))
    with pytest.raises(ValueError, match=r"labels \[B\]"):
        multi_hinge_loss(torch.zeros(3, 4), torch.zeros(2, dtype=torch.long))
    with pytest.raises(ValueError, match=r"labels must be 0..3"):
        multi_hinge_loss(torch.zeros(2, 4), torch.tensor([0, 4]))
    with pytest.raises(ValueError, match='"mean", "sum" or "none"'):
        multi_hinge_loss(torch.zeros(2, 4), torch.tensor([0, 1]), reduction="avg")
    with pytest.raises(ValueError, match="empty batch"):
        multi_hinge_loss(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    with pytest.raises(ValueError, match="needs two or more, not 1"):
        multi_hinge(1)
    loss = multi_hinge(3)
    labels = torch.tensor([0, 1])
    with pytest.raises(ValueError, match="give the discriminator 4 outputs"):
        loss.discriminator(torch.zeros(2, 3), torch.zeros(2, 3), labels, labels)
    with pytest.raises(ValueError, match="needs labels, and there are none"):
        loss.generator(torch.zeros(2, 4), None)
