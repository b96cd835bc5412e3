"""The standard generator and critic: sizes, parameter counts, padding, normalization of features."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks.circular import CircularConv2d
from everymode.networks.heads import ScalarHead
from everymode.networks.standard_cnn import StandardCritic, StandardGenerator
from everymode.norms.conditional import BatchNorm


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def parts(layer: nn.Conv2d) -> tuple[Tensor, Tensor | None, tuple[int, ...]]:
    return layer.weight, layer.bias, layer.stride


def convolution(ins: int, outs: int) -> int:
    return 9 * ins * outs + outs


@pytest.mark.parametrize(("side", "grid"), [(32, 4), (48, 6)])
def test_layers_of_table_4(side: int, grid: int) -> None:
    with torch.device("meta"):
        generator = StandardGenerator((side, side))
        critic = StandardCritic((side, side), head=ScalarHead)
    ups = convolution(512, 256) + convolution(256, 128) + convolution(128, 64) + 256 + 128 + 64
    assert count(generator) == 129 * 512 * grid**2 + ups + convolution(64, 3)
    widths = [3, 64, 64, 128, 128, 256, 256, 512]
    expected = sum(convolution(*pair) for pair in itertools.pairwise(widths))
    assert count(critic) == expected + 512 * grid**2 + 1
    assert [layer.stride[0] for layer in critic.convolutions] == [1, 2, 1, 2, 1, 2, 1]
    assert all(isinstance(layer, CircularConv2d) for layer in critic.convolutions)


@pytest.mark.parametrize("size", [(16, 16), (8, 24)])
def test_shapes_and_gradients(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    generator = StandardGenerator(size, base=4, latent_dim=6, channels=1)
    critic = StandardCritic(size, head=ScalarHead, base=4, channels=1)
    images = generator(torch.randn(3, 6))
    assert images.shape == (3, 1, *size) and images.abs().max() <= 1
    verdict = critic(images)
    assert verdict.scores[0].shape == (3, 1)
    assert torch.equal(critic.features(images), verdict.features[-1])
    verdict.scores[0].square().sum().backward()
    for network in (generator, critic):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None and parameter.grad.any(), name


def test_a_circular_critic_does_not_see_where_an_image_begins() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 1, 16, 16, dtype=torch.float64)
    moved = x.roll((8, 4), dims=(2, 3))  # multiples of the halvings' 4
    for circular in (True, False):
        critic = StandardCritic((16, 16), head=ScalarHead, base=2, channels=1, circular=circular).double()
        grids = [critic.features(each).unflatten(1, (8, 4, 4)) for each in (x, moved)]
        same = torch.allclose(grids[0].roll((2, 1), dims=(2, 3)), grids[1])
        assert same == circular


def test_a_norm_follows_every_convolution_but_the_first() -> None:
    critic = StandardCritic((16, 16), head=ScalarHead, base=2, channels=1, norm=BatchNorm)
    assert [type(norm) for norm in critic.norms] == [nn.Identity] + [BatchNorm] * 4
    x = torch.randn(4, 1, 16, 16)
    hidden = F.leaky_relu(
        F.conv2d(F.pad(x, (1, 1, 1, 1), mode="circular"), *parts(critic.convolutions[0])), 0.1
    )
    for layer, norm in zip(critic.convolutions[1:], list(critic.norms)[1:], strict=True):
        padded = F.pad(hidden, (1, 1, 1, 1), mode="circular")
        hidden = F.leaky_relu(norm(F.conv2d(padded, *parts(layer))), 0.1)
    torch.testing.assert_close(critic.features(x), hidden.flatten(1))


def test_padding_is_all_that_circular_changes() -> None:
    critics = [
        StandardCritic((16, 16), head=ScalarHead, base=2, channels=1, circular=each) for each in (True, False)
    ]
    critics[1].load_state_dict(critics[0].state_dict())
    for layer in critics[1].convolutions:
        layer.padding_mode = "circular"  # torch's own
    x = torch.randn(2, 1, 16, 16)
    torch.testing.assert_close(*(critic.features(x) for critic in critics))


def test_mistakes_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 8"):
        StandardGenerator((36, 36))
    with pytest.raises(ValueError, match="multiples of 8"):
        StandardCritic((36, 36), head=ScalarHead)
    generator = StandardGenerator((8, 8), base=2)
    with pytest.raises(ValueError, match=r"this generator takes \[B, 128\]"):
        generator(torch.randn(2, 6))
    with pytest.raises(ValueError, match=r"makes \(8, 8\) only"):
        generator(torch.randn(2, 128), None, (16, 16))
