"""Digits of two domains: blocks, sizes, the drawn second domain, and MNIST from files."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from everymode.data import DataError, open_images
from everymode.data.domains import inverted_bold, two_domain_digits
from everymode.data.synthetic import digits


def test_both_domains_hold_every_digit_with_two_labels() -> None:
    data = open_images("two-domain-digits:held-out", resolution=12)
    assert data.num_classes == (10, 2)
    assert data.classes == (*"0123456789", "bundled", "inverted")
    assert data.label_blocks == (tuple("0123456789"), ("bundled", "inverted"))
    assert data.image_shape == (1, 12, 12)
    first = digits(resolution=(12, 12), split="held-out")
    np.testing.assert_array_equal(data.images[:500], first.images)
    np.testing.assert_array_equal(data.labels[:500, 0], first.labels)
    np.testing.assert_array_equal(data.labels[500:, 0], first.labels)
    assert data.labels[:, 1].tolist() == [0] * 500 + [1] * 500
    np.testing.assert_array_equal(data.images[500:], inverted_bold(np.asarray(first.images)))
    assert sum(row[-1] for row in data.combination_counts) == 1000


def test_bold_strokes_are_a_pixel_wider_all_around() -> None:
    image = np.zeros((1, 1, 5, 6), np.uint8)
    image[0, 0, 2, 2] = 200
    image[0, 0, 0, 5] = 90
    expected = np.full((5, 6), 255, np.uint8)
    expected[[2, 1, 3, 2, 2], [2, 2, 2, 1, 3]] = 55
    expected[[0, 1, 0], [5, 5, 4]] = 165
    np.testing.assert_array_equal(inverted_bold(image)[0, 0], expected)


def written(folder: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(struct.pack(">HBB3I", 0, 8, 3, *images.shape) + images.tobytes())
    labels_path = folder / "train-labels-idx1-ubyte"
    labels_path.write_bytes(struct.pack(">HBBI", 0, 8, 1, len(labels)) + labels.astype(np.uint8).tobytes())
    return path


def test_mnist_is_resized_and_as_frequent_as_the_bundled_digits(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (2000, 28, 28), dtype=np.uint8)
    labels = np.arange(2000) % 10
    images[:, 0, 0] = labels * 20
    path = written(tmp_path, images, labels)
    data = open_images(f"two-domain-digits:held-out,mnist={path}", resolution=28)
    assert data.label_blocks[1] == ("bundled", "mnist")
    assert data.class_counts[10:] == (500, 500)
    theirs = data.labels[:, 1] == 1
    np.testing.assert_array_equal(data.images[theirs, 0, 0, 0], data.labels[theirs, 0] * 20)
    assert len(np.unique(np.asarray(data.images)[theirs].reshape(500, -1), axis=0)) == 500
    training = open_images(f"two-domain-digits:mnist={path}", resolution=28)
    assert training.class_counts[10:] == (1297, 1297)
    seen = {image.tobytes() for image in np.asarray(training.images)[training.labels[:, 1] == 1]}
    assert not any(image.tobytes() in seen for image in np.asarray(data.images)[theirs])
    folder = two_domain_digits(split="held-out", resolution=(28, 28), mnist=str(tmp_path))
    assert folder.fingerprint == data.fingerprint
    few = written(tmp_path, images[:30], labels[:30])
    assert two_domain_digits(split="held-out", mnist=str(few)).class_counts[10:] == (500, 8)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="with MNIST's images"):
        two_domain_digits(mnist=str(tmp_path / "nothing"))
    path = written(tmp_path, np.zeros((4, 8, 8), np.uint8), np.array([0, 1, 2, 3]))
    with pytest.raises(
        DataError, match="images of 4 classes; the second domain needs gray images of the ten"
    ):
        two_domain_digits(mnist=str(path))
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="images of 0 classes"):
        two_domain_digits(mnist=str(path))
    with pytest.raises(ValueError, match='no split "test"'):
        two_domain_digits(split="test")
