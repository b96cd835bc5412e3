"""Gradient penalties: closed forms, double backward, what the terms differentiate and on which images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import AdversarialLoss, Batch, Game, LabelSource, Objective, Term, Turn, Verdict
from everymode.losses import (
    attributes_of_reals,
    dragan,
    gradient_norm_squared,
    hinge,
    omni,
    r1,
    r2,
    wasserstein,
    wgan_div,
    wgan_gp,
    zero_centered,
)


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
    injected: dict[str, Tensor] | None = None,
) -> Turn:
    adversarial = hinge() if adversarial is None else adversarial
    game = Game(nn.Identity(), discriminator, LabelSource(), Objective(adversarial), augment=augment)
    real, fake = torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([[3.0, 0.0], [1.0, 1.0]])
    batch = Batch(real.to(dtype), torch.tensor([0, 1]), torch.arange(2))
    random = Draws(0, "moment", Rows.all(2), injected=injected)
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


# ---- between reals and fakes, and around reals

SHARES = torch.tensor([0.25, 1.0], dtype=torch.float64)
# Points at these shares of the real: (2.5, 0.5) with |x|^2 = 6.5, and (0, 1) with |x|^2 = 1; gradients are weight x.
BETWEEN = {
    wgan_gp: ("gradient penalty/share", ((2 * 6.5**0.5 - 1) ** 2 + 1) / 2),
    wgan_div: ("divergence/share", 2 * (26.0**3 + 4.0**3) / 2),
    zero_centered: ("zero-centered penalty/share", 4 * (6.5 + 1) / 2),
}


@pytest.mark.parametrize("penalty", BETWEEN)
def test_penalties_between_reals_and_fakes_by_hand(penalty: Callable[..., Term]) -> None:
    stream, expected = BETWEEN[penalty]
    discriminator = Quadratic()
    turn = a_turn(discriminator, injected={stream: SHARES})
    assert penalty()(turn).item() == pytest.approx(expected, rel=1e-12)
    assert discriminator.judged[0].tolist() == [[2.5, 0.5], [0.0, 1.0]]
    factor = 2.0 if penalty is wgan_div else 1.0
    assert penalty(factor=3 * factor)(turn).item() == pytest.approx(3 * expected, rel=1e-12)


class Sloped(nn.Module):
    """Scores <weight, x>, whose gradient is the weight everywhere."""

    def __init__(self, *weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight, dtype=torch.float64))

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        return (x @ self.weight).unsqueeze(1)


@pytest.mark.parametrize("slope", [0.6, 1.0, 3.0])
def test_linear_discriminators_have_one_norm_everywhere(slope: float) -> None:
    turn = a_turn(Sloped(0.6 * slope, -0.8 * slope))
    for penalty, expected in (
        (wgan_gp(), (slope - 1) ** 2),
        (wgan_gp(one_sided=True), max(0.0, slope - 1) ** 2),
        (wgan_div(factor=1.5, power=3), 1.5 * slope**3),
        (zero_centered(), slope**2),
        (dragan(), (slope - 1) ** 2),
    ):
        assert penalty(turn).item() == pytest.approx(expected, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("penalty", [wgan_gp, wgan_div, zero_centered, dragan])
def test_a_flat_discriminator_has_finite_gradients(penalty: Callable[..., Term]) -> None:
    discriminator = Sloped(0.0, 0.0)
    penalty()(a_turn(discriminator)).backward()
    assert discriminator.weight.grad.tolist() == [0.0, 0.0]


def test_dragan_perturbs_reals_by_the_batchs_spread() -> None:
    # The four entries 1, 2, 0, 1 have variance 1/2; forwards, D sees x + share * 0.5 sqrt(1/2) U.
    noise = torch.tensor([[0.0, 1.0], [0.5, 0.25]], dtype=torch.float64)
    discriminator = Quadratic()
    share = torch.tensor([0.25, 1.0], dtype=torch.float64)
    turn = a_turn(discriminator, injected={"dragan/noise": noise, "dragan/share": share})
    cost = dragan()(turn)
    expected = turn.batch.real + share[:, None] * 0.5 * 0.5**0.5 * noise
    torch.testing.assert_close(discriminator.judged[0], expected)
    norms = 2 * expected.norm(dim=1)
    assert cost.item() == pytest.approx(float((norms - 1).square().mean()), rel=1e-12)
    assert dragan(factor=10)(turn).item() == pytest.approx(10 * cost.item())
    dragan(spread=0.0)(turn)
    torch.testing.assert_close(discriminator.judged[-1], turn.batch.real)


@pytest.mark.parametrize("penalty", [wgan_gp, wgan_div, zero_centered, dragan])
def test_points_are_judged_images_under_the_reals_condition(penalty: Callable[..., Term]) -> None:
    seen = []

    class Spy(Quadratic):
        def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
            seen.append((x.detach(), condition.tolist()))
            return super().forward(x, condition)

    # The augmentation puts all images onto one point, so every point between them is that one.
    turn = a_turn(Spy(), augment=lambda x, random: torch.full_like(x, 5.0))
    penalty(factor=1.0)(turn)
    ((points, condition),) = seen
    torch.testing.assert_close(points, torch.full((2, 2), 5.0, dtype=torch.float64))
    assert condition == [0, 1]
    assert not turn.judged_real.requires_grad


@pytest.mark.parametrize("penalty", [wgan_gp, wgan_div, zero_centered])
def test_shares_belong_to_rows(penalty: Callable[..., Term]) -> None:
    whole, part = Quadratic(), Quadratic()
    turn = a_turn(whole)
    penalty()(turn)
    second = Draws(0, "moment", Rows(1, 2, 2))
    batch = Batch(turn.batch.real[1:], turn.batch.condition[1:], torch.tensor([1]))
    game = Game(nn.Identity(), part, LabelSource(), Objective(hinge()))
    penalty()(Turn(game, batch, 0, second, turn.fake[1:], turn.fake_condition[1:], generator_moves=False))
    assert torch.equal(part.judged[0], whole.judged[0][1:])


@pytest.mark.parametrize(
    "penalty", [wgan_gp(), wgan_gp(one_sided=True), wgan_div(), zero_centered(), dragan()]
)
def test_penalties_can_be_differentiated_by_the_weights(penalty: Term) -> None:
    weight = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)

    class Tanh(nn.Module):
        def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
            return torch.tanh(x @ weight).sum(1)

    discriminator = Tanh()
    assert torch.autograd.gradcheck(lambda _: penalty(a_turn(discriminator)), (weight,))


def test_images_are_handled_as_points_are() -> None:
    class Images(nn.Module):
        def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
            return 0.5 * x.flatten(1).sum(1)

    turn = a_turn(Images(), dtype=torch.bfloat16)
    turn.batch = Batch(torch.randn(2, 3, 4, 4).bfloat16(), torch.tensor([0, 1]), torch.arange(2))
    turn.fake = torch.randn(2, 3, 4, 4).bfloat16()
    for penalty in (wgan_gp(), dragan()):
        cost = penalty(turn)
        assert cost.dtype == torch.float32
        assert cost.item() == pytest.approx((0.5 * 48**0.5 - 1) ** 2, rel=1e-5)


@pytest.mark.parametrize("penalty", [wgan_gp, wgan_div, zero_centered])
def test_pairs_of_different_shape_are_refused(penalty: Callable[..., Term]) -> None:
    turn = a_turn(Quadratic())
    turn.fake = torch.zeros(3, 2)
    with pytest.raises(ValueError, match=r"\[2, 2\] and \[3, 2\]: use r1\(\) or r2\(\)"):
        penalty()(turn)


def test_a_divergence_needs_a_power_above_one() -> None:
    with pytest.raises(ValueError, match="above 1"):
        wgan_div(power=1.0)


# ---- patches

STORED = np.load(Path(__file__).parents[1] / "vectors_pictures_losses.npz")


class Patches(nn.Module):
    """StarGAN's tiny critic of the stored values: 4x4 score maps and class logits of 16x16 images."""

    def __init__(self) -> None:
        super().__init__()
        for number, text in enumerate(STORED["star_d_param_shapes"]):
            shape = tuple(int(each) for each in str(text).strip("()").split(",") if each)
            scale = 0.1 if len(shape) == 1 else 1.5 / np.prod(shape[1:]) ** 0.5
            values = scale * np.sin(0.9 * np.arange(np.prod(shape)) + 1.7 * number + 0.3)
            setattr(self, f"p{number}", nn.Parameter(torch.from_numpy(values.reshape(shape))))

    def forward(self, x: Tensor, condition: object) -> Verdict:
        h = F.leaky_relu(F.conv2d(x, self.p0, self.p1, 2, 1), 0.01)
        h = F.leaky_relu(F.conv2d(h, self.p2, self.p3, 2, 1), 0.01)
        return Verdict((F.conv2d(h, self.p4, None, 1, 1),), F.conv2d(h, self.p5).flatten(1))


