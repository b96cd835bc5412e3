"""Quantizing of generated images, and the one rule for channels."""

from __future__ import annotations

import warnings

import pytest
import torch

from everymode.extractors.pixels import quantized, with_channels


def test_quantized_rounds_and_clamps() -> None:
    images = torch.tensor([-3.0, -1.0, -1.0 + 1.4 / 127.5, 0.0, 1.0, 1.01]).view(1, 1, 1, 6)
    assert quantized(images).flatten().tolist() == [0, 0, 1, 128, 255, 255]
    assert quantized(images).dtype == torch.uint8


def test_stored_images_survive_the_round_trip() -> None:
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(quantized(levels.float() / 127.5 - 1), levels)


def test_quantized_refuses_what_is_not_finite_or_not_float() -> None:
    images = torch.zeros(4, 1, 2, 2)
    images[1, 0, 0, 0] = float("nan")
    images[2, 0, 1, 1] = float("inf")
    with pytest.raises(ValueError, match="2 of 4 images"):
        quantized(images)
    with pytest.raises(ValueError, match="give floats"):
        quantized(torch.zeros(1, 1, 2, 2, dtype=torch.uint8))


def test_pixels_in_0_to_1_are_warned_of_once_a_call() -> None:
    with pytest.warns(UserWarning, match=r"all pixels lie in 0 \.\. 1, .* `2 \* images - 1`") as warned:
        quantized(torch.rand(4, 1, 2, 2))
    assert len(warned) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quantized(torch.rand(4, 1, 2, 2) * 2 - 1)
        quantized(torch.rand(0, 1, 2, 2))


def test_gray_is_repeated_and_color_weighted() -> None:
    gray = torch.randint(0, 256, (2, 1, 3, 3), dtype=torch.uint8)
    assert torch.equal(with_channels(gray, 3), gray.repeat(1, 3, 1, 1))
    assert torch.equal(with_channels(with_channels(gray, 3), 1), gray)
    color = torch.tensor([200, 100, 50], dtype=torch.uint8).view(1, 3, 1, 1)
    assert with_channels(color, 1).item() == round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)


def test_alpha_lies_over_white() -> None:
    pixel = torch.tensor([[100, 0, 255, 51], [7, 8, 9, 0], [7, 8, 9, 255]], dtype=torch.uint8)
    seen = with_channels(pixel.view(3, 4, 1, 1), 3).view(3, 3)
    assert seen.tolist() == [[224, 204, 255], [255, 255, 255], [7, 8, 9]]


@pytest.mark.parametrize(("given", "wanted"), [(2, 3), (5, 1), (3, 4)])
def test_other_numbers_of_channels_are_refused(given: int, wanted: int) -> None:
    with pytest.raises(ValueError, match=f"{given} channels"):
        with_channels(torch.zeros(1, given, 2, 2, dtype=torch.uint8), wanted)
