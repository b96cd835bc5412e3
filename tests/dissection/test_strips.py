"""Pictures of a unit: sizes, darkened pixels and edges."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from everymode.dissection.strips import EDGE, GAP, strip


def test_pixels_off_are_darkened_and_edges_are_yellow() -> None:
    images = torch.full((2, 3, 64, 64), 100, dtype=torch.uint8)
    on = torch.zeros(2, 64, 64, dtype=torch.bool)
    on[0, 10:20, 30:50] = True
    shown = np.asarray(strip(images, on))
    assert shown.shape == (64, 2 * 64 + GAP, 3)
    assert (shown[:, 64 : 64 + GAP] == 255).all()
    assert (shown[12:18, 32:48] == 100).all()
    assert (shown[10, 30:50] == EDGE).all()
    assert (shown[19, 30:50] == EDGE).all()
    assert (shown[:9, :64] == 40).all()
    assert (shown[:, 64 + GAP :] == 40).all()


def test_the_border_of_the_picture_is_no_edge() -> None:
    shown = np.asarray(
        strip(torch.full((1, 1, 64, 80), 50, dtype=torch.uint8), torch.ones(1, 64, 80, dtype=torch.bool))
    )
    assert shown.shape == (64, 80, 3)
    assert (shown == 50).all()


@pytest.mark.parametrize(
    ("size", "shown"), [((16, 16), (64, 64)), ((7, 9), (70, 90)), ((320, 640), (160, 320))]
)
def test_small_images_are_enlarged_and_large_ones_reduced(
    size: tuple[int, int], shown: tuple[int, int]
) -> None:
    picture = strip(torch.zeros(1, 4, *size), torch.zeros(1, *size, dtype=torch.bool))
    assert (picture.height, picture.width) == shown


@pytest.mark.parametrize(
    ("images", "on"), [((1, 3, 8, 8), (1, 8, 9)), ((3, 8, 8), (3, 8, 8)), ((0, 3, 8, 8), (0, 8, 8))]
)
def test_other_shapes_are_rejected(images: tuple[int, ...], on: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="are needed"):
        strip(torch.zeros(images), torch.zeros(on, dtype=torch.bool))
