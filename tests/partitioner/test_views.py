"""Random views: invariants, geometry, ranges, gradients, and independence of rows."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from everymode.draws import Draws, Rows
from everymode.partitioner.views import Views

ALL = Views(
    crop=0.3,
    shift=0.1,
    rotation=20,
    zoom=0.3,
    shear=0.2,
    mirror=True,
    jitter=0.4,
    hue=0.1,
    gray=0.2,
    noise=0.1,
)


def draws(count: int, moment: str = "m", **options: object) -> Draws:
    return Draws(0, moment, Rows.all(count), **options)


def test_the_default_changes_nothing():
    images = torch.rand(3, 3, 6, 8, dtype=torch.float64) * 2 - 1
    torch.testing.assert_close(Views()(images, draws(3)), images)


def test_a_view_is_a_function_of_seed_moment_and_row():
    images = torch.rand(5, 3, 8, 8) * 2 - 1
    whole = ALL(images, draws(5))
    assert torch.equal(ALL(images, draws(5)), whole)
    assert not torch.equal(ALL(images, draws(5, "n")), whole)
    torch.testing.assert_close(ALL(images[2:4], Draws(0, "m", Rows(2, 4, 5))), whole[2:4])
    assert whole.dtype == torch.float32


def test_mirrored_views_are_the_image_or_its_mirror_image():
    images = torch.rand(40, 1, 4, 5, dtype=torch.float64)
    seen = Views(mirror=True)(images, draws(40, dtype=torch.float64))
    same = (seen - images).abs().amax((1, 2, 3)) < 1e-12
    flipped = (seen - images.flip(3)).abs().amax((1, 2, 3)) < 1e-12
    assert bool((same | flipped).all())
    assert 5 < int(flipped.sum()) < 35


def test_a_quarter_turn_moves_pixels_not_proportions():
    class Turned(Draws):
        def uniform(self, stream: str, *shape: int) -> torch.Tensor:
            middle = torch.full((1, 8), 0.5, dtype=torch.float64)
            middle[0, 0] = 1.0
            return middle

    image = torch.arange(25, dtype=torch.float64).view(1, 1, 5, 5)
    seen = Views(rotation=90)(image, Turned(0, "m", Rows.all(1)))
    torch.testing.assert_close(seen, image.rot90(dims=(2, 3)))
    wide = torch.zeros(1, 1, 3, 9, dtype=torch.float64)
    wide[..., 1, 3:6] = 1  # a row of three pixels becomes a column of three
    expected = torch.zeros_like(wide)
    expected[..., 4] = 1
    torch.testing.assert_close(Views(rotation=90)(wide, Turned(0, "m", Rows.all(1))), expected)


def test_crops_stay_inside_the_image():
    # A ramp sampled anywhere inside the image keeps its slope; beyond the border it would be flat.
    ramp = torch.linspace(-1, 1, 32, dtype=torch.float64).expand(200, 1, 32, 32)
    seen = Views(crop=0.25)(ramp, draws(200, dtype=torch.float64))
    inner = seen[:, 0, :, 2:-2].diff(dim=2)
    assert inner.min() > 0.4 * 2 / 31
    assert inner.max() < 1.2 * 2 / 31
    assert seen[:, 0, 0, 16].std() > 0.1


def test_colors_stay_in_range_and_gray_is_gray():
    images = torch.rand(50, 3, 4, 4, dtype=torch.float64) * 2 - 1
    seen = replace(ALL, noise=0.0)(images, draws(50, dtype=torch.float64))
    assert seen.min() >= -1 and seen.max() <= 1
    gray = Views(gray=1.0)(images, draws(50, dtype=torch.float64))
    torch.testing.assert_close(gray, gray.mean(1, keepdim=True).expand_as(gray))
    # Rotating colors changes neither gray images nor the gray component of other images.
    turned = Views(hue=0.02)(0.3 * images, draws(50, dtype=torch.float64))
    torch.testing.assert_close(turned.mean(1), 0.3 * images.mean(1))
    assert not torch.allclose(turned, 0.3 * images)


def test_gray_images_take_brightness_and_contrast_only():
    images = torch.rand(6, 1, 4, 4) * 2 - 1
    assert Views(jitter=0.4, hue=0.5, gray=1.0)(images, draws(6)).shape == images.shape


@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_reach_the_pixels(channels):
    images = (torch.rand(2, channels, 4, 4, dtype=torch.float64) - 0.5).requires_grad_(True)
    views = replace(ALL, crop=0.9, jitter=0.1)
    assert torch.autograd.gradcheck(lambda x: views(x, draws(2, dtype=torch.float64)), images)
