"""Networks of super-resolution (Table 8) against stored values and plain operations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from plain_networks import shuffle, srresnet
from torch import Tensor

from everymode.exchange import load_released, save_released
from everymode.networks.restorer import SRDiscriminator, SRGenerator

STORED = np.load(Path(__file__).parents[1] / "vectors_pictures_networks.npz")


def stored(name: str) -> Tensor:
    return torch.from_numpy(STORED[f"sr2_{name}"]).double()


def close(ours: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


def test_pictures_and_gradients_are_the_stored_ones() -> None:
    weights = {name: stored(f"w_{name.replace('.', '_')}") for name in STORED["sr2_param_names"].tolist()}
    generator = load_released(SRGenerator(2, width=4, blocks=2), weights, "srresnet")
    x = stored("x").requires_grad_()
    y = generator(None, x, (14, 10))
    close(y, stored("y"))
    (y * stored("upstream")).sum().backward()
    close(x.grad, stored("grad_x"))
    close(generator.first.weight.grad, stored("grad_conv_first_weight"))
    close(generator.upsamplers[0].weight.grad, stored("grad_upconv1_weight"))


def test_pixel_shuffle_has_the_stored_order() -> None:
    x, expected = (torch.from_numpy(STORED[f"shuffle_{name}"]).double() for name in "xy")
    assert torch.equal(F.pixel_shuffle(x, 2), expected) and torch.equal(shuffle(x, 2), expected)


@pytest.mark.parametrize(("scale", "factors"), [(3, (3,)), (4, (2, 2)), (8, (2, 2, 2))])
def test_other_scales_agree_with_plain_operations(scale: int, factors: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    generator = SRGenerator(scale, width=5, blocks=2).double()
    x = torch.randn(2, 3, 5, 7).double()
    expected = srresnet(save_released(generator, "srresnet"), x, blocks=2, factors=factors)
    assert expected.shape == (2, 3, 5 * scale, 7 * scale)
    close(generator(None, x), expected)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_receptive_radius_is_exact_and_tiles_with_it_equal_the_complete_picture(scale: int) -> None:
    torch.manual_seed(0)
    generator = SRGenerator(scale, width=4, blocks=1).double()
    radius = generator.receptive_radius
    x = torch.randn(1, 3, 4 * radius, 4 * radius).double().requires_grad_()
    y = generator(None, x)
    first, last = radius + 3, radius + 6
    inside = y[:, :, first * scale : last * scale, first * scale : last * scale]
    (gradient,) = torch.autograd.grad((inside * torch.randn_like(inside)).sum(), x, retain_graph=True)
    rows = gradient.abs().sum((0, 1, 3)).nonzero().flatten()
    assert rows.min() == first - radius and rows.max() == last - 1 + radius
    window = slice(first - radius, last + radius)
    tile = generator(None, x[:, :, window, window])[
        :, :, radius * scale : -radius * scale, radius * scale : -radius * scale
    ]
    torch.testing.assert_close(tile, inside, rtol=0, atol=1e-12)
    assert SRGenerator(4, width=1).receptive_radius == 35


def test_parameter_counts_are_those_of_table_8() -> None:
    with torch.device("meta"):
        networks = {"G": SRGenerator(4), "D": SRDiscriminator(128)}
    for name, network in networks.items():
        count = sum(parameter.numel() for parameter in network.parameters())
        assert count == STORED[f"nparams_sr_table8_{name}"], name


@pytest.mark.parametrize("circular", [True, False])
def test_critic_agrees_with_plain_operations(circular: bool) -> None:
    torch.manual_seed(0)
    critic = SRDiscriminator((18, 12), width=2, circular=circular, halvings=3, hidden=7).double()
    x = torch.randn(2, 3, 18, 12).double()
    h, widths = x, []
    for index, layer in enumerate(critic.convolutions):
        h = F.pad(h, (1, 1, 1, 1), mode="circular" if circular else "constant")
        h = F.leaky_relu(F.conv2d(h, layer.weight, layer.bias, stride=1 + index % 2), 0.1)
        widths.append(h.shape[1])
    assert widths == [2, 2, 4, 4, 8, 8] and h.shape[2:] == (3, 2)
    h = F.leaky_relu(h.flatten(1) @ critic.linear1.weight.T + critic.linear1.bias, 0.1)
    verdict = critic(x, "any condition")
    close(verdict.scores[0], h @ critic.linear2.weight.T + critic.linear2.bias)
    close(critic.features(x), h)
    close(verdict.features[-1], h)


def test_wrong_inputs_are_rejected() -> None:
    generator = SRGenerator(2, width=2, blocks=1)
    x = torch.zeros(1, 3, 6, 5)
    for condition in (None, x[0], x.to(torch.uint8), (x, x)):
        with pytest.raises(ValueError, match="takes a float picture"):
            generator(None, condition)
    with pytest.raises(ValueError, match=r"makes \(12, 10\)"):
        generator(None, x, (12, 12))
    with pytest.raises(ValueError, match="no noise"):
        generator(torch.zeros(1, 4), x)
    assert generator(torch.zeros(1, 0), x).shape == (1, 3, 12, 10) and generator.latent_dim == 0
    with pytest.raises(ValueError, match="scale is 5"):
        SRGenerator(5)
    with pytest.raises(ValueError, match="was built for pictures of"):
        SRDiscriminator(16, width=2)(x)
