"""ESRGAN's generator against plain operations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from plain_networks import rrdb

from everymode.exchange import save_released
from everymode.networks.rrdb import RRDBGenerator

STORED = np.load(Path(__file__).parents[1] / "vectors_pictures_networks.npz")


@pytest.mark.parametrize(("scale", "doublings"), [(2, 1), (4, 2)])
def test_generator_and_gradients_agree_with_plain_operations(scale: int, doublings: int) -> None:
    torch.manual_seed(0)
    generator = RRDBGenerator(scale, width=4, growth=2, blocks=2).double()
    weights = {n: v.requires_grad_() for n, v in save_released(generator, "esrgan").items()}
    x = torch.randn(2, 3, 5, 6).double()
    y, expected = generator(None, x), rrdb(weights, x, blocks=2, doublings=doublings)
    torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-10)
    upstream = torch.randn_like(y)
    (y * upstream).sum().backward()
    (expected * upstream).sum().backward()
    ours = generator.blocks[1].dense[2].convolutions[3].weight.grad
    torch.testing.assert_close(ours, weights["body.1.rdb3.conv4.weight"].grad, rtol=1e-9, atol=1e-12)


def test_parameter_count_is_the_published_one() -> None:
    with torch.device("meta"):
        generator = RRDBGenerator(4)
    assert sum(parameter.numel() for parameter in generator.parameters()) == STORED["nparams_rrdb_23"]
    assert generator.latent_dim == 0 and RRDBGenerator(3, width=2, growth=1, blocks=1)(
        None, torch.zeros(1, 3, 4, 5)
    ).shape == (1, 3, 12, 15)


def test_receptive_radius_is_exact() -> None:
    torch.manual_seed(0)
    generator = RRDBGenerator(4, width=2, growth=1, blocks=1).double()
    radius = generator.receptive_radius
    x = torch.randn(1, 3, 2 * radius + 7, 4).double().requires_grad_()
    rows = generator(None, x)[:, :, 4 * (radius + 2) : 4 * (radius + 4)]
    (gradient,) = torch.autograd.grad((rows * torch.randn_like(rows)).sum(), x)
    touched = gradient.abs().sum((0, 1, 3)).nonzero().flatten()
    assert touched.min() == 2 and touched.max() == 2 * radius + 3
