"""An auxiliary classifier as terms: the paper's totals through an Objective, unlabeled rows, missing heads."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import Batch, Game, LabelSource, Objective, Turn, Verdict, Weighted
from everymode.losses.adversarial import hinge
from everymode.losses.classification import (
    class_cross_entropy,
    classification,
    classification_loss,
    classification_of_fakes,
)
from everymode.losses.multi_hinge import multi_hinge_loss


@pytest.fixture(scope="module")
def reference() -> dict[str, Tensor]:
    with np.load(Path(__file__).parents[1] / "vectors_conditional.npz") as arrays:
        group = "conditional.mh."
        return {
            key.removeprefix(group): torch.from_numpy(arrays[key]) for key in arrays if key.startswith(group)
        }


class Reader(nn.Module):
    """Examples [B, 1 + K] are their own verdict: the score, then the class logits."""

    def forward(self, x: Tensor, condition: Tensor | None) -> Verdict:
        return Verdict((x[:, :1],), x[:, 1:])


def a_turn(
    objective: Objective,
    real: Tensor,
    fake: Tensor,
    labels: Tensor,
    asked: Tensor,
    *,
    generator: bool = False,
) -> Turn:
    game = Game(nn.Identity(), Reader(), LabelSource(), objective)
    batch = Batch(real, labels, torch.arange(len(real)))
    return Turn(
        game, batch, 0, Draws(0, "moment", Rows.all(len(real))), fake, asked, generator_moves=generator
    )


def examples(reference: dict[str, Tensor], side: str) -> Tensor:
    return torch.cat((reference[f"adv_{side}"], reference[f"cls_{side}"]), dim=1).double()


def total(losses: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(losses.values())).sum()


def test_the_class_of_fakes_is_no_label() -> None:
    term = classification(class_cross_entropy, num_classes=3, fake_class=3)
    images, right, wrong = torch.zeros(2, 5), torch.tensor([0, 2]), torch.tensor([0, 3])
    objective = Objective(hinge(), (Weighted("classes", term),))
    term(a_turn(objective, images, images, right, right))
    with pytest.raises(ValueError, match=r"labels must be 0\.\.2"):
        term(a_turn(objective, images, images, wrong, right))


@pytest.mark.parametrize(
    ("cost", "on_fake", "key"),
    [
        (multi_hinge_loss, False, "d_total_paper"),
        (multi_hinge_loss, True, "d_total_code"),
        (class_cross_entropy, False, "ac.d_total_realonly"),
        (class_cross_entropy, True, "ac.d_total_both"),
    ],
)
def test_supervised_totals_of_the_reference(
    cost: object, on_fake: bool, key: str, reference: dict[str, Tensor]
) -> None:
    term = classification(cost, num_classes=7, on_fake=on_fake)
    asked_for = classification_of_fakes(cost, num_classes=7)
    objective = Objective(hinge(), (Weighted("classes", term),), (Weighted("classes", asked_for, 0.1),))
    real, fake = examples(reference, "real"), examples(reference, "fake")
    labels, asked = reference["y_real"].long(), reference["y_fake"].long()
    losses = objective.discriminator_losses(a_turn(objective, real, fake, labels, asked))
    torch.testing.assert_close(total(losses), reference[key], rtol=1e-9, atol=1e-12)
    losses = objective.generator_losses(a_turn(objective, real, fake, labels, asked, generator=True))
    key = "g_total_lambda01" if cost is multi_hinge_loss else "ac.g_total_lambda01"
    torch.testing.assert_close(total(losses), reference[key], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("cost", "on_fake", "key"),
    [
        (multi_hinge_loss, False, "ssl.d_total_paper"),
        (multi_hinge_loss, True, "ssl.d_total_code"),
        (class_cross_entropy, False, "ac.ssl_d_total_realonly"),
    ],
)
def test_half_labeled_totals_of_the_reference(
    cost: object, on_fake: bool, key: str, reference: dict[str, Tensor]
) -> None:
    # Half of the batch is labeled, so the mean over all reals is (labeled + unlabeled) / 2.
    term = classification(cost, num_classes=7, on_fake=on_fake, labeled_share=0.5)
    objective = Objective(hinge(), (Weighted("classes", term),))
    real = torch.cat((examples(reference, "real"), examples(reference, "unlab")))
    labels = torch.cat((reference["y_real"].long(), torch.full((8,), -1)))
    fake, asked = examples(reference, "fake"), reference["y_fake"].long()
    losses = objective.discriminator_losses(a_turn(objective, real, fake, labels, asked))
    torch.testing.assert_close(total(losses), reference[key], rtol=1e-9, atol=1e-12)


def test_fakes_of_imac_gan_are_a_class() -> None:
    torch.manual_seed(0)
    real, fake = torch.randn(3, 5, dtype=torch.float64), torch.randn(3, 5, dtype=torch.float64)
    labels, asked = torch.tensor([0, 1, 2]), torch.tensor([2, 2, 0])
    term = classification(class_cross_entropy, num_classes=3, on_fake=False, fake_class=3)
    turn = a_turn(Objective(hinge()), real, fake, labels, asked)
    expected = class_cross_entropy(real[:, 1:], labels) - fake[:, 1:].log_softmax(1)[:, 3].mean()
    torch.testing.assert_close(term(turn), expected)


def test_classes_that_no_classifier_could_tell_are_refused_at_once() -> None:
    for term in (classification, classification_of_fakes):
        with pytest.raises(ValueError, match="tells classes apart: it needs two or more, not 1"):
            term(class_cross_entropy, num_classes=1)
        with pytest.raises(ValueError, match="takes one label an image"):
            term(class_cross_entropy, num_classes=(3, 2))


def test_a_discriminator_without_class_head_is_named() -> None:
    turn = a_turn(
        Objective(hinge()), torch.randn(2, 4), torch.randn(2, 4), torch.tensor([0, 1]), torch.tensor([0, 1])
    )
    turn.game.discriminator.forward = lambda x, condition: x[:, :1]
    with pytest.raises(ValueError, match="the discriminator has no class head: build it with class_head"):
        classification(class_cross_entropy, num_classes=3)(turn)
    with pytest.raises(ValueError, match="above 0 and at most 1, not 0"):
        classification(class_cross_entropy, num_classes=3, labeled_share=0)
    wrong = partial(a_turn, Objective(hinge()), torch.randn(2, 4), torch.randn(2, 4))
    with pytest.raises(ValueError, match="needs labels, and there are none"):
        classification(class_cross_entropy, num_classes=3)(wrong(None, None))


@pytest.mark.parametrize("fake_class", [None, 3])
@pytest.mark.parametrize("cost", [class_cross_entropy, multi_hinge_loss])
def test_plain_tensors_cost_what_the_term_does(cost: Any, fake_class: int | None) -> None:
    random = torch.Generator().manual_seed(3)
    num_logits = 3 if fake_class is None else 4
    real, fake = (torch.randn(5, 1 + num_logits, generator=random, dtype=torch.float64) for _ in range(2))
    labels, asked = torch.tensor([0, -1, 2, 1, 1]), torch.tensor([2, 2, 0, 1, 0])
    term = classification(cost, num_classes=3, fake_class=fake_class, labeled_share=0.8)
    expected = term(a_turn(Objective(hinge()), real, fake, labels, asked))
    got = classification_loss(
        real[:, 1:],
        labels,
        fake[:, 1:],
        asked if fake_class is None else None,
        cost=cost,
        fake_class=fake_class,
        labeled_share=0.8,
    )
    torch.testing.assert_close(got, expected, rtol=0, atol=0)


def test_plain_tensors_by_hand_and_their_mistakes() -> None:
    real, fake = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 100.0]])
    of_real = classification_loss(real, torch.tensor([1]))
    torch.testing.assert_close(of_real, torch.tensor(2.0).log())
    torch.testing.assert_close(
        classification_loss(real, torch.tensor([1]), fake, torch.tensor([0])), of_real + 100
    )
    with pytest.raises(ValueError, match="fake_logits need fake_labels"):
        classification_loss(real, torch.tensor([1]), fake)
    with pytest.raises(ValueError, match="labeled_share is above 0 and at most 1, not 0"):
        classification_loss(real, torch.tensor([1]), labeled_share=0)
