"""DCGAN networks: the reference's parameter counts, feature widths, other sizes, gradients."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from everymode.networks import DCGANGenerator, DeepDiscriminator, ScalarHead, SelectHead, ShallowDiscriminator


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def reached(parameter: nn.Parameter) -> bool:
    """Whether it has a gradient, and no zero one; vectors may, as a bias before batch norm cancels."""
    return parameter.grad is not None and (parameter.dim() < 2 or bool(parameter.grad.any()))


def test_parameter_counts_of_the_reference() -> None:
    hundred = partial(SelectHead, num_classes=100)
    with torch.device("meta"):
        assert count(DCGANGenerator((32, 32))) == 3_812_355
        assert count(DCGANGenerator((32, 32), num_classes=100)) == 5_935_107
        assert count(ShallowDiscriminator((32, 32), head=ScalarHead)) == 2_760_513
        assert count(ShallowDiscriminator((32, 32), head=hundred)) == 2_963_364
        assert count(ShallowDiscriminator((32, 32), head=ScalarHead, channels=6)) == 2_763_585
        assert count(DeepDiscriminator((32, 32), head=ScalarHead)) == 2_935_873
        assert count(DeepDiscriminator((32, 32), head=hundred)) == 3_746_980
        assert count(DeepDiscriminator((32, 32), head=ScalarHead, channels=6)) == 2_937_601


def test_feature_widths_of_the_reference() -> None:
    images = torch.zeros(2, 3, 32, 32)
    assert ShallowDiscriminator((32, 32), head=ScalarHead).features(images).shape == (2, 2048)
    assert DeepDiscriminator((32, 32), head=ScalarHead).features(images).shape == (2, 8192)


@pytest.mark.parametrize("kind", [ShallowDiscriminator, DeepDiscriminator])
@pytest.mark.parametrize("size", [(28, 28), (16, 24)])
def test_other_sizes_and_gradients(kind: type[nn.Module], size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    generator = DCGANGenerator(size, num_classes=3, latent_dim=6, embedding_dim=4, channels=1, base=4)
    discriminator = kind(size, head=partial(SelectHead, num_classes=3), channels=1, base=4)
    labels = torch.tensor([0, 2, 1, 1])
    images = generator(torch.randn(4, 6), labels)
    assert images.shape == (4, 1, *size) and images.abs().max() <= 1
    verdict = discriminator(images, labels)
    assert verdict.scores[0].shape == (4,)
    verdict.scores[0].square().sum().backward()
    parameters = [*generator.named_parameters(), *discriminator.named_parameters()]
    assert [name for name, parameter in parameters if not reached(parameter)] == []
    assert kind(size, head=ScalarHead, channels=1, base=4).eval()(images[:1]).scores[0].shape == (1, 1)


def test_odd_sizes_are_judged_and_refused_to_the_generator() -> None:
    image = torch.zeros(2, 3, 37, 21)
    for kind in (ShallowDiscriminator, DeepDiscriminator):
        assert kind((37, 21), head=ScalarHead, base=2)(image).scores[0].shape == (2, 1)
    with pytest.raises(
        ValueError, match=r"multiples of 4; the nearest sizes that work: \(36, 20\) and \(40, 24\)"
    ):
        DCGANGenerator((37, 21))


def test_unconditional_generator_ignores_labels() -> None:
    generator = DCGANGenerator((8, 8), latent_dim=4, base=2).eval()
    z = torch.randn(2, 4)
    assert torch.equal(generator(z), generator(z, torch.tensor([0, 1])))
