"""Each generator's own first layer: one row at a time by hand, gradients, the networks that take it."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from everymode.networks.dcgan import DCGANGenerator
from everymode.networks.mlp import PointGenerator
from everymode.networks.per_generator import PerGeneratorLinear
from everymode.networks.stability_resnet import StabilityGenerator


def test_each_row_goes_through_its_generators_layer() -> None:
    torch.manual_seed(0)
    layer = PerGeneratorLinear(3, 5, num_generators=4).double()
    z, index = torch.randn(6, 3, dtype=torch.float64), torch.tensor([3, 0, 0, 2, 3, 0])
    by_hand = [row @ layer.weight[k] + layer.bias[k] for row, k in zip(z, index, strict=True)]
    torch.testing.assert_close(layer(z, index), torch.stack(by_hand))
    layer(z, index)[1:3].sum().backward()
    assert layer.weight.grad[0].any()
    assert not layer.weight.grad[1:].any() and not layer.bias.grad[1:].any()


def test_gradients_are_those_of_finite_differences() -> None:
    layer = PerGeneratorLinear(2, 3, num_generators=2).double()
    index = torch.tensor([1, 0, 1])
    z = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)

    def output(z: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (z, index))

    assert torch.autograd.gradcheck(output, (z, layer.weight, layer.bias))


def test_it_starts_as_torchs_linear_layers_do() -> None:
    layer = PerGeneratorLinear(100, 50, num_generators=10)
    for values in (layer.weight, layer.bias):
        assert values.abs().max() <= 0.1 and abs(float(values.detach().std()) - 0.1 / 3**0.5) < 0.01


@pytest.mark.parametrize(
    "network",
    [
        lambda first: PointGenerator(latent_dim=3, width=8, first=first),
        lambda first: DCGANGenerator((8, 8), latent_dim=3, base=2, first=first),
        lambda first: StabilityGenerator((8, 8), latent_dim=3, base=2, first=first),
    ],
)
def test_generators_take_it_as_their_first_layer(network: partial[nn.Module]) -> None:
    torch.manual_seed(0)
    generator = network(partial(PerGeneratorLinear, num_generators=3)).eval()
    z = torch.randn(1, 3).expand(3, 3)
    first, second, third = generator(z, torch.tensor([0, 1, 0]))
    torch.testing.assert_close(first, third)
    assert not torch.allclose(first, second)


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 generator"):
        PerGeneratorLinear(2, 2, num_generators=0)
    with pytest.raises(ValueError, match="PerGeneratorLinear is conditional"):
        PerGeneratorLinear(2, 2, num_generators=2)(torch.zeros(1, 2), None)
