"""Errors of inversion against the reference arrays, hand-computed values and finite differences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from everymode.inversion import class_error, cosine_error, encoder_loss, reconstruction_loss

VECTORS = np.load(Path(__file__).parents[1] / "vectors_inversion.npz")


def stored(name: str) -> Tensor:
    return torch.from_numpy(VECTORS[name])


def test_cosine_error_agrees_with_the_reference_and_its_gradients() -> None:
    s, r = stored("enc.layer.recovered_s").requires_grad_(), stored("enc.layer.recovered_r").requires_grad_()
    loss = cosine_error(s, stored("enc.layer.true_s")) + 0.01 * cosine_error(r, stored("enc.layer.true_r"))
    loss.backward()
    assert loss.item() == pytest.approx(float(VECTORS["enc.layer.loss"]), abs=1e-12)
    assert s.grad is not None and r.grad is not None
    torch.testing.assert_close(s.grad, stored("enc.layer.grad_s"), rtol=0, atol=1e-12)
    torch.testing.assert_close(r.grad, stored("enc.layer.grad_r"), rtol=0, atol=1e-12)
    each = cosine_error(s.detach(), stored("enc.layer.true_s"), "none")
    assert each.shape == (3, 4, 4)
    assert each.sqrt().mean().item() == pytest.approx(float(VECTORS["enc.layer.root_distance_s"]), abs=1e-12)


def test_cosine_error_by_hand() -> None:
    a = torch.tensor([[1.0, 0.0], [1.0, 1.0], [2.0, 0.0], [0.0, 0.0]])
    b = torch.tensor([[0.0, 3.0], [2.0, 2.0], [-1.0, 0.0], [1.0, 1.0]])
    assert cosine_error(a, b, "none").tolist() == pytest.approx([1, 0, 2, 1], abs=1e-6)
    assert cosine_error(a, b, "sum").item() == pytest.approx(4, abs=1e-6)
    assert cosine_error(a, b).item() == pytest.approx(1, abs=1e-6)


def whole(x_name: str = "x_regenerated") -> tuple[Tensor, ...]:
    names = ("z_hat", "z", "layer_estimated", "layer", "layer_regenerated", x_name, "x")
    return tuple(stored(f"enc.whole.{name}") for name in names)


def test_encoder_loss_agrees_with_the_reference() -> None:
    terms = encoder_loss(*whole())
    assert terms["total"].item() == pytest.approx(float(VECTORS["enc.whole.loss_default"]), abs=1e-12)
    assert list(terms) == ["latent", "layer", "layer_again", "pixels", "total"]


def test_class_terms_agree_with_the_reference() -> None:
    z_hat, z, layer_hat, layer, again, x_hat, x = whole()
    logits, cluster = stored("enc.eq5.logits"), stored("enc.eq5.cluster")
    terms = encoder_loss(z_hat, z, layer_hat, layer, None, x_hat, x, logits, cluster)
    assert terms["classes"].item() == pytest.approx(float(VECTORS["enc.eq5.cross_entropy"]), abs=1e-12)
    assert terms["total"].item() == pytest.approx(float(VECTORS["enc.eq5.mean_form"]), abs=1e-12)
    for layer_again in (again, None):
        norms = encoder_loss(z_hat, z, layer_hat, layer, layer_again, x_hat, x, logits, cluster, kind="norm")
        assert norms["total"].item() == pytest.approx(float(VECTORS["enc.eq5.norm_form"]), abs=1e-12)
        assert "layer_again" not in norms


def test_class_error_of_label_blocks_is_the_sum() -> None:
    random = np.random.default_rng(0)
    logits = [torch.from_numpy(random.normal(size=(4, k))) for k in (3, 2)]
    labels = torch.tensor([[0, 1], [2, 0], [1, 1], [0, 0]])
    expected = 0.0
    for block, each in enumerate(logits):
        shares = np.exp(each.numpy()) / np.exp(each.numpy()).sum(1, keepdims=True)
        expected -= np.log(shares[np.arange(4), labels[:, block].numpy()]).mean()
    assert class_error(logits, labels).item() == pytest.approx(expected, abs=1e-12)


def test_equation_4_agrees_with_the_reference() -> None:
    gx, gf = stored("eq4.gx").requires_grad_(), stored("eq4.gf").requires_grad_()
    x, f = stored("eq4.x"), stored("eq4.f")
    loss = reconstruction_loss(gx, x, gf, f, 0.25)
    loss.backward()
    assert loss.item() == pytest.approx(float(VECTORS["eq4.mean_lambda025"]), abs=1e-12)
    assert gx.grad is not None and gf.grad is not None
    torch.testing.assert_close(gx.grad, stored("eq4.grad_gx"), rtol=0, atol=1e-12)
    torch.testing.assert_close(gf.grad, stored("eq4.grad_gf"), rtol=0, atol=1e-12)
    sums = reconstruction_loss(gx.detach(), x, gf.detach(), f, reduction="sum")
    torch.testing.assert_close(sums, stored("eq4.sum_lambda5em4"), rtol=0, atol=1e-10)
    each = reconstruction_loss(gx.detach(), x, gf.detach(), f, 0.25, reduction="none")
    assert each.mean().item() == pytest.approx(loss.item(), abs=1e-12)


def test_equation_4_without_features_and_with_absolute_ones() -> None:
    gx, x = torch.tensor([[[[0.5, -0.5]]]]), torch.tensor([[[[0.0, 0.5]]]])
    assert reconstruction_loss(gx, x).item() == pytest.approx(0.75)
    gf, f = torch.tensor([[3.0, 1.0]]), torch.tensor([[1.0, 1.0]])
    assert reconstruction_loss(gx, x, gf, f, 2.0).item() == pytest.approx(0.75 + 2 * 2)
    absolute = reconstruction_loss(gx, x, gf, f, 2.0, feature_error="absolute")
    assert absolute.item() == pytest.approx(0.75 + 2 * 1)


def test_gradients_agree_with_finite_differences() -> None:
    random = torch.Generator().manual_seed(0)
    a, b, c, d = (torch.randn(2, 3, 2, 2, dtype=torch.float64, generator=random) for _ in range(4))
    inputs = [each.requires_grad_() for each in (a, c)]
    for kind in ("cosine", "norm"):
        assert torch.autograd.gradcheck(
            lambda p, q, kind=kind: encoder_loss(
                p.flatten(1), b.flatten(1), q, d, None, p, b, p.mean((2, 3)), torch.tensor([0, 2]), kind=kind
            )["total"],
            inputs,
        )


ONE = torch.zeros(2, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cosine_error(ONE, ONE[:, :2]), "one shape"),
        (lambda: cosine_error(ONE, ONE, "max"), 'choose "mean"'),
        (lambda: encoder_loss(ONE, ONE, ONE, None, None, ONE, ONE), "give layer too"),
        (lambda: encoder_loss(ONE, ONE, None, None, None, ONE, ONE, ONE), "give both"),
        (lambda: encoder_loss(ONE, ONE, None, None, None, ONE, ONE, kind="l2"), '"cosine" or "norm"'),
        (lambda: encoder_loss(ONE, ONE[:1], None, None, None, ONE, ONE), "z_hat has shape"),
        (lambda: encoder_loss(ONE, ONE, None, None, None, ONE, ONE[:1]), "x_hat has shape"),
        (lambda: class_error((ONE, ONE), torch.zeros(2, 1, dtype=torch.int64)), "label blocks"),
        (lambda: reconstruction_loss(ONE, ONE, ONE), "one side only"),
        (lambda: reconstruction_loss(ONE, ONE, reduction="max"), 'choose "mean"'),
        (lambda: reconstruction_loss(ONE, ONE[:1]), "gx has shape"),
        (lambda: reconstruction_loss(ONE, ONE, feature_error="max"), '"absolute"'),
    ],
)
def test_bad_input_is_named(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
