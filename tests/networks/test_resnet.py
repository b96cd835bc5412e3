"""SN-GAN's residual networks: parameter counts, sizes, gradients, pooling."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from everymode.networks import ProjectionHead, ResNetDiscriminator, ResNetGenerator, ScalarHead
from everymode.networks.resnet import resnet_discriminator_layout, resnet_generator_widths


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def reached(parameter: nn.Parameter) -> bool:
    """Whether it has a gradient, and no zero one; vectors may, as a bias before batch norm cancels."""
    return parameter.grad is not None and (parameter.dim() < 2 or bool(parameter.grad.any()))


def test_parameter_counts_at_32_pixels() -> None:
    with torch.device("meta"):
        assert count(ResNetGenerator((32, 32))) == 4_276_739  # 4.28 M, as published
        assert count(ResNetDiscriminator((32, 32), head=ScalarHead)) == 1_053_825  # 1.05 M


def test_widths_by_size() -> None:
    assert resnet_generator_widths((32, 32)) == (256,) * 4
    assert resnet_generator_widths((48, 48)) == (512, 256, 128, 64)
    assert resnet_generator_widths((64, 64)) == (1024, 512, 256, 128, 64)
    assert resnet_generator_widths((128, 128)) == (1024, 1024, 512, 256, 128, 64)
    assert resnet_discriminator_layout((32, 32)) == ((128,) * 4, 2)
    assert resnet_discriminator_layout((48, 48)) == ((64, 128, 256, 512, 1024), 4)
    assert resnet_discriminator_layout((64, 64)) == ((64, 128, 256, 512, 1024), 4)
    assert resnet_generator_widths((32, 32), 8) == (32,) * 4
    assert resnet_discriminator_layout((16, 16), 8) == ((16,) * 4, 2)
    assert resnet_discriminator_layout((32, 32), shortened=True) == ((128,) * 4, 2)
    assert resnet_discriminator_layout((48, 48), shortened=True) == ((64, 128, 256, 512), 4)
    assert resnet_discriminator_layout((128, 128)) == ((64, 128, 256, 512, 1024, 1024), 5)


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("size", [(16, 16), (12, 20)])
def test_shapes_and_gradients(num_classes: int | None, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    generator = ResNetGenerator(size, num_classes=num_classes, widths=(8, 8, 4), latent_dim=6, channels=1)
    head = ScalarHead if num_classes is None else partial(ProjectionHead, num_classes=num_classes)
    discriminator = ResNetDiscriminator(size, head=head, widths=(4, 8, 8), channels=1)
    labels = None if num_classes is None else torch.tensor([0, 1, 2])
    images = generator(torch.randn(3, 6), labels)
    assert images.shape == (3, 1, *size) and images.abs().max() <= 1
    verdict = discriminator(images, labels)
    assert verdict.scores[0].shape == (3, 1)
    assert torch.equal(discriminator.features(images), verdict.features[-1])
    verdict.scores[0].square().sum().backward()
    parameters = [*generator.named_parameters(), *discriminator.named_parameters()]
    assert [name for name, parameter in parameters if not reached(parameter)] == []


def test_hidden_width_is_that_of_the_input_after_the_first_block() -> None:
    discriminator = ResNetDiscriminator((16, 16), head=ScalarHead, widths=(4, 8, 16))
    assert [block.conv1.out_channels for block in discriminator.blocks] == [4, 4, 8]
    assert [block.downsample for block in discriminator.blocks] == [True, True, False]


def test_wide_blocks_have_the_width_of_their_output() -> None:
    wide = ResNetDiscriminator((16, 16), head=ScalarHead, widths=(4, 8, 16), wide=True)
    assert [block.conv1.out_channels for block in wide.blocks] == [4, 8, 16]


def test_circular_padding_sees_no_border() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    moved = x.roll((4, 8), dims=(2, 3))  # multiples of the halvings' 4
    for circular in (True, False):
        network = ResNetDiscriminator((16, 16), head=ScalarHead, widths=(4, 8, 8), circular=circular).double()
        assert torch.allclose(network.features(x), network.features(moved)) == circular


def test_mean_pooling_is_the_sum_over_the_number_of_positions() -> None:
    summed = ResNetDiscriminator((16, 24), head=ScalarHead, widths=(4, 8), halvings=2)
    mean = ResNetDiscriminator((16, 24), head=ScalarHead, widths=(4, 8), halvings=2, mean_pooling=True)
    mean.load_state_dict(summed.state_dict())
    x = torch.randn(2, 3, 16, 24)
    torch.testing.assert_close(mean.features(x) * (4 * 6), summed.features(x))


def test_mistakes_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"multiples of 8; the nearest sizes that work: \(32, 32\) and \(40, 40\)"
    ):
        ResNetGenerator((36, 36))
    generator = ResNetGenerator((8, 8), num_classes=3, widths=(4, 4))
    with pytest.raises(ValueError, match="ResNetGenerator is conditional"):
        generator(torch.randn(2, 128))
    with pytest.raises(ValueError, match=r"makes \(8, 8\) only"):
        generator(torch.randn(2, 128), torch.tensor([0, 1]), (16, 16))
