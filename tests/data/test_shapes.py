"""Shapes: labels that match the image, antialiased edges, and blocks."""

from __future__ import annotations

import numpy as np
import pytest

from everymode.data.shapes import ATTRIBUTES, COLORS, draw_shape, shapes


def test_a_square_has_the_expected_area_and_color() -> None:
    image = draw_shape("square", "red", "large", resolution=(64, 64), ground=0, angle=np.pi / 4)
    side = 0.38 * 64 * np.sqrt(2)
    assert abs((image[0] / COLORS["red"][0]).sum() - side**2) < 0.05 * side**2
    assert tuple(image[:, 32, 32]) == COLORS["red"]
    assert tuple(image[:, 0, 0]) == (0, 0, 0)


@pytest.mark.parametrize("shape", ATTRIBUTES["shape"])
def test_edges_are_antialiased_and_sizes_differ(shape: str) -> None:
    areas = []
    for size in ATTRIBUTES["size"]:
        image = draw_shape(shape, "blue", size, resolution=(32, 48), ground=0, angle=0.3)
        assert len(np.unique(image[2])) > 3
        areas.append(image[2].sum())
    assert areas[0] < areas[1] < areas[2]


def test_labels_tell_the_color() -> None:
    dataset = shapes(samples=60, labels="color+shape+size")
    assert dataset.num_classes == (6, 5, 3)
    assert dataset.labels.shape == (60, 3)
    for image, (color, _, _) in zip(np.asarray(dataset.images), dataset.labels, strict=True):
        expected = np.array(list(COLORS.values())[color])
        assert (np.abs(image.astype(int) - expected[:, None, None]).sum(axis=0) < 6).any()


def test_the_default_label_is_the_shape() -> None:
    dataset = shapes(samples=200, resolution=(16, 24))
    blocks = shapes(samples=200, resolution=(16, 24), labels="shape+size")
    assert dataset.image_shape == (3, 16, 24)
    assert dataset.classes == ATTRIBUTES["shape"]
    np.testing.assert_array_equal(dataset.labels, blocks.labels[:, 0])
    np.testing.assert_array_equal(dataset.images, blocks.images)
    assert dataset.fingerprint != blocks.fingerprint


def test_shapes_stay_inside_the_picture() -> None:
    images = np.asarray(shapes(samples=100).images).astype(int)
    border = np.concatenate([images[:, :, 0], images[:, :, -1]], axis=2)
    assert (border.max(axis=(1, 2)) - border.min(axis=(1, 2))).max() == 0


def test_mistakes_are_explained() -> None:
    with pytest.raises(ValueError, match='no attribute "colour" \\(did you mean "color"'):
        shapes(labels="colour")
    with pytest.raises(ValueError, match="samples is 0"):
        shapes(samples=0)
