"""The deep image prior: its network's size, its sizes, and that it fits the target."""

from __future__ import annotations

import pytest
import torch
from tiny_prior import vectors
from torch import nn

from everymode.restoration.image_prior import Hourglass, deep_image_prior, default_scales
from everymode.restoration.resampling import downsample


def test_the_released_network() -> None:
    with torch.device("meta"):
        network = Hourglass()
    assert sum(p.numel() for p in network.parameters()) == int(vectors()["dip.num_parameters"])
    kinds = [type(layer) for layer in network.modules()]
    assert kinds.count(nn.ReflectionPad2d) == 25 and kinds.count(nn.LeakyReLU) == 25
    assert network(torch.zeros(1, 32, 64, 96, device="meta")).shape == (1, 3, 64, 96)


def test_scales() -> None:
    sides = (4, 8, 16, 31, 32, 64, 128, 1000)
    assert [default_scales((side, 2000)) for side in sides] == [1, 1, 2, 2, 3, 4, 5, 5]


def test_it_fits_the_target_at_any_size_and_depends_on_the_seed_only() -> None:
    original = torch.linspace(-0.8, 0.8, 13 * 10).view(1, 1, 13, 10).expand(-1, 3, -1, -1).clone()
    target = downsample(original, 2)

    def fitted(steps: int, **options: float) -> torch.Tensor:
        return deep_image_prior(
            target,
            lambda x: downsample(x, 2),
            (13, 10),
            steps=steps,
            width=8,
            **options,  # pyright: ignore[reportArgumentType]
        )

    torch.manual_seed(0)
    state = torch.random.get_rng_state()
    image = fitted(25)
    assert image.shape == (1, 3, 13, 10) and image.abs().max() <= 1 and not image.requires_grad
    error = (downsample(image, 2) - target).square().mean()
    assert error < 0.5 * (downsample(fitted(1), 2) - target).square().mean()
    assert torch.equal(torch.random.get_rng_state(), state)
    one = fitted(2)
    assert torch.equal(fitted(2), one) and not torch.equal(fitted(2, seed=1), one)
    assert not torch.equal(fitted(2, noise=0.0), one)


def test_the_average_of_images_and_the_callback() -> None:
    images: list[torch.Tensor] = []
    target = torch.zeros(1, 3, 8, 8)

    def callback(step: int, image: torch.Tensor) -> bool:
        images.append(image)
        return step == 2

    averaged = deep_image_prior(
        target, lambda x: x, (8, 8), steps=9, width=4, average=0.75, callback=callback
    )
    expected = 0.75 * (0.75 * images[0] + 0.25 * images[1]) + 0.25 * images[2]
    assert len(images) == 3
    torch.testing.assert_close(averaged, expected)


def test_errors() -> None:
    target = torch.zeros(1, 3, 8, 8)
    with pytest.raises(ValueError, match="one image"):
        deep_image_prior(target[0], lambda x: x, (8, 8), steps=1)
    with pytest.raises(ValueError, match="pass one image, floats"):
        deep_image_prior(target.byte(), lambda x: x, (8, 8), steps=1)
    with pytest.raises(ValueError, match="not finite"):
        deep_image_prior(target / 0, lambda x: x, (8, 8), steps=1)
    with torch.no_grad():
        assert deep_image_prior(target, lambda x: x, (8, 8), steps=1, width=4).shape == target.shape
    with pytest.raises(ValueError, match="steps is 0"):
        deep_image_prior(target, lambda x: x, (8, 8), steps=0)
    with pytest.raises(ValueError, match="degrade to the target's size"):
        deep_image_prior(target, lambda x: x, (16, 16), steps=1, width=4)
    with pytest.raises(ValueError, match="halvings leave less than 2 pixels"):
        deep_image_prior(target, lambda x: x, (8, 8), steps=1, scales=3)
