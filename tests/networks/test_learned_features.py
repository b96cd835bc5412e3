"""Networks whose features are clustered: the autoencoder of a GAN's networks, and the one that predicts rotations."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from everymode.networks.autoencoder import Autoencoder, CodeEncoder, reconstruction_cost
from everymode.networks.dcgan import DCGANGenerator, ShallowDiscriminator
from everymode.networks.heads import ClassifierHead
from everymode.networks.rotation import RotationNetwork, rotation_cost, turned


def test_an_autoencoder_is_an_unconditional_gans_networks_back_to_back() -> None:
    torch.manual_seed(0)
    body = ShallowDiscriminator((8, 8), head=partial(ClassifierHead, num_outputs=5), channels=1, base=2)
    encoder = CodeEncoder(body).eval()
    decoder = DCGANGenerator((8, 8), latent_dim=5, channels=1, base=2).eval()
    network = Autoencoder(encoder, decoder)
    images = torch.rand(3, 1, 8, 8)
    codes = encoder.features(images)
    assert codes.shape == (3, 5)
    torch.testing.assert_close(codes, body(images).scores[0])
    torch.testing.assert_close(network(images), decoder(codes))
    expected = (decoder(codes) - images).square().mean()
    torch.testing.assert_close(reconstruction_cost(network, images), expected)
    reconstruction_cost(network, images).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_turns_are_counted_from_the_image_as_it_is() -> None:
    image = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 1, 2, 2)
    every, turns = turned(torch.cat((image, 10 * image)))
    assert turns.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert every[2].flatten().tolist() == [2.0, 4.0, 1.0, 3.0]
    assert every[5].flatten().tolist() == [40.0, 30.0, 20.0, 10.0]
    with pytest.raises(ValueError, match="choose a square resolution"):
        turned(torch.zeros(1, 1, 2, 3))


@pytest.mark.parametrize("size", [(8, 8), (17, 17)])
def test_the_rotation_networks_features_and_logits(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = RotationNetwork(size, channels=1, base=2).eval()
    images = torch.rand(3, 1, *size)
    features = network.features(images)
    assert features.shape == (3, network.linear.in_features)
    torch.testing.assert_close(network(images), network.linear(features))
    assert network(images).shape == (3, 4)


def test_the_rotation_network_learns_which_way_is_up() -> None:
    torch.manual_seed(0)
    network = RotationNetwork((8, 8), channels=1, base=4)
    optimizer = torch.optim.Adam(network.parameters(), 5e-2)
    images = 0.1 * torch.randn(16, 1, 8, 8)
    images[:, :, :2] += 1  # a bar at the top
    first = float(rotation_cost(network, images).detach())
    for _ in range(30):
        optimizer.zero_grad()
        rotation_cost(network, images).backward()
        optimizer.step()
    assert float(rotation_cost(network, images).detach()) < 0.1 < 1 < first
