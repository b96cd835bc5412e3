"""Resizing against Pillow, and TensorFlow 1's bilinear rule against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from everymode.extractors.resizing import BICUBIC, TENSORFLOW_BILINEAR, resize_images


@pytest.mark.parametrize(
    ("size", "tolerance"), [((32, 32), 1e-4), ((20, 17), 1e-4), ((64, 96), 2e-3), ((224, 224), 2e-3)]
)
def test_bicubic_is_pillows_on_floats(size: tuple[int, int], tolerance: float) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (96, 70), dtype=np.uint8)
    ours = resize_images(torch.from_numpy(pixels)[None, None], size, BICUBIC)[0, 0].numpy()
    resized = Image.fromarray(pixels.astype(np.float32)).resize(size[::-1], Image.Resampling.BICUBIC)
    theirs = np.clip(np.asarray(resized), 0, 255)
    assert ours.dtype == np.float32
    assert np.abs(ours - theirs).max() < tolerance


def test_bicubic_clamps_its_overshoot() -> None:
    edge = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    edge[..., 4:] = 255
    enlarged = resize_images(edge, (32, 32))
    assert enlarged.min() == 0 and enlarged.max() == 255


@pytest.mark.parametrize("rule", [BICUBIC, TENSORFLOW_BILINEAR])
def test_the_same_size_changes_nothing(rule: object) -> None:
    images = torch.randint(0, 256, (2, 3, 9, 7), dtype=torch.uint8)
    assert torch.equal(resize_images(images, (9, 7), rule), images.float())


def test_tensorflow_bilinear_by_hand() -> None:
    row = torch.tensor([0, 30, 60, 90], dtype=torch.uint8)
    wide = resize_images(row.view(1, 1, 1, 4), (1, 6), TENSORFLOW_BILINEAR).flatten()
    # positions i * 4 / 6 = 0, 2/3, 4/3, 2, 8/3, 10/3; beyond the last pixel its value is repeated
    torch.testing.assert_close(wide, torch.tensor([0.0, 20, 40, 60, 80, 90]), atol=1e-4, rtol=0)
    narrow = resize_images(row.view(1, 1, 4, 1), (2, 1), TENSORFLOW_BILINEAR).flatten()
    assert narrow.tolist() == [0, 60]  # every other pixel: no antialiasing
    square = torch.tensor([[0, 100], [200, 40]], dtype=torch.uint8)
    four = resize_images(square[None, None], (4, 4), TENSORFLOW_BILINEAR)[0, 0]
    assert four[0].tolist() == [0, 50, 100, 100]
    assert four[1].tolist() == [100, 85, 70, 70]


@pytest.mark.parametrize(
    ("images", "size"),
    [
        (torch.zeros(2, 3, 4, 4), (8, 8)),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), (8, 8)),
        (torch.zeros(1, 3, 4, 4, dtype=torch.uint8), (0, 8)),
    ],
)
def test_wrong_input_is_refused(images: torch.Tensor, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"uint8 \[N, C, H, W\]|both at least 1"):
        resize_images(images, size)
