"""Packs: consecutive examples side by side, gradients, one pass over reals and fakes, what is rejected."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import Batch, Game, Objective, Turn
from everymode.labels.given import NoLabels
from everymode.losses.adversarial import logistic
from everymode.losses.penalties import r1
from everymode.networks.dcgan import DeepDiscriminator
from everymode.networks.heads import ScalarHead
from everymode.networks.mlp import PointDiscriminator
from everymode.networks.packing import PackedDiscriminator


def packed_images(pack: int = 2) -> PackedDiscriminator:
    torch.manual_seed(0)
    inner = DeepDiscriminator((8, 8), head=ScalarHead, channels=3 * pack, base=4)
    return PackedDiscriminator(inner, pack)


def test_images_are_joined_along_channels_and_points_along_coordinates() -> None:
    discriminator = packed_images()
    images = torch.randn(6, 3, 8, 8)
    by_hand = torch.stack([torch.cat((images[2 * i], images[2 * i + 1])) for i in range(3)])
    assert torch.equal(discriminator.packed(images), by_hand)
    assert torch.equal(discriminator(images).scores[0], discriminator.discriminator(by_hand).scores[0])
    assert discriminator(images, torch.arange(6)).scores[0].shape == (3, 1)
    assert discriminator.features(images).shape[0] == 3
    points = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
    plane = PackedDiscriminator(PointDiscriminator(head=ScalarHead, width=4, point_dim=8), 4)
    assert torch.equal(plane.packed(points), torch.arange(1.0, 9.0).unsqueeze(0))


def test_a_pack_of_one_is_the_discriminator_itself() -> None:
    discriminator = packed_images(1)
    images = torch.randn(3, 3, 8, 8)
    assert torch.equal(discriminator(images).scores[0], discriminator.discriminator(images).scores[0])


def test_what_does_not_divide_is_refused_in_training_and_filled_up_in_use() -> None:
    discriminator = packed_images(3)
    images = torch.randn(4, 3, 8, 8)
    with pytest.raises(ValueError, match="4 examples can't be split into packs of 3"):
        discriminator(images)
    filled = torch.cat((images, images[:2]))
    discriminator.eval()
    assert torch.equal(discriminator(images).scores[0], discriminator(filled).scores[0])
    assert discriminator(images[:1]).scores[0].shape == (1, 1)
    with pytest.raises(ValueError, match="at least 1"):
        PackedDiscriminator(nn.Identity(), 0)


def turn_of(discriminator: nn.Module, real: Tensor, fake: Tensor, *, one_pass: bool) -> Turn:
    game = Game(nn.Identity(), discriminator, NoLabels(), Objective(logistic()))
    batch = Batch(real, None, torch.arange(len(real)))
    draws = Draws(0, "test", Rows.all(len(real)))
    return Turn(game, batch, 0, draws, fake, None, generator_moves=False, one_pass=one_pass)


def test_one_pass_over_reals_and_fakes_gives_each_its_own_packs() -> None:
    discriminator = packed_images(2).double()
    real, fake = torch.randn(2, 4, 3, 8, 8, dtype=torch.float64)
    together = turn_of(discriminator, real, fake, one_pass=True)
    apart = turn_of(discriminator, real, fake, one_pass=False)
    for turn in (together, apart):
        assert turn.real_verdict.scores[0].shape == turn.fake_verdict.scores[0].shape == (2, 1)
    torch.testing.assert_close(together.real_verdict.scores[0], apart.real_verdict.scores[0])
    torch.testing.assert_close(together.fake_verdict.scores[0], apart.fake_verdict.scores[0])
    more = turn_of(discriminator, real, torch.cat((fake, fake)), one_pass=True)
    torch.testing.assert_close(more.real_verdict.scores[0], apart.real_verdict.scores[0])


def test_r1_of_packs_is_the_mean_over_examples() -> None:
    discriminator = packed_images(2).double()
    real, fake = torch.randn(2, 4, 3, 8, 8, dtype=torch.float64)
    turn = turn_of(discriminator, real, fake, one_pass=True)
    inputs = real.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(inputs).scores[0].sum(), inputs)
    expected = gradient.flatten(1).square().sum(1).mean()
    torch.testing.assert_close(r1()(turn).detach(), expected)
    assert r1()(turn).requires_grad


def test_adaptive_augmentation_hears_the_mean_sign_of_packs() -> None:
    from toy_games import toy_data, toy_trainer

    from everymode.recipes.pac_gan import PAC2_DIGITS

    recipe = PAC2_DIGITS.shrunk().with_numbers(augmentation="ada", augmentation_images=64)
    data = toy_data(size=16)
    trainer = toy_trainer(recipe.for_data(data.facts()), data)
    heard: list[float] = []
    observe = trainer.game.augment.observe
    trainer.game.augment.observe = lambda sign: (heard.append(float(sign)), observe(sign))
    for _ in range(3):
        trainer.step()
    # Four packs per batch: their mean sign is a multiple of 1/2, and -1 or 1 if they agree.
    assert all(round(2 * sign) == 2 * sign for sign in heard)
    assert any(abs(sign) == 1 for sign in heard)
