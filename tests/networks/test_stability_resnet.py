"""The residual networks of GAN-stability: the reference's parameter counts, a block by hand, other sizes, gradients."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from everymode.networks.heads import ScalarHead, SelectHead
from everymode.networks.stability_resnet import (
    StabilityBlock,
    StabilityDiscriminator,
    StabilityGenerator,
    widths_from_full_size,
)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameter_counts_of_the_reference() -> None:
    hundred = partial(SelectHead, num_classes=100)
    with torch.device("meta"):
        assert count(StabilityGenerator((128, 128))) == 96_085_443
        assert count(StabilityGenerator((128, 128), num_classes=100)) == 100_305_347
        discriminator = StabilityDiscriminator((128, 128), head=ScalarHead)
        assert count(discriminator) == 91_892_161
        assert count(StabilityDiscriminator((128, 128), head=hundred)) == 93_514_276
        assert discriminator.features(torch.zeros(1, 3, 128, 128)).shape == (1, 16_384)


def test_widths_double_up_to_sixteen_times() -> None:
    assert widths_from_full_size(64, 5) == [64, 128, 256, 512, 1024, 1024]
    assert widths_from_full_size(4, 2) == [4, 8, 16]


@pytest.mark.parametrize("channels", [(2, 5), (5, 2), (3, 3)])
def test_a_block_is_its_input_and_a_tenth_of_its_branch(channels: tuple[int, int]) -> None:
    torch.manual_seed(0)
    block = StabilityBlock(*channels).double()
    assert block.conv1.out_channels == min(channels)
    x = torch.randn(2, channels[0], 4, 5, dtype=torch.float64)
    kept = x if channels[0] == channels[1] else F.conv2d(x, block.shortcut.weight)
    branch = block.conv2(F.leaky_relu(block.conv1(F.leaky_relu(x, 0.2)), 0.2))
    torch.testing.assert_close(block(x), kept + 0.1 * branch)


def test_halving_is_a_mean_of_nine_with_zeros_outside() -> None:
    torch.manual_seed(0)
    critic = StabilityDiscriminator((8, 8), head=ScalarHead, channels=1, base=2, halvings=1)
    x = torch.randn(2, 1, 8, 8)
    first, second = critic.stages
    padded = F.pad(first(critic.input(x)), (1, 1, 1, 1))
    means = padded.unfold(2, 3, 2).unfold(3, 3, 2).mean((4, 5))
    torch.testing.assert_close(critic.features(x), F.leaky_relu(second(means), 0.2).flatten(1))


@pytest.mark.parametrize("size", [(16, 24), (32, 32)])
def test_other_sizes_and_gradients(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    generator = StabilityGenerator(size, num_classes=3, latent_dim=6, embedding_dim=4, channels=1, base=2)
    critic = StabilityDiscriminator(size, head=partial(SelectHead, num_classes=3), channels=1, base=2)
    labels = torch.tensor([0, 2, 1, 1])
    images = generator(torch.randn(4, 6), labels)
    assert images.shape == (4, 1, *size) and images.abs().max() <= 1
    verdict = critic(images, labels)
    assert verdict.scores[0].shape == (4,)
    verdict.scores[0].square().sum().backward()
    for network in (generator, critic):
        assert all(parameter.grad is not None for parameter in network.parameters())
    with pytest.raises(ValueError, match="multiples of 4"):
        StabilityGenerator((18, 18), doublings=2)
