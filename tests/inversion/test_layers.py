"""Access to layers: the path between two layers, of the project's generators and of foreign ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from everymode.inversion.layers import (
    ForeignGenerator,
    GeneratorLayers,
    device_and_dtype,
    frozen_in_eval_mode,
)
from everymode.networks.biggan import BigGANGenerator
from everymode.networks.dcgan import DCGANGenerator


def hierarchical() -> nn.Module:
    return BigGANGenerator(
        (8, 8), widths=(4, 4), num_classes=3, latent_dim=8, shared_dim=4, hierarchical=True
    )


@pytest.mark.parametrize("make", [hierarchical, lambda: DCGANGenerator((8, 8), num_classes=3, base=2)])
@torch.no_grad()
def test_paths_between_layers_agree_with_the_outputs(make: Callable[[], nn.Module]) -> None:
    generator = make().eval()
    access = GeneratorLayers(generator)
    z, label = torch.randn(2, generator.latent_dim), torch.tensor([0, 2])
    outputs = access.outputs(z, label)
    assert access.reaches_layers
    for i, h in enumerate(outputs):
        copied = h.clone()  # a changed activation does not hold z
        assert torch.equal(access.images(i, copied, label, z), generator(z, label))
        for to in range(i, len(outputs)):
            assert torch.equal(access.output(i, copied, label, z, to=to), outputs[to])
    with pytest.raises(ValueError, match="from layer 1 to layer 0"):
        access.output(1, outputs[1], label, z, to=0)


def test_a_generator_without_paths_is_named() -> None:
    foreign = ForeignGenerator(
        lambda z, c: z, 2, layers=lambda z, c: [z], from_layer=lambda i, h, condition: h
    )
    access = GeneratorLayers(foreign)
    assert not access.reaches_layers
    with pytest.raises(ValueError, match="no argument `to`"):
        access.output(0, torch.zeros(1, 2), None, torch.zeros(1, 2), to=0)


def test_networks_are_frozen_only_meanwhile() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).double()
    network[0].bias.requires_grad_(False)
    with pytest.raises(KeyError), frozen_in_eval_mode(network, None, ForeignGenerator(network, 2)):
        assert not network.training and not network[1].training
        assert not any(parameter.requires_grad for parameter in network.parameters())
        raise KeyError
    assert network.training and network[1].training
    assert network[0].weight.requires_grad and not network[0].bias.requires_grad
    assert device_and_dtype(network) == (torch.device("cpu"), torch.float64)
    assert device_and_dtype(ForeignGenerator(network, 2, module=network))[1] == torch.float64
    assert device_and_dtype(len, torch.zeros(1, dtype=torch.float16))[1] == torch.float16
