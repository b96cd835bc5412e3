"""StarGAN's networks against stored values, and its generator's step against plain operations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from plain_networks import Weights, formula_weights, star_discriminator, star_generator
from torch import Tensor

from everymode.exchange import load_released
from everymode.networks.circular import CircularConv2d
from everymode.networks.translator import StarDiscriminator, StarGenerator

STORED = np.load(Path(__file__).parents[1] / "vectors_pictures_networks.npz")


def stored(name: str) -> Tensor:
    return torch.from_numpy(STORED[f"star_{name}"])


def weights_of(player: str) -> Weights:
    shapes = [
        tuple(map(int, s.strip("()").rstrip(",").split(","))) for s in STORED[f"star_{player}_param_shapes"]
    ]
    return formula_weights(STORED[f"star_{player}_param_names"].tolist(), shapes, star=True)


def pair() -> tuple[StarGenerator, StarDiscriminator]:
    generator = load_released(StarGenerator(3, width=2, blocks=1), weights_of("g"), "stargan")
    critic = load_released(StarDiscriminator(3, 16, width=4, layers=2), weights_of("d"), "stargan")
    return generator, critic


def close(ours: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("training", [True, False])
def test_pictures_and_their_way_back_are_the_stored_ones(training: bool) -> None:
    generator = pair()[0].train(training)
    x, own = stored("x").double(), stored("c_org")
    fake = generator(None, (x, own[stored("perm")]))
    close(fake, stored("fake"))
    close(generator(None, (fake, own)), stored("rec"))


def test_the_critics_step_is_the_stored_one() -> None:
    critic = pair()[1]
    x, own, fake = stored("x").double(), stored("c_org").double(), stored("fake")
    real, of_fake = critic(x), critic(fake)
    close(real.scores[0], stored("d_src_real"))
    close(real.classes, stored("d_cls_real"))
    close(of_fake.scores[0], stored("d_src_fake"))
    mixed = (stored("alpha").double() * x + (1 - stored("alpha").double()) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(mixed).scores[0].sum(), mixed, create_graph=True)
    norms = gradient.flatten(1).norm(dim=1)
    close(norms, stored("gp_norms"))
    classification = F.binary_cross_entropy_with_logits(real.classes, own, reduction="sum") / len(x)
    total = (
        -real.scores[0].mean() + of_fake.scores[0].mean() + classification + 10 * (norms - 1).square().mean()
    )
    close(total, stored("d_total"))
    total.backward()
    close(critic.convolutions[0].weight.grad, stored("d_total_grad_first_weight"))


def test_the_generators_step_agrees_with_plain_operations() -> None:
    generator, critic = pair()
    x, own = stored("x").double(), stored("c_org").double()
    target = own[stored("perm")]

    def total(make: object, judge: object) -> Tensor:
        fake = make(x, target)
        scores, logits = judge(fake)
        classification = F.binary_cross_entropy_with_logits(logits, target, reduction="sum") / len(x)
        return -scores.mean() + classification + 10 * (make(fake, own) - x).abs().mean()

    plain_g, plain_d = weights_of("g"), weights_of("d")
    for value in plain_g.values():
        value.requires_grad_()
    expected = total(
        lambda a, b: star_generator(plain_g, a, b, halvings=2, blocks=1),
        lambda a: star_discriminator(plain_d, a, layers=2),
    )
    expected.backward()

    def judged(a: Tensor) -> tuple[Tensor, Tensor]:
        verdict = critic(a)
        return verdict.scores[0], verdict.classes

    ours = total(lambda a, b: generator(None, (a, b)), judged)
    close(ours, expected)
    ours.backward()
    close(generator.first.weight.grad, plain_g["main.0.weight"].grad)
    close(generator.blocks[0].norm2.weight.grad, plain_g["main.9.main.4.weight"].grad)
    close(generator.up[1].weight.grad, plain_g["main.13.weight"].grad)


def test_parameter_counts_are_the_published_ones() -> None:
    with torch.device("meta"):
        networks = {
            "G": StarGenerator(5),
            "D": StarDiscriminator(5, 128),
            "G_5blocks": StarGenerator(5, blocks=5),
            "D_table7": StarDiscriminator(5, (128, 128), kernel=3, circular=True),
        }
    for name, network in networks.items():
        count = sum(parameter.numel() for parameter in network.parameters())
        assert count == STORED[f"nparams_star_{name}"], name


@pytest.mark.parametrize("downsamplings", [0, 1, 3])
def test_other_depths_rectangles_and_label_blocks(downsamplings: int) -> None:
    torch.manual_seed(0)
    generator = StarGenerator(4, width=2, downsamplings=downsamplings, blocks=1, sizes=(3, 2)).double()
    direct = StarGenerator(4, width=2, downsamplings=downsamplings, blocks=1).double()
    direct.load_state_dict(generator.state_dict())
    x = torch.randn(2, 3, 16, 24).double()
    y = generator(None, (x, torch.tensor([[1, 1], [-1, 0]])), (16, 24))
    torch.testing.assert_close(y, direct(None, (x, torch.tensor([[0.0, 1, 0, 1], [0, 0, 0, 0]]))))
    assert y.shape == x.shape and generator.latent_dim == 0
    assert (y[0] - direct(None, (x, torch.zeros(2, 4)))[0]).abs().max() > 1e-3


def test_the_critic_of_table_7_wraps_around() -> None:
    torch.manual_seed(0)
    critic = StarDiscriminator(2, (16, 24), width=2, layers=3, kernel=3, circular=True).double()
    assert isinstance(critic.score_head, CircularConv2d)
    x = torch.randn(2, 3, 16, 24).double()
    h = x
    for layer in critic.convolutions:
        h = F.pad(h, (1, 1, 1, 1), mode="circular")
        h = F.leaky_relu(F.conv2d(h, layer.weight, layer.bias, stride=2), 0.01)
    verdict = critic(x)
    assert h.shape[2:] == (2, 3)
    close(verdict.classes, (h.unsqueeze(1) * critic.class_head.weight).sum((2, 3, 4)))
    close(verdict.scores[0], F.conv2d(F.pad(h, (1, 1, 1, 1), mode="circular"), critic.score_head.weight))
    close(critic.features(x), h.mean((2, 3)))
    close(verdict.features[-1], h.mean((2, 3)))
    odd = StarDiscriminator(2, (13, 9), width=2, layers=2)
    assert odd(torch.zeros(1, 3, 13, 9)).classes.shape == (1, 2)


def test_wrong_inputs_are_rejected() -> None:
    generator, critic = StarGenerator(2, width=2, blocks=1), StarDiscriminator(2, 16, width=2, layers=2)
    x = torch.zeros(1, 3, 16, 16)
    for condition in (None, x, (x,), (x, torch.zeros(1, 3)), (x, torch.zeros(2, 2))):
        with pytest.raises(ValueError, match="StarGenerator was given"):
            generator(None, condition)
    with pytest.raises(ValueError, match="multiples of 4"):
        generator(None, (x[:, :, :14], torch.zeros(1, 2)))
    with pytest.raises(ValueError, match="no noise"):
        generator(torch.zeros(1, 3), (x, torch.zeros(1, 2)))
    with pytest.raises(ValueError, match="makes"):
        generator(None, (x, torch.zeros(1, 2)), (32, 32))
    with pytest.raises(ValueError, match="3 attribute planes"):
        StarGenerator(2, sizes=(3,))
    with pytest.raises(ValueError, match="was built for pictures of"):
        critic(x[:, :, :8])
    with pytest.raises(ValueError, match="kernel is 5"):
        StarDiscriminator(2, 16, kernel=5)
    with pytest.raises(ValueError, match="at most 4 layers"):
        StarDiscriminator(2, 16, layers=5)
