"""AC-GAN and ImAC-GAN as one loss on scores: reference values, gradients, identities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from everymode.game import AdversarialLoss
from everymode.losses.adversarial import hinge, logistic
from everymode.losses.auxiliary import auxiliary, improved_auxiliary
from everymode.losses.classification import class_cross_entropy
from everymode.losses.multi_hinge import multi_hinge, multi_hinge_loss


@pytest.fixture(scope="module")
def reference() -> dict[str, Tensor]:
    with np.load(Path(__file__).parents[1] / "vectors_conditional.npz") as arrays:
        group = "conditional."
        return {
            key.removeprefix(group): torch.from_numpy(arrays[key]) for key in arrays if key.startswith(group)
        }


def inputs(reference: dict[str, Tensor]) -> dict[str, Tensor]:
    names = ("adv_real", "adv_fake", "cls_real", "cls_fake")
    return {name: reference[f"acgan.{name}"].double().clone().requires_grad_() for name in names}


def joined(classes: Tensor, score: Tensor) -> Tensor:
    return torch.cat((classes, score.reshape(-1, 1)), dim=1)


@pytest.mark.parametrize(
    ("key", "loss"),
    [
        ("d_bce_both", auxiliary(10)),
        ("d_hinge_both", auxiliary(10, adversarial=hinge())),
        ("d_hinge_realonly", auxiliary(10, adversarial=hinge(), on_fake=False)),
        ("g_bce_lambda1", auxiliary(10)),
        ("g_hinge_lambda01", auxiliary(10, adversarial=hinge(), generator_weight=0.1)),
    ],
)
def test_reference_values_and_gradients(
    key: str, loss: AdversarialLoss, reference: dict[str, Tensor]
) -> None:
    given = inputs(reference)
    real = joined(given["cls_real"], given["adv_real"])
    fake = joined(given["cls_fake"], given["adv_fake"])
    labels, asked = reference["acgan.y_real"].long(), reference["acgan.y_fake"].long()
    judged = key.startswith("d_")
    cost = loss.discriminator(real, fake, labels, asked) if judged else loss.generator(fake, asked)
    torch.testing.assert_close(cost, reference[f"acgan.{key}.loss"], rtol=1e-9, atol=1e-12)
    cost.backward()
    checked = 0
    for name, tensor in given.items():
        expected = reference.get(f"acgan.{key}.grad_{name}")
        if expected is not None:
            torch.testing.assert_close(tensor.grad, expected, rtol=1e-9, atol=1e-12)
            checked += 1
    assert checked >= 2


def test_cross_entropy_of_the_reference(reference: dict[str, Tensor]) -> None:
    for side in ("real", "fake"):
        logits = reference[f"acgan.cls_{side}"].double().clone().requires_grad_()
        loss = class_cross_entropy(logits, reference[f"acgan.y_{side}"].long())
        torch.testing.assert_close(loss, reference[f"acgan.ce_{side}.loss"], rtol=1e-9, atol=1e-12)
        loss.backward()
        torch.testing.assert_close(logits.grad, reference[f"acgan.ce_{side}.grad_cls_{side}"])


def test_the_multi_hinge_paper_totals(reference: dict[str, Tensor]) -> None:
    real = joined(reference["mh.cls_real"], reference["mh.adv_real"]).double()
    fake = joined(reference["mh.cls_fake"], reference["mh.adv_fake"]).double()
    labels, asked = reference["mh.y_real"].long(), reference["mh.y_fake"].long()
    for on_fake, key in ((False, "d_total_paper"), (True, "d_total_code")):
        loss = auxiliary(7, adversarial=hinge(), cost=multi_hinge_loss, on_fake=on_fake, generator_weight=0.1)
        total = loss.discriminator(real, fake, labels, asked)
        torch.testing.assert_close(total, reference[f"mh.{key}"], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(loss.generator(fake, asked), reference["mh.g_total_lambda01"])
    for on_fake, key in ((False, "d_total_realonly"), (True, "d_total_both")):
        loss = auxiliary(7, adversarial=hinge(), on_fake=on_fake, generator_weight=0.1)
        torch.testing.assert_close(loss.discriminator(real, fake, labels, asked), reference[f"mh.ac.{key}"])
    torch.testing.assert_close(loss.generator(fake, asked), reference["mh.ac.g_total_lambda01"])


def test_the_multi_hinge_gradients_of_the_reference(reference: dict[str, Tensor]) -> None:
    parts = {name: reference[f"mh.{name}"].double().clone() for name in ("adv_real", "adv_fake", "cls_fake")}
    classes = reference["mh.cls_real"].double()
    labels, asked = reference["mh.y_real"].long(), reference["mh.y_fake"].long()
    for part in parts.values():
        part.requires_grad_()
    loss = auxiliary(7, adversarial=hinge(), cost=multi_hinge_loss, generator_weight=0.1)
    real, fake = joined(classes, parts["adv_real"]), joined(parts["cls_fake"], parts["adv_fake"])
    of_discriminator = torch.autograd.grad(
        loss.discriminator(real, fake, labels, asked),
        [parts["adv_real"], parts["adv_fake"]],
        retain_graph=True,
    )
    of_generator = torch.autograd.grad(loss.generator(fake, asked), [parts["adv_fake"], parts["cls_fake"]])
    names = ("d_grad_adv_real", "d_grad_adv_fake", "g_grad_adv_fake", "g_grad_cls_fake_lambda01")
    for name, found in zip(names, (*of_discriminator, *of_generator), strict=True):
        torch.testing.assert_close(found, reference[f"mh.{name}"].double(), rtol=1e-9, atol=1e-12)


def test_several_labels_an_image_are_refused_in_a_sentence() -> None:
    for loss in (auxiliary, improved_auxiliary, multi_hinge):
        with pytest.raises(ValueError, match=r"takes one label an image.*omni\(\(10, 2\)\)"):
            loss((10, 2))  # type: ignore[arg-type]


@pytest.mark.parametrize(("loss", "width"), [(improved_auxiliary(3), 5), (multi_hinge(3), 4)])
def test_the_class_of_fakes_is_no_label(loss: AdversarialLoss, width: int) -> None:
    scores, right, wrong = torch.zeros(2, width), torch.tensor([0, 2]), torch.tensor([0, 3])
    loss.discriminator(scores, scores, right, right)
    with pytest.raises(ValueError, match=r"labels must be 0\.\.2"):
        loss.discriminator(scores, scores, wrong, right)
    with pytest.raises(ValueError, match=r"labels must be 0\.\.2"):
        loss.generator(scores, wrong)


def test_imac_gan_sends_fakes_to_a_class_of_their_own() -> None:
    torch.manual_seed(0)
    real, fake = torch.randn(4, 5, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
    labels, asked = torch.tensor([0, 1, 2, 0]), torch.tensor([2, 1, 0, 1])
    loss = improved_auxiliary(3)
    expected = logistic().discriminator(real[:, 4], fake[:, 4], None, None)
    expected = expected - real[:, :4].log_softmax(1)[torch.arange(4), labels].mean()
    expected = expected - fake[:, :4].log_softmax(1)[:, 3].mean()
    torch.testing.assert_close(loss.discriminator(real, fake, labels, asked), expected)
    expected = logistic().generator(fake[:, 4], None)
    expected = expected - fake[:, :4].log_softmax(1)[torch.arange(4), asked].mean()
    torch.testing.assert_close(loss.generator(fake, asked), expected)
    torch.testing.assert_close(loss.realness(fake, asked), fake[:, 4])


def test_rows_without_a_label_cost_no_class() -> None:
    torch.manual_seed(1)
    scores = torch.randn(4, 4, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, -1, 2, -1])
    rows = class_cross_entropy(scores, labels, reduction="none")
    assert rows[1].item() == rows[3].item() == 0
    loss = class_cross_entropy(scores, labels)
    torch.testing.assert_close(loss, rows.sum() / 4)
    loss.backward()
    assert not scores.grad[1].any() and not scores.grad[3].any()


def test_gradients_in_double_precision() -> None:
    torch.manual_seed(2)
    scores = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 2, -1])
    for loss in (auxiliary(4), improved_auxiliary(3)):
        assert torch.autograd.gradcheck(
            lambda x, loss=loss: loss.discriminator(x, x.flip(0), labels, labels.clamp(min=0)), scores
        )
        assert torch.autograd.gradcheck(lambda x, loss=loss: loss.generator(x, labels.clamp(min=0)), scores)


def test_mistakes_are_sentences() -> None:
    with pytest.raises(ValueError, match="needs two or more, not 1"):
        auxiliary(1)
    with pytest.raises(ValueError, match="needs two or more, not 0"):
        improved_auxiliary(0)
    labels = torch.tensor([0, 1])
    with pytest.raises(ValueError, match="3 class logits and then the realness score"):
        auxiliary(3).generator(torch.zeros(2, 3), labels)
    with pytest.raises(ValueError, match="needs labels, and there are none"):
        auxiliary(3).generator(torch.zeros(2, 4), None)
    with pytest.raises(ValueError, match='"mean", "sum" or "none"'):
        class_cross_entropy(torch.zeros(2, 3), torch.tensor([0, 1]), reduction="summ")
    with pytest.raises(ValueError, match="logits"):
        class_cross_entropy(torch.zeros(2, 1), torch.zeros(2, dtype=torch.long))
    with pytest.raises(ValueError, match=r"labels must be 0..2"):
        class_cross_entropy(torch.zeros(2, 3), torch.tensor([0, 3]))
