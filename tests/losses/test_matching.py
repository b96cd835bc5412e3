"""Feature matching: by hand, without a gradient into the reals, and a discriminator without features."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import Batch, Game, LabelSource, Objective, Turn, Verdict
from everymode.losses.adversarial import hinge
from everymode.losses.matching import feature_matching, feature_matching_loss


class Features(nn.Module):
    """Scaled examples are their own features."""

    def __init__(self, *, gives: bool = True) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
        self.gives = gives

    def forward(self, x: Tensor, condition: Tensor | None) -> Verdict:
        features = self.scale * x
        return Verdict((features.sum(1),), features=(features,) if self.gives else ())


def a_turn(discriminator: nn.Module, real: Tensor, fake: Tensor) -> Turn:
    game = Game(nn.Identity(), discriminator, LabelSource(), Objective(hinge()))
    random = Draws(0, "moment", Rows.all(len(real)))
    return Turn(game, Batch(real, None, torch.arange(len(real))), 0, random, fake, None, generator_moves=True)


def test_by_hand() -> None:
    real = torch.tensor([[1.0, 0.0], [3.0, 2.0]], dtype=torch.float64)
    fake = torch.tensor([[0.0, 4.0], [2.0, 0.0]], dtype=torch.float64, requires_grad=True)
    # means (2, 1) and (1, 2), doubled: |4 - 2|, |2 - 4|
    loss = feature_matching()(a_turn(Features(), real, fake))
    assert loss.item() == 2.0
    loss.backward()
    assert fake.grad.tolist() == [[-0.5, 0.5], [-0.5, 0.5]]


def test_gradient_in_double_precision() -> None:
    torch.manual_seed(0)
    real, fake = (
        torch.randn(3, 4, dtype=torch.float64),
        torch.randn(3, 4, dtype=torch.float64, requires_grad=True),
    )
    discriminator = Features()
    assert torch.autograd.gradcheck(lambda x: feature_matching()(a_turn(discriminator, real, x)), fake)


def test_features_are_asked_for() -> None:
    turn = a_turn(Features(gives=False), torch.zeros(2, 2), torch.zeros(2, 2))
    with pytest.raises(ValueError, match="needs a discriminator whose Verdict holds features"):
        feature_matching()(turn)


def test_plain_features_by_hand_and_their_mistakes() -> None:
    real = torch.tensor([[2.0, 0.0], [6.0, 4.0], [4.0, 2.0]], requires_grad=True)
    fake = torch.tensor([[0.0, 8.0], [4.0, 0.0]], requires_grad=True)
    loss = feature_matching_loss(real, fake)  # means (4, 2) and (2, 4)
    assert loss.item() == 2.0
    loss.backward()
    assert (
        fake.grad is not None and fake.grad.tolist() == [[-0.25, 0.25], [-0.25, 0.25]] and real.grad is None
    )
    for wrong in (torch.zeros(2, 3), torch.zeros(0, 2), torch.zeros(2)):
        with pytest.raises(ValueError, match=r"features \[N, F\] and \[M, F\] of at least one row each"):
            feature_matching_loss(real, wrong)


class Scales(nn.Module):
    """Two scales with two layers of maps each."""

    def forward(self, x: Tensor, condition: Tensor | None) -> Verdict:
        small = x[:, :, ::2, ::2]
        return Verdict((x.mean((1, 2, 3)),), features=((-x, x), (-small, 2 * small)))


def test_of_several_scales_the_means_over_positions_of_all_last_layers_are_matched() -> None:
    random = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(3, 2, 4, 6, generator=random, dtype=torch.float64) for _ in range(2))
    loss = feature_matching()(a_turn(Scales(), real, fake))
    features = [torch.cat((x.mean((2, 3)), 2 * x[:, :, ::2, ::2].mean((2, 3))), 1) for x in (real, fake)]
    expected = (features[0].mean(0) - features[1].mean(0)).abs().mean()
    torch.testing.assert_close(loss, expected)
