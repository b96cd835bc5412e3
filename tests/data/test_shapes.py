"""Shapes: labels that match the image, antialiased edges, and blocks."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from everymode.data.dataset import Dataset
from everymode.data.opening import open_images
from everymode.data.shapes import ATTRIBUTES, COLORS, draw_shape, shapes

DEFAULT_DIGEST, SECOND_DIGEST = "93675932e03b48e1", "369122a12f1ee7c2"


def _digest(dataset: Dataset) -> str:
    return hashlib.sha256(np.asarray(dataset.images).tobytes()).hexdigest()[:16]


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


def test_default_pixels_never_change() -> None:
    # digests of the first version's pixels; other numbers change every result on shapes
    assert _digest(shapes(samples=64)) == DEFAULT_DIGEST
    assert _digest(shapes(samples=32, resolution=(16, 24), labels="color+size", seed=5)) == SECOND_DIGEST


def test_attributes_can_be_restricted() -> None:
    dataset = shapes(
        samples=90, labels="color+size+shape", outlines="square+circle", colors="blue", sizes="large"
    )
    assert dataset.label_blocks == (("blue",), ("large",), ("square", "circle"))
    assert set(dataset.labels[:, 2]) == {0, 1}
    whole = shapes(samples=90, outlines="circle+square+triangle+star+cross")
    assert whole.classes == ("circle", "square", "triangle", "star", "cross")
    assert whole.fingerprint == shapes(samples=90).fingerprint


def test_masks_are_the_pixels_of_the_shape() -> None:
    dataset = shapes(samples=40, maps=True, ground="fixed", labels="color+shape")
    assert dataset.paired is not None
    assert dataset.paired.class_names == ("background", *COLORS)
    maps = np.asarray(dataset.paired.maps)
    assert shapes(samples=40).paired is None
    for image, classes, (color, _) in zip(np.asarray(dataset.images), maps, dataset.labels, strict=True):
        assert set(np.unique(classes)) == {0, color + 1}
        far = np.abs(image.astype(int) - 128).max(axis=0)
        full = np.abs(np.array(list(COLORS.values())[color]) - 128).max()
        assert (far[classes > 0] >= 0.45 * full).all()
        assert (far[classes == 0] <= 0.55 * full).all()
        assert 0.02 < (classes > 0).mean() < 0.5


def test_grounds_and_hard_edges() -> None:
    fixed = np.asarray(shapes(samples=20, ground="fixed", antialias=False).images)
    assert (fixed[:, :, 0, 0] == 128).all()
    assert max(len(np.unique(image.reshape(3, -1), axis=1).T) for image in fixed) == 2
    soft = shapes(samples=20, ground="textured", maps=True)
    assert soft.paired is not None
    images, inside = np.asarray(soft.images), np.asarray(soft.paired.maps) > 0
    ground = images[:, 0][~inside & (images[:, 0] == images[:, 1])].astype(float)
    assert abs(ground.mean() - 128) < 6
    assert 12 < ground.std() < 30
    means = [image[0][~each].mean() for image, each in zip(images, inside, strict=True)]
    assert np.std(means) < 12
    assert (soft.labels == shapes(samples=20).labels).all()
    again = shapes(samples=30, ground="textured")
    np.testing.assert_array_equal(np.asarray(again.images)[:20], images)


def test_the_name_with_switches() -> None:
    name = "shapes:samples=5,maps=yes,antialias=no,ground=textured,outlines=circle+square,sizes=medium+large"
    assert open_images(name).facts().map_classes == 3
    with pytest.raises(ValueError, match='maps must be yes or no, not "true"'):
        open_images("shapes:maps=true")
    with pytest.raises(ValueError, match='no shape "sqare" \\(did you mean "square"'):
        shapes(outlines="circle+sqare")
    with pytest.raises(ValueError, match='"red\\+red" names a color twice'):
        shapes(colors="red+red")
    with pytest.raises(ValueError, match='ground is "textures" \\(did you mean "textured"'):
        shapes(ground="textures")
