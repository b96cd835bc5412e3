"""Digits and points without files."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from everymode.data.synthetic import digit_images, digits, grid, in_memory, resized_gray, ring, with_channels


def test_splits_are_disjoint_complete_and_in_proportion() -> None:
    sizes = {split: len(digit_images(split)[0]) for split in ("all", "train", "held-out")}
    assert sizes == {"all": 1797, "train": 1297, "held-out": 500}
    whole = np.bincount(digit_images("all")[1])
    held_out = np.bincount(digit_images("held-out")[1])
    np.testing.assert_array_less(np.abs(held_out - whole * 500 / 1797), 1)
    train = {image.tobytes() for image in digit_images("train")[0]}
    held = {image.tobytes() for image in digit_images("held-out")[0]}
    assert len(train | held) == len({image.tobytes() for image in digit_images("all")[0]})
    assert not train & held


def test_the_split_never_changes() -> None:
    assert digits(split="held-out").labels[:12].tolist() == [0, 5, 8, 9, 0, 6, 7, 5, 7, 7, 1, 2]


def test_digits_at_their_own_size_are_scaled_from_16_to_255() -> None:
    dataset = digits(resolution=(8, 8))
    bundle = load_digits()
    np.testing.assert_array_equal(dataset.images[:, 0], np.rint(bundle.images * 255 / 16))
    np.testing.assert_array_equal(dataset.labels, bundle.target)
    assert dataset.images.max() == 255
    assert dataset.classes == tuple("0123456789")


def test_digits_default_and_other_sizes() -> None:
    assert digits().image_shape == (1, 16, 16)
    assert digits(resolution=(12, 20)).image_shape == (1, 12, 20)
    with pytest.raises(ValueError, match='no split "test"; choose one of all, train, held-out'):
        digits(split="test")


def test_enlarging_is_bilinear_with_pixel_centers() -> None:
    enlarged = resized_gray(np.array([[[0.0, 200.0]]]), (1, 4))
    assert enlarged[0, 0, 0].tolist() == [0, 50, 150, 200]


def test_points_carry_their_mixture() -> None:
    for build, modes in ((ring, 8), (grid, 25)):
        dataset = build(samples=500)
        assert dataset.is_points
        assert dataset.image_shape == (2,)
        assert dataset.mixture is not None
        assert len(dataset.mixture.means) == dataset.num_classes == modes
        nearest = np.linalg.norm(dataset.images[:, None] - dataset.mixture.means, axis=2).argmin(axis=1)
        np.testing.assert_array_equal(nearest, dataset.labels)


def test_channels_are_replicated_and_weighted() -> None:
    gray = in_memory("g", np.full((1, 1, 2, 2), 77, np.uint8), np.array([0]), ["a"])
    color = with_channels(gray, 3)
    assert color.images.shape == (1, 3, 2, 2)
    assert np.unique(color.images).tolist() == [77]
    assert color.fingerprint != gray.fingerprint
    assert with_channels(gray, 4).images[0, :, 0, 0].tolist() == [77, 77, 77, 255]
    red = in_memory("r", np.array([255, 0, 0], np.uint8).reshape(1, 3, 1, 1), np.array([0]), ["a"])
    assert with_channels(red, 1).images.item() == round(255 * 0.299)


def test_fingerprints_tell_data_apart() -> None:
    images, labels = np.zeros((2, 1, 2, 2), np.uint8), np.array([0, 1])
    base = in_memory("x", images, labels, ["a", "b"]).fingerprint
    assert in_memory("other name", images.copy(), labels, ["a", "b"]).fingerprint == base
    changed = images.copy()
    changed[1, 0, 1, 1] = 1
    different = {
        in_memory("x", changed, labels, ["a", "b"]).fingerprint,
        in_memory("x", images, labels[::-1], ["a", "b"]).fingerprint,
        in_memory("x", images, labels, ["a", "c"]).fingerprint,
        in_memory("x", images.reshape(2, 1, 4, 1), labels, ["a", "b"]).fingerprint,
    }
    assert len(different | {base}) == 5
