"""The omni-loss against hand-computed numbers, its released code's outputs and its identities."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from everymode.losses import omni, omni_loss, omni_signs

VECTORS = Path(__file__).parents[1] / "vectors_conditional.npz"
KINDS = ("d_real", "d_fake", "g_fake")


@pytest.fixture(scope="module")
def vectors() -> dict[str, Tensor]:
    with np.load(VECTORS) as arrays:
        prefix = "conditional.omni."
        return {
            key.removeprefix(prefix): torch.from_numpy(arrays[key])
            for key in arrays.files
            if key.startswith(prefix)
        }


def random_case(rows: int = 5, slots: int = 7, *more: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    scores = torch.randn(rows, slots, *more, generator=generator, dtype=torch.float64)
    signs = torch.randint(-1, 2, (rows, slots, *more), generator=generator)
    return scores, signs


@pytest.mark.parametrize("kind", KINDS)
def test_matches_released_code(vectors: dict[str, Tensor], kind: str) -> None:
    side = "real" if kind == "d_real" else "fake"
    scores = vectors[f"single.pred_{side}"].clone().requires_grad_()
    signs = omni_signs(kind, vectors[f"single.y_{side}"], 10)
    assert torch.equal(signs, vectors[f"single.{kind}.labels"])
    torch.testing.assert_close(
        omni_loss(scores, signs, reduction="none"), vectors[f"single.{kind}.loss"], rtol=1e-12, atol=0
    )
    loss = omni_loss(scores, signs)
    torch.testing.assert_close(loss, vectors[f"single.{kind}.mean"], rtol=1e-12, atol=0)
    (gradient,) = torch.autograd.grad(loss, scores)
    torch.testing.assert_close(gradient, vectors[f"single.{kind}.grad"], rtol=1e-9, atol=1e-15)


def test_adversarial_loss_matches_released_code(vectors: dict[str, Tensor]) -> None:
    loss = omni(10)
    real, fake = vectors["single.pred_real"], vectors["single.pred_fake"]
    labels, fake_labels = vectors["single.y_real"], vectors["single.y_fake"]
    total = loss.discriminator(real, fake, labels, fake_labels)
    torch.testing.assert_close(total, vectors["single.d_total"], rtol=1e-12, atol=0)
    assert loss.generator(fake, fake_labels).item() == pytest.approx(vectors["single.g_fake.mean"].item())


@pytest.mark.parametrize("figure", ["a", "b"])
def test_gradients_of_the_papers_figure(vectors: dict[str, Tensor], figure: str) -> None:
    scores = vectors[f"paperfig.{figure}.pred"].clone().requires_grad_()
    losses = omni_loss(scores, vectors[f"paperfig.{figure}.labels"], reduction="none")
    torch.testing.assert_close(losses, vectors[f"paperfig.{figure}.loss"], rtol=1e-12, atol=0)
    (gradient,) = torch.autograd.grad(losses.mean(), scores)
    torch.testing.assert_close(gradient, vectors[f"paperfig.{figure}.grad"], rtol=1e-9, atol=1e-15)
    rounded = {round(abs(value) * 3, 2) for value in gradient.flatten().tolist()}
    assert {"a": {0.98, 0.5}, "b": {0.79, 0.11, 0.33}}[figure] <= rounded


@pytest.mark.parametrize("sign", [1, -1])
def test_one_score_is_softplus(sign: int) -> None:
    values = [-2.0, 0.0, 3.5]
    scores = torch.tensor(values, dtype=torch.float64)[:, None]
    losses = omni_loss(scores, torch.full((3, 1), sign), reduction="none")
    assert losses.tolist() == pytest.approx(
        [math.log1p(math.exp(-sign * value)) for value in values], rel=1e-14
    )


def test_hand_computed_row() -> None:
    scores = torch.tensor([[1.0, -0.5, 2.0, 0.25]], dtype=torch.float64)
    signs = torch.tensor([[1, -1, -1, 0]])
    expected = math.log(1 + math.exp(-0.5) + math.exp(2.0)) + math.log(1 + math.exp(-1.0))
    assert omni_loss(scores, signs).item() == pytest.approx(expected, rel=1e-14)


def test_scale_and_margins() -> None:
    scores = torch.tensor([[1.0, -0.5]], dtype=torch.float64)
    signs = torch.tensor([[1, -1]])
    symmetric = math.log1p(math.exp(3 * (-0.5 + 0.2))) + math.log1p(math.exp(3 * (0.2 - 1.0)))
    shifted = math.log1p(math.exp(3 * (-0.5 + 0.2))) + math.log1p(math.exp(-3 * (1.0 + 0.2)))
    assert omni_loss(scores, signs, scale=3.0, margin=0.2).item() == pytest.approx(symmetric, rel=1e-13)
    got = omni_loss(scores, signs, scale=3.0, margin=0.2, shift_threshold=True).item()
    assert got == pytest.approx(shifted, rel=1e-13)


def test_equals_the_formula_written_out() -> None:
    scores, signs = random_case()
    negatives = (scores.exp() * (signs < 0)).sum(1)
    positives = ((-scores).exp() * (signs > 0)).sum(1)
    expected = (1 + negatives).log() + (1 + positives).log()
    torch.testing.assert_close(omni_loss(scores, signs, reduction="none"), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.float32, torch.float64])
def test_signs_of_any_type_give_the_same_loss_in_the_scores_precision(dtype: torch.dtype) -> None:
    scores, signs = random_case()
    assert omni_loss(scores, signs.to(dtype)) == omni_loss(scores, signs)
    assert omni_loss(scores.float(), signs.to(dtype)).dtype == torch.float32


def test_ignored_scores_have_a_gradient_of_exactly_zero() -> None:
    scores, signs = random_case(40)
    scores[0, signs[0] == 0] = math.inf
    (gradient,) = torch.autograd.grad(omni_loss(scores.requires_grad_(), signs), scores)
    assert (gradient[signs == 0] == 0).all()
    assert (gradient[signs != 0] != 0).all()
    assert (gradient.sign() == -signs).all()


def test_empty_sets_cost_exactly_nothing() -> None:
    scores = torch.full((1, 3), 7.0, dtype=torch.float64, requires_grad=True)
    nothing = omni_loss(scores, torch.zeros(1, 3))
    (gradient,) = torch.autograd.grad(nothing, scores)
    assert nothing.item() == 0.0
    assert (gradient == 0).all()
    only_negative = omni_loss(scores, torch.tensor([[-1, 0, 0]])).item()
    assert only_negative == pytest.approx(math.log1p(math.exp(7.0)), rel=1e-14)


def test_gradients_of_both_orders() -> None:
    scores, signs = random_case(3, 5)
    signs[0], signs[1] = 1, 0
    scores.requires_grad_()
    for options in ({}, {"scale": 2.0, "margin": 0.3}, {"margin": 0.3, "shift_threshold": True}):
        assert torch.autograd.gradcheck(lambda s, o=options: omni_loss(s, signs, **o), (scores,))
    assert torch.autograd.gradgradcheck(lambda s: omni_loss(s, signs), (scores,))


def test_batch_order_does_not_matter() -> None:
    scores, signs = random_case()
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(omni_loss(scores[order], signs[order]), omni_loss(scores, signs))
    each = omni_loss(scores, signs, reduction="none")
    assert torch.equal(omni_loss(scores[order], signs[order], reduction="none"), each[order])
    torch.testing.assert_close(omni_loss(scores, signs, reduction="sum"), each.sum())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_scores_stay_finite(dtype: torch.dtype, size: float) -> None:
    for kind in KINDS:
        for one_sided in (False, True):
            scores = torch.full((2, 6), size, dtype=dtype, requires_grad=True)
            signs = omni_signs(kind, torch.tensor([0, 3]), 4, one_sided=one_sided)
            loss = omni_loss(scores, signs)
            (gradient,) = torch.autograd.grad(loss, scores)
            assert loss.isfinite()
            assert gradient.isfinite().all()
            wrong_side = signs < 0 if size > 0 else signs > 0
            assert (loss > 9000) == bool(wrong_side.any())


def test_far_right_scores_still_count_in_double_precision() -> None:
    # A softplus that becomes linear beyond a threshold would lose these.
    scores = torch.tensor([[30.0], [-22.0]], dtype=torch.float64)
    losses = omni_loss(scores, torch.tensor([[1], [1]]), reduction="none")
    assert losses[0].item() == pytest.approx(math.exp(-30.0), rel=1e-12, abs=0)
    assert losses[1].item() - 22.0 == pytest.approx(math.exp(-22.0), rel=1e-4, abs=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_single(dtype: torch.dtype) -> None:
    scores, signs = random_case(64, 30)
    scores = scores.to(dtype)
    loss = omni_loss(scores, signs)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(omni_loss(scores.double(), signs).item(), rel=1e-6)


def test_maps_equal_their_flattened_pixels() -> None:
    scores, signs = random_case(2, 5, 3, 4)
    flat_scores, flat_signs = (x.permute(0, 2, 3, 1).reshape(-1, 5) for x in (scores, signs))
    losses = omni_loss(scores, signs, reduction="none")
    assert losses.shape == (2, 3, 4)
    torch.testing.assert_close(losses.flatten(), omni_loss(flat_scores, flat_signs, reduction="none"))
    torch.testing.assert_close(omni_loss(scores, signs), omni_loss(flat_scores, flat_signs))


def test_ignored_rows_count_in_the_mean_only_if_asked() -> None:
    scores, signs = random_case(4, 5)
    signs[1] = 0
    signs[:, 0] = torch.tensor([1, 0, 1, 1])
    each = omni_loss(scores, signs, reduction="none")
    assert omni_loss(scores, signs).item() == pytest.approx(each.sum().item() / 4)
    assert omni_loss(scores, signs, count_ignored=False).item() == pytest.approx(each.sum().item() / 3)
    assert omni_loss(scores, torch.zeros_like(signs), count_ignored=False).item() == 0.0


def test_one_sided_discriminator_cost_on_reals() -> None:
    scores = torch.tensor([[0.5, -1.0, 2.0, 0.3, 9.0]], dtype=torch.float64)
    quiet = torch.full((1, 5), -100.0, dtype=torch.float64)
    cost = omni(3, one_sided=True).discriminator(scores, quiet, torch.tensor([1]), torch.tensor([0]))
    assert cost.item() == pytest.approx(math.log(1 + math.exp(1.0) + math.exp(-0.3)), rel=1e-12)
    cost = omni(3, True).generator(scores, torch.tensor([1]))
    assert cost.item() == pytest.approx(math.log(1 + math.exp(1.0) + math.exp(-0.3)), rel=1e-12)


def test_one_sided_discriminator_cost_on_fakes_uses_their_own_labels() -> None:
    scores = torch.tensor([[0.5, -1.0, 2.0, 0.3, 9.0]], dtype=torch.float64)
    sure = torch.full((1, 5), 100.0, dtype=torch.float64)
    cost = omni(3, one_sided=True).discriminator(sure, scores, torch.tensor([1]), torch.tensor([2]))
    assert cost.item() == pytest.approx(math.log(1 + math.exp(2.0) + math.exp(0.3)), rel=1e-12)


def test_more_real_costs_the_discriminator_less_on_reals_and_more_on_fakes() -> None:
    scores, _ = random_case(4, 6)
    scores = scores.requires_grad_()
    labels = torch.tensor([0, 1, 2, 3])
    fixed = scores.detach()
    loss = omni(4)
    (on_real,) = torch.autograd.grad(loss.discriminator(scores, fixed, labels, labels), scores)
    assert (on_real[:, 4] < 0).all()
    assert (on_real[:, 5] > 0).all()
    (on_fake,) = torch.autograd.grad(loss.discriminator(fixed, scores, labels, labels), scores)
    assert (on_fake[:, 4] > 0).all()
    assert (on_fake[:, 5] < 0).all()
    (of_generator,) = torch.autograd.grad(loss.generator(scores, labels), scores)
    assert (of_generator[:, 4] < 0).all()
    assert (of_generator[torch.arange(4), labels] < 0).all()


def test_realness_is_real_minus_fake() -> None:
    scores = torch.tensor([[0.0, 0.0, 0.0, 1.0, -2.0], [5.0, 5.0, 5.0, -1.0, -1.0]])
    assert omni(3).realness(scores, None).tolist() == [3.0, 0.0]
    assert omni(3, one_sided=True).realness(scores, None).tolist() == [1.0, -1.0]
    maps = scores[:, :, None, None].expand(-1, -1, 2, 3)
    assert omni(3).realness(maps, None).tolist() == [3.0, 0.0]


def test_label_maps_are_taken_at_the_nearest_pixels() -> None:
    scores, _ = random_case(2, 5, 2, 3)
    labels = torch.randint(-1, 3, (2, 5, 9), generator=torch.Generator().manual_seed(0))
    nearest = torch.nn.functional.interpolate(labels[:, None].double(), (2, 3), mode="nearest")[:, 0].long()
    assert omni(3).generator(scores, labels) == omni(3).generator(scores, nearest)
    assert omni(3).generator(scores, labels) == omni_loss(scores, omni_signs("g_fake", nearest, 3))


def test_one_label_per_image_counts_at_every_position_of_a_map() -> None:
    scores, _ = random_case(2, 5, 2, 3)
    labels = torch.tensor([2, 0])
    everywhere = labels[:, None, None].expand(2, 2, 3)
    assert omni(3).generator(scores, labels) == omni(3).generator(scores, everywhere)


def test_void_pixels_count_or_not_by_the_argument() -> None:
    scores, _ = random_case(1, 5, 2, 2)
    labels = torch.tensor([[[0, -1], [-1, -1]]])
    kept = omni(3, count_ignored=False).generator(scores, labels)
    only = omni_loss(scores[:, :, 0, 0], omni_signs("g_fake", labels[:, 0, 0], 3))
    assert kept.item() == pytest.approx(only.item(), rel=1e-12)
    assert omni(3).generator(scores, labels).item() == pytest.approx(only.item() / 4, rel=1e-12)


def test_several_blocks_by_column_or_tuple() -> None:
    scores, _ = random_case(2, 7)
    labels = torch.tensor([[1, 0], [2, 1]])
    loss = omni((3, 2))
    expected = omni_loss(scores, omni_signs("g_fake", labels, (3, 2)))
    assert loss.generator(scores, labels) == loss.generator(scores, labels.unbind(1)) == expected


def test_mistakes_are_explained() -> None:
    scores, signs = torch.zeros(2, 5), torch.zeros(2, 5)
    labels = torch.tensor([0, 1])
    with pytest.raises(ValueError, match=r"one shape.*\[2, 5\] and \[2, 4\]"):
        omni_loss(scores, signs[:, :4])
    with pytest.raises(ValueError, match="can't hold"):
        omni_loss(scores, signs.bool())
    with pytest.raises(ValueError, match="floating-point"):
        omni_loss(scores.long(), signs)
    with pytest.raises(ValueError, match="reduction"):
        omni_loss(scores, signs, reduction="avg")
    with pytest.raises(ValueError, match="scale must be positive"):
        omni_loss(scores, signs, scale=0.0)
    with pytest.raises(ValueError, match="empty batch"):
        omni_loss(scores[:0], signs[:0])
    with pytest.raises(ValueError, match="kind must be one of"):
        omni_signs("real", labels, 3)
    with pytest.raises(ValueError, match=r"0\.\.2.*span 0\.\.3"):
        omni_signs("d_real", torch.tensor([0, 3]), 3)
    with pytest.raises(ValueError, match=r"span -2\.\.0"):
        omni_signs("d_real", torch.tensor([0, -2]), 3)
    with pytest.raises(ValueError, match="integers"):
        omni_signs("d_real", labels.float(), 3)
    with pytest.raises(ValueError, match="2 block"):
        omni_signs("d_real", labels, (3, 2))
    with pytest.raises(ValueError, match="1 block"):
        omni_signs("d_real", (labels, labels), 3)
    for wrong in (0, -1, 2.0, True, (), (3, 0), "3"):
        with pytest.raises(ValueError, match="num_classes must be"):
            omni(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\[B, 6\].*not \[2, 5\].*6 outputs"):
        omni(4).generator(scores, labels)
    with pytest.raises(ValueError, match="needs labels"):
        omni(3).generator(scores, None)
    with pytest.raises(ValueError, match="one shape"):
        omni(3).generator(scores, torch.zeros(2, 4, 4, dtype=torch.long))
    with pytest.raises(ValueError, match="one shape"):
        omni(3).generator(scores, torch.tensor([0, 1, 2]))
