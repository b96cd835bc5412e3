"""Digits of two domains: blocks, sizes, the drawn second domain, and MNIST from files."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

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


def house_numbers(folder: Path, count: int) -> tuple[Path, np.ndarray]:
    """Write a file like SVHN's: image i has the red level i % 251, and the label of the digit i % 10 (10 for 0)."""
    images = np.zeros((count, 3, 32, 32), np.uint8)
    images[:, 0] = (np.arange(count) % 251)[:, None, None]
    labels = np.arange(count) % 10
    path = folder / "train_32x32.mat"
    savemat(path, {"X": images.transpose(2, 3, 1, 0), "y": np.where(labels == 0, 10, labels)[:, None]})
    return path, labels


def test_svhn_is_the_second_domain_in_color(tmp_path: Path) -> None:
    path, _ = house_numbers(tmp_path, 1100)
    data = open_images(f"two-domain-digits:held-out,svhn={path}")
    assert data.label_blocks[1] == ("bundled", "svhn") and data.image_shape == (3, 16, 16)
    images, domain = np.asarray(data.images), data.labels[:, 1]
    assert (images[domain == 0, 0] == images[domain == 0, 2]).all()  # gray
    theirs = images[domain == 1]
    assert len(theirs) == 306 and not theirs[:, 1:].any()  # 1,100 times 500 of 1,797
    # the digit is that of the file: image i has the level i % 251, and the digit i % 10
    fits = [{(level + 251 * turn) % 10 for turn in range(5)} for level in theirs[:, 0, 0, 0].tolist()]
    assert all(digit in digits for digit, digits in zip(data.labels[domain == 1, 0], fits, strict=True))
    gray = open_images(f"two-domain-digits:held-out,svhn={path}", channels=1)
    assert gray.image_shape == (1, 16, 16)


def test_mnist_and_svhn_are_the_papers_domains(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    mnist = written(tmp_path, random.integers(0, 256, (180, 28, 28), dtype=np.uint8), np.arange(180) % 10)
    svhn, _ = house_numbers(tmp_path, 400)
    splits = [
        two_domain_digits(split=split, resolution=(8, 8), mnist=str(mnist), svhn=str(svhn))
        for split in ("train", "held-out", "all")
    ]
    # 180 images of MNIST in the ratio of 1,297 to 500, and as many of SVHN
    assert [data.class_counts[10:] for data in splits] == [(130, 130), (50, 50), (180, 180)]
    assert splits[0].label_blocks[1] == ("mnist", "svhn") and splits[0].image_shape == (3, 8, 8)
    seen = {image.tobytes() for image in np.asarray(splits[0].images)[:130]}
    assert not any(image.tobytes() in seen for image in np.asarray(splits[1].images)[:50])


def test_splits_of_both_files_share_no_image_whatever_their_sizes(tmp_path: Path) -> None:
    # MNIST's held-out images are fewer than scikit-learn's training images here, and its training images are more.
    mnist = written(tmp_path, np.zeros((4000, 8, 8), np.uint8), np.arange(4000) % 10)
    images = np.zeros((6000, 3, 32, 32), np.uint8)
    images[:, 0] = (np.arange(6000) // 250)[:, None, None]
    images[:, 1] = (np.arange(6000) % 250)[:, None, None]
    svhn = tmp_path / "train_32x32.mat"
    savemat(svhn, {"X": images.transpose(2, 3, 1, 0), "y": np.arange(6000)[:, None] % 10 + 1})
    train, held_out = (
        two_domain_digits(split=split, resolution=(8, 8), mnist=str(mnist), svhn=str(svhn))
        for split in ("train", "held-out")
    )
    assert (train.class_counts[10:], held_out.class_counts[10:]) == ((2887, 2887), (1113, 1113))
    seen, unseen = (
        {image.tobytes() for image in np.asarray(data.images)[data.labels[:, 1] == 1]}
        for data in (train, held_out)
    )
    assert len(seen) == 2887 and len(unseen) == 1113 and not seen & unseen


def test_other_house_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="with SVHN's cropped digits"):
        two_domain_digits(svhn=str(tmp_path / "nothing.mat"))
    (tmp_path / "bad.mat").write_bytes(b"MATLAB 5.0" + bytes(200))
    with pytest.raises(DataError, match=r"bad\.mat"):
        two_domain_digits(svhn=str(tmp_path / "bad.mat"))
    savemat(tmp_path / "other.mat", {"a": np.zeros(3)})
    with pytest.raises(DataError, match="arrays X and y"):
        two_domain_digits(svhn=str(tmp_path / "other.mat"))


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="with MNIST's images"):
        two_domain_digits(mnist=str(tmp_path / "nothing"))
    path = written(tmp_path, np.zeros((4, 8, 8), np.uint8), np.array([0, 1, 2, 3]))
    with pytest.raises(DataError, match="images of 4 classes; the domain needs gray images of the ten"):
        two_domain_digits(mnist=str(path))
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="images of 0 classes"):
        two_domain_digits(mnist=str(path))
    with pytest.raises(ValueError, match='no split "test"'):
        two_domain_digits(split="test")
