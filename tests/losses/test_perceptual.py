"""The perceptual loss: by hand, no gradient into the reals, and no weights of the network in the game."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import Batch, Game, LabelSource, Objective, Turn, Weighted
from everymode.losses import hinge, perceptual, perceptual_loss


class Maps(nn.Module):
    """Two feature maps; the network starts in train mode, in float32, with gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)
        self.second = nn.Conv2d(4, 2, 3)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        assert not self.training
        first = self.first(images)
        return first, self.second(first.tanh())


def a_turn(real: Tensor, fake: Tensor) -> Turn:
    game = Game(nn.Identity(), nn.Identity(), LabelSource(), Objective(hinge()))
    batch, random = Batch(real, None, torch.arange(len(real))), Draws(0, "moment", Rows.all(len(real)))
    return Turn(game, batch, 0, random, fake, None, generator_moves=True)


def test_by_hand() -> None:
    real, fake = (
        [torch.zeros(1, 2), torch.zeros(2, 1, 2, 2)],
        [torch.tensor([[1.0, -3.0]]), torch.ones(2, 1, 2, 2)],
    )
    assert perceptual_loss(real, fake).item() == 3.0
    assert perceptual_loss(real, fake, (0.25, 4)).item() == 4.5
    assert perceptual_loss(real, fake, [0, 0]).item() == 0.0


def test_the_term_compares_features_of_pairs_with_weights() -> None:
    network = Maps()
    term = perceptual(network, (0.5, 2.0))
    real, fake = (torch.randn(2, 3, 6, 7, dtype=torch.float64, requires_grad=True) for _ in range(2))
    cost = term(a_turn(real, fake))
    assert cost.dtype == torch.float64  # the network follows the images
    expected = [(a - b).abs().mean() for a, b in zip(network(real), network(fake), strict=True)]
    torch.testing.assert_close(cost, 0.5 * expected[0] + 2 * expected[1])
    cost.backward()
    assert real.grad is None and fake.grad is not None
    assert all(parameter.grad is None for parameter in network.parameters())
    assert torch.autograd.gradcheck(lambda x: term(a_turn(real, x)), (fake,))
    assert term(a_turn(real.bfloat16(), fake.bfloat16())).dtype == torch.float32


def test_any_function_gives_features() -> None:
    real, fake = torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)
    assert perceptual(lambda images: [images, 3 * images])(a_turn(real, fake)).item() == 4.0


def test_the_network_is_in_no_checkpoint_and_no_copy() -> None:
    network = Maps()
    term = perceptual(network)
    objective = Objective(hinge(), (), (Weighted("perceptual", term),))
    game = Game(nn.Identity(), nn.Identity(), LabelSource(), objective)
    assert not any("perceptual" in name for name in game.modules)
    assert copy.deepcopy(game).objective.generator_terms[0].term is term


def test_the_network_moves_to_the_device_of_the_images() -> None:
    network = Maps()
    cost = perceptual(network)(a_turn(*torch.zeros(2, 1, 3, 6, 6, device="meta")))
    assert cost.device.type == "meta" and network.first.weight.device.type == "meta"


def test_impossible_inputs_are_explained() -> None:
    layer = torch.zeros(2, 3)
    for real, fake in (([], []), ([layer], [layer[:1]]), ([layer], []), ([layer[:0]], [layer[:0]])):
        with pytest.raises(ValueError, match="at least one layer"):
            perceptual_loss(real, fake)
    with pytest.raises(ValueError, match="there are 1 layers and 2 weights"):
        perceptual_loss([layer], [layer], (1.0, 1.0))
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="at least 0 and finite"):
            perceptual(Maps(), (wrong,))
    with pytest.raises(ValueError, match=r"pairs of images of one shape; got \[2, 3, 4, 4\]"):
        perceptual(Maps())(a_turn(torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 4, 4)))
