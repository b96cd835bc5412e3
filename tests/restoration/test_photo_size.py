"""The size at which a photo is restored."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from everymode.restoration.photo_size import center_crop, fitting_size, prepare

ANY: Any = SimpleNamespace(size=(64, 64), takes_any_size=True)
SQUARE: Any = SimpleNamespace(size=(64, 64), takes_any_size=False)
CRITIC: Any = SimpleNamespace(stride=16, takes_any_size=True)
ATTENTIVE: Any = SimpleNamespace(stride=16, takes_any_size=False)


@pytest.mark.parametrize(
    ("photo", "expected"),
    [
        ((64, 64), (64, 64)),
        ((427, 640), (64, 96)),
        ((640, 427), (96, 64)),
        ((100, 105), (64, 64)),
        ((10, 300), (64, 1920)),
        ((500, 613), (64, 80)),
    ],
)
def test_the_short_side_is_native_and_the_long_one_a_multiple_of_the_stride(
    photo: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert fitting_size(ANY, CRITIC, photo) == expected
    assert fitting_size(SQUARE, CRITIC, photo) == fitting_size(ANY, ATTENTIVE, photo) == (64, 64)
    assert fitting_size(ANY, lambda x: (x,), photo) == (64, 64)


def test_photos_and_masks_are_resized_or_cropped() -> None:
    photo = torch.rand(1, 3, 40, 60)
    assert prepare(photo, ANY, CRITIC).shape == (1, 3, 64, 96)
    with pytest.warns(UserWarning, match="photo of 40x60 is cropped to its center, 40x40"):
        cropped = prepare(photo, ANY, ATTENTIVE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(cropped, prepare(photo[:, :, :, 10:50], ANY, ATTENTIVE))
    keep = torch.ones(1, 1, 128, 128)
    keep[:, :, 32:64, 32:96] = 0
    small = prepare(keep, SQUARE, CRITIC, filter="area")
    assert (small == 0).sum() == 16 * 32 and set(small.unique().tolist()) == {0, 1}


def test_the_center_is_cut_to_any_aspect_ratio() -> None:
    photo = torch.arange(12.0).view(1, 1, 3, 4)
    with pytest.warns(UserWarning, match="3x2"):
        assert center_crop(photo, (3, 2)).flatten().tolist() == [1, 2, 5, 6, 9, 10]
    with pytest.warns(UserWarning, match="1x4"):
        assert center_crop(photo, (1, 4)).flatten().tolist() == [4, 5, 6, 7]
    assert center_crop(photo, (300, 400)) is photo


def test_errors() -> None:
    with pytest.raises(ValueError, match="pass size="):
        fitting_size(SimpleNamespace(), CRITIC, (3, 4))  # pyright: ignore[reportArgumentType]
