"""Palette segmenters: nearest color, ties, grays, inputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from everymode.extractors import palette, segmenter_facts


def test_pixels_get_the_label_of_the_nearest_color() -> None:
    segment = palette([(255, 0, 0), (0, 255, 0), (200, 40, 40)], [4, 1, 7])
    image = torch.tensor([[250, 10, 5], [30, 180, 90], [190, 60, 60]], dtype=torch.uint8).T[None, :, None]
    assert segment(image).tolist() == [[[4, 1, 7]]]
    assert segment(image.float() / 127.5 - 1).tolist() == [[[4, 1, 7]]]
    assert segment.num_classes == 8


def test_agrees_with_all_distances() -> None:
    random = np.random.default_rng(0)
    colors, labels = random.integers(0, 256, (9, 3)), random.integers(0, 5, 9)
    images = random.uniform(-1, 1, (3, 3, 5, 7))
    pixels = (images + 1) * 127.5
    distances = ((pixels[:, None] - colors[None, :, :, None, None]) ** 2).sum(2)
    expected = labels[distances.argmin(1)]
    segment = palette(colors.tolist(), labels.tolist())
    assert np.array_equal(segment(torch.from_numpy(images)).numpy(), expected)


def test_the_first_of_equally_near_colors_counts() -> None:
    segment = palette([(0, 0, 0), (0, 0, 2), (2, 0, 0)], [3, 5, 6])
    image = torch.tensor([0, 0, 1], dtype=torch.uint8).view(1, 3, 1, 1)
    assert segment(image).item() == 3


def test_grays_belong_to_the_ground() -> None:
    segment = palette([(220, 40, 40), (40, 170, 60)], [1, 2], ground=0)
    grays = torch.arange(0, 256, dtype=torch.uint8).view(1, 1, 1, -1).expand(-1, 3, -1, -1)
    assert not segment(grays).any()
    assert len(segment.colors) == 20
    image = torch.tensor([215, 45, 50], dtype=torch.uint8).view(1, 3, 1, 1)
    assert segment(image).item() == 1


def test_the_hash_covers_colors_and_labels() -> None:
    hashes = {
        segmenter_facts(each).weights_hash
        for each in (
            palette([[0.0], [9.0]]),
            palette([[0.0], [8.0]]),
            palette([[0.0], [9.0]], [1, 0]),
        )
    }
    assert len(hashes) == 3
    assert segmenter_facts(palette([[0.0]])).name == "palette"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2, 3],), "one row per color"),
        (([[0, 0, 256]],), "outside 0 .. 255"),
        (([[0, 0, 0]], [1, 2]), "one integer"),
        (([[0, 0, 0]], [-1]), "one integer"),
        (([[0, 0, 0]], [0.5]), "one integer"),
    ],
)
def test_bad_palettes_are_named(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        palette(*arguments)


def test_bad_images_are_named() -> None:
    segment = palette([(0, 0, 0)])
    with pytest.raises(ValueError, match="3 channels"):
        segment(torch.zeros(1, 1, 2, 2))
    with pytest.raises(ValueError, match="pass uint8"):
        segment(torch.zeros(1, 3, 2, 2, dtype=torch.int64))