def stored(name: str) -> Tensor:
    return torch.from_numpy(STORED[f"star_{name}"]).double()


def a_turn_of_patches(adversarial: AdversarialLoss, critic: nn.Module) -> Turn:
    game = Game(nn.Identity(), critic, LabelSource(), Objective(adversarial))
    labels = torch.from_numpy(STORED["star_c_org"]).long()
    batch = Batch(stored("x"), (stored("x"), labels), torch.arange(3))
    asked = (stored("x"), labels[torch.from_numpy(STORED["star_perm"])])
    random = Draws(0, "moment", Rows.all(3), injected={"gradient penalty/share": stored("alpha").flatten()})
    return Turn(game, batch, 0, random, stored("fake"), asked, generator_moves=False)


def test_stargans_critic_side_as_stored() -> None:
    critic = Patches()
    turn = a_turn_of_patches(wasserstein(), critic)
    torch.testing.assert_close(turn.real_verdict.scores[0], stored("d_src_real"), rtol=0, atol=1e-12)
    torch.testing.assert_close(turn.real_verdict.classes, stored("d_cls_real"), rtol=0, atol=1e-12)
    parts = turn.game.objective.discriminator_parts(turn)
    penalty, classes = wgan_gp()(turn), attributes_of_reals()(turn)
    found = (parts["real"], parts["fake"], classes, penalty)
    for name, cost in zip(("loss_real", "loss_fake", "loss_cls", "gp"), found, strict=True):
        torch.testing.assert_close(cost, stored(f"d_{name}"), rtol=1e-11, atol=1e-13)
    adversarial = turn.game.objective.discriminator_losses(turn)["adversarial"]
    total = adversarial + classes + 10 * penalty
    torch.testing.assert_close(total, stored("d_total"), rtol=1e-11, atol=0)
    (gradient,) = torch.autograd.grad(total, critic.p0)
    torch.testing.assert_close(gradient, stored("d_total_grad_first_weight"), rtol=0, atol=1e-10)
    against = a_turn_of_patches(hinge(), critic).game.objective.discriminator_losses(turn)["adversarial"]
    torch.testing.assert_close(against + classes, stored("d_hinge_total"), rtol=1e-11, atol=0)


def test_norms_on_patches_are_those_of_the_sum_over_positions() -> None:
    x, fake, alpha = stored("x"), stored("fake"), stored("alpha")
    mixed = (alpha * x + (1 - alpha) * fake).requires_grad_()
    norms = gradient_norm_squared(Patches()(mixed, None).scores[0], mixed).sqrt()
    torch.testing.assert_close(norms, stored("gp_norms"), rtol=1e-11, atol=0)


def test_on_patches_of_several_scales_and_classes_positions_are_summed_and_scales_averaged() -> None:
    # Two scales of 1 and of 2 x 2 patches; the second is three times as steep: (1 + 4 * 3) / 2 times x * weight.
    turn = a_turn(TwoScales(), injected={"gradient penalty/share": SHARES})
    expected = ((13 * 6.5**0.5 - 1) ** 2 + (13 - 1) ** 2) / 2
    assert wgan_gp()(turn).item() == pytest.approx(expected, rel=1e-12)
    turn = a_turn(TwoScales(5), omni(3), injected={"gradient penalty/share": SHARES})
    assert wgan_gp()(turn).item() == pytest.approx(expected, rel=1e-12)
