"""Geometric augmentations: maps worked out by hand, pixel-exact moves, composition and gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from everymode.augment.geometry import (
    compose,
    flip,
    quarter_turn,
    rotation,
    scale,
    shift,
    slide,
    stretch,
    warp,
)
from everymode.draws import Draws, Rows


def draws(count: int, **injected: Tensor) -> Draws:
    streams = {name.replace("_", " "): value for name, value in injected.items()}
    return Draws(3, "moment", Rows.all(count), dtype=torch.float64, injected=streams)


def images(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1


def close(first: Tensor, second: Tensor) -> None:
    torch.testing.assert_close(first, second, rtol=0, atol=1e-12)


def test_a_flip_mirrors_left_and_right() -> None:
    x = images(2, 3, 5, 6)
    maps = flip().draw(draws(2, flip=torch.tensor([0, 1])), (5, 6))
    close(warp(x, maps), torch.stack((x[0], x[1].flip(2))))


def test_quarter_turns_of_squares_are_exact() -> None:
    x = images(4, 1, 5, 5)
    maps = quarter_turn().draw(draws(4, quarter_turn=torch.arange(4)), (5, 5))
    turned = warp(x, maps)
    either = [[torch.rot90(image, way * k, (1, 2)) for k, image in enumerate(x)] for way in (1, -1)]
    assert any(torch.allclose(turned, torch.stack(expected), rtol=0, atol=1e-12) for expected in either)
    # They turn the way that rotation does: a quarter is half of a half turn.
    angle = rotation().draw(draws(1, rotation=torch.tensor([0.75]).double()), (5, 5))
    close(warp(x[1:2], angle), turned[1:2])


def test_other_shapes_are_turned_by_halves_only() -> None:
    x = images(4, 1, 4, 7)
    maps = quarter_turn().draw(draws(4, quarter_turn=torch.arange(4)), (4, 7))
    expected = [image.flip(1, 2) if turns % 2 else image for turns, image in enumerate(x)]
    close(warp(x, maps), torch.stack(expected))


def test_shifts_are_whole_pixels_and_reflect() -> None:
    x = images(2, 1, 8, 16)
    # Uniform 1 -> +12.5 % of 16 columns = 2 to the right; 0 -> 12.5 % of 8 rows = 1 up.
    maps = shift().draw(draws(2, shift=torch.tensor([[1.0, 0.0], [0.5, 0.5]])), (8, 16))
    moved = warp(x, maps)
    close(moved[0, :, :7, 2:], x[0, :, 1:, :14])
    close(moved[0, :, :7, 0], x[0, :, 1:, 2])  # reflected about the border pixel, which is not repeated
    close(moved[0, :, 7, 2:], x[0, :, 6, :14])
    close(moved[1], x[1])


def test_maps_by_hand() -> None:
    size = (10, 20)
    one = torch.tensor([1.0], dtype=torch.float64)
    # An image scaled by 2 ** (0.2 * 5) = 2 is read at half the distance from its center.
    assert scale().draw(draws(1, scale=5 * one), size)[0].tolist() == [[0.5, 0, 0], [0, 0.5, 0], [0, 0, 1]]
    assert stretch().draw(draws(1, stretch=5 * one), size)[0].tolist() == [[0.5, 0, 0], [0, 2, 0], [0, 0, 1]]
    slid = slide().draw(draws(1, slide=torch.tensor([[1.0, -2.0]])), size)[0].tolist()
    assert slid == [[1, 0, -2.5], [0, 1, 2.5], [0, 0, 1]]
    angle = rotation().draw(draws(1, rotation=torch.tensor([2 / 3], dtype=torch.float64)), size)[0]
    assert angle[:2, :2].flatten().tolist() == pytest.approx([0.5, -math.sqrt(0.75), math.sqrt(0.75), 0.5])


def test_the_first_map_happens_first() -> None:
    x = images(1, 1, 8, 8)
    random = draws(1, flip=torch.tensor([1]), shift=torch.tensor([[1.0, 0.5]]))
    mirror, right = flip().draw(random, (8, 8)), shift().draw(random, (8, 8))
    close(warp(x, compose([mirror, right])), warp(warp(x, mirror), right))
    close(warp(x, compose([mirror, right]))[..., 1:], x.flip(3)[..., :-1])
    close(compose([mirror, right, mirror]), mirror @ right @ mirror)


def test_a_rotation_stands_twice_so_each_is_rarer() -> None:
    chance = rotation().chance(torch.tensor(0.64))
    assert chance.item() == pytest.approx(0.4)
    assert 1 - (1 - chance.item()) ** 2 == pytest.approx(0.64)
    assert rotation().chance(torch.tensor(0.0)).item() == 0
    assert flip().chance(torch.tensor(0.3)).item() == pytest.approx(0.3)


@pytest.mark.parametrize("size", [(5, 7), (1, 4), (4, 1)])
def test_gradients(size: tuple[int, int]) -> None:
    random = Draws(3, "moment", Rows.all(2), dtype=torch.float64)
    maps = compose([each.draw(random, size) for each in (scale(), rotation(), stretch(), slide())])
    x = images(2, 2, *size).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: warp(x, maps), x, fast_mode=True)


def test_pixels_stay_within_the_range_of_the_image() -> None:
    random = Draws(3, "moment", Rows.all(50), dtype=torch.float64)
    maps = compose([each.draw(random, (9, 9)) for each in (scale(1.0), rotation(), stretch(1.0), slide(1.0))])
    x = images(50, 1, 9, 9)
    moved = warp(x, maps)
    assert moved.isfinite().all() and moved.abs().max() <= x.abs().max() + 1e-12


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_resampled_in_float32(dtype: torch.dtype) -> None:
    x = images(3, 2, 8, 8).to(dtype)
    maps = rotation().draw(draws(3), (8, 8))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        moved = warp(x, maps)
    assert moved.dtype == dtype
    assert torch.equal(moved, warp(x.float(), maps).to(dtype))
