"""Terms of image-to-image games: by hand, stored values, and what carries a gradient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from everymode.draws import Draws, Rows
from everymode.game import Batch, Game, LabelSource, Objective, Turn
from everymode.losses import cycle, encoder_divergence, hinge, pixel

STORED = np.load(Path(__file__).parents[1] / "vectors_pictures_losses.npz")


def a_turn(real: Tensor, fake: Tensor, condition: object = None, generator: nn.Module | None = None) -> Turn:
    game = Game(generator or nn.Identity(), nn.Identity(), LabelSource(), Objective(hinge()))
    batch, random = Batch(real, condition, torch.arange(len(real))), Draws(0, "moment", Rows.all(len(real)))
    return Turn(game, batch, 0, random, fake, condition, generator_moves=True)


def test_pixels_by_hand() -> None:
    real = torch.zeros(2, 1, 1, 2, dtype=torch.float64, requires_grad=True)
    fake = torch.tensor([[[[1.0, -0.5]]], [[[0.0, 0.25]]]], dtype=torch.float64, requires_grad=True)
    turn = a_turn(real, fake)
    assert pixel()(turn).item() == 1.75 / 4
    assert pixel(squared=True)(turn).item() == (1 + 0.25 + 0.0625) / 4
    pixel()(turn).backward()
    assert real.grad is None and fake.grad is not None
    for squared in (False, True):
        moved = (fake.detach() + 0.1).requires_grad_()
        assert torch.autograd.gradcheck(lambda x, s=squared: pixel(squared=s)(a_turn(real, x)), (moved,))


class Mixing(nn.Module):
    """Pictures plus labels; notes its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.5, dtype=torch.float64))
        self.seen: list[object] = []

    def forward(self, z: object, condition: tuple[Tensor, Tensor]) -> Tensor:
        picture, labels = condition
        self.seen.append((z, labels))
        return self.weight * picture + labels.to(picture).sum(1)[:, None, None, None]


def test_the_cycle_returns_with_the_labels_of_the_source() -> None:
    picture, own = torch.randn(2, 3, 4, 4, dtype=torch.float64), torch.tensor([[1, 0], [0, 0]])
    generator = Mixing()
    fake = generator(None, (picture, torch.tensor([[0, 1], [1, 1]])))
    cost = cycle()(a_turn(picture, fake, (picture, own), generator))
    expected = (0.5 * fake + torch.tensor([1.0, 0.0])[:, None, None, None] - picture).abs().mean()
    torch.testing.assert_close(cost, expected)
    z, labels = generator.seen[-1]
    assert z is None and labels is own
    cost.backward()
    # Both passes carry a gradient: d/dw of |w (w x + t) + o - x| is (2 w x + t) sign.
    asked = torch.tensor([1.0, 2.0], dtype=torch.float64)[:, None, None, None]
    sign = (0.5 * fake + torch.tensor([1.0, 0.0])[:, None, None, None] - picture).sign()
    expected = ((picture + asked) * sign).mean()
    assert generator.weight.grad.item() == pytest.approx(expected.item())
    inputs = (torch.randn(2, 3, 2, 2, dtype=torch.float64, requires_grad=True),)
    small = picture[..., :2, :2]
    assert torch.autograd.gradcheck(lambda x: cycle()(a_turn(small, x, (small, own), generator)), inputs)


def test_the_stored_cycle_of_a_translator() -> None:
    x, fake, back = (torch.from_numpy(STORED[f"star_{name}"]).double() for name in ("x", "fake", "rec"))

    class Stored(nn.Module):
        def forward(self, z: object, condition: tuple[Tensor, Tensor]) -> Tensor:
            assert condition[0] is fake
            return back

    labels = torch.from_numpy(STORED["star_c_org"]).long()
    cost = cycle()(a_turn(x, fake, (x, labels), Stored()))
    assert cost.item() == pytest.approx(np.abs(STORED["star_rec"] - STORED["star_x"]).mean(), rel=1e-12)


def test_the_divergence_is_that_of_normal_distributions() -> None:
    mean, log_variance = (torch.randn(3, 5, dtype=torch.float64, requires_grad=True) for _ in range(2))
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(encoder_divergence(mean, log_variance, reduction="none"), expected)
    torch.testing.assert_close(encoder_divergence(mean, log_variance), expected.sum())
    torch.testing.assert_close(encoder_divergence(mean, log_variance, reduction="mean"), expected.mean())
    assert torch.autograd.gradcheck(encoder_divergence, (mean, log_variance))
    assert encoder_divergence(torch.zeros(2, 3), torch.zeros(2, 3)).item() == 0


def test_published_sums_of_super_resolution() -> None:
    # Content, features and adversarial loss with the weights of the paper and of the released code.
    content, features, adversarial = STORED["sr_total_parts"]
    assert 0.01 * content + features + 0.1 * adversarial == pytest.approx(
        STORED["sr_total_paper_lambda01"][0]
    )
    assert content + features + 0.1 * adversarial == pytest.approx(STORED["sr_total_code"][0])


def test_impossible_inputs_are_explained() -> None:
    small, large = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 8, 8)
    with pytest.raises(ValueError, match=r"pixel distance compares pairs.*\[2, 3, 8, 8\]"):
        pixel()(a_turn(small, large))
    with pytest.raises(ValueError, match="not be empty"):
        pixel()(a_turn(small[:0], small[:0]))
    labels = torch.zeros(2, 1, dtype=torch.int64)
    for condition in (None, labels, (labels, labels), (small,)):
        with pytest.raises(ValueError, match="the cycle needs reals whose condition is"):
            cycle()(a_turn(small, small, condition, Mixing()))
    with pytest.raises(ValueError, match="the cycle compares pairs"):
        cycle()(a_turn(small, large, (small, labels), Mixing()))
    with pytest.raises(ValueError, match=r"of one shape, \[B, F\]"):
        encoder_divergence(torch.zeros(2, 3), torch.zeros(2))
