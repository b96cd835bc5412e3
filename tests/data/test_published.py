"""STL-10 and SVHN from tiny files of their layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from everymode.data import DataError, open_images

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 3, 96, 96), dtype=np.uint8)


@pytest.fixture
def stl10(tmp_path: Path) -> Path:
    columns = IMAGES.transpose(0, 1, 3, 2)
    (tmp_path / "train_X.bin").write_bytes(columns[:3].tobytes())
    (tmp_path / "train_y.bin").write_bytes(bytes([1, 10, 2]))
    (tmp_path / "unlabeled_X.bin").write_bytes(columns[3:].tobytes())
    (tmp_path / "test_X.bin").write_bytes(columns[:1].tobytes())
    return tmp_path


def test_stl10_columns_become_rows(stl10: Path) -> None:
    dataset = open_images(stl10 / "train_X.bin")
    np.testing.assert_array_equal(dataset.images, IMAGES[:3])
    assert dataset.labels.tolist() == [0, 2, 1]
    assert dataset.classes == ("airplane", "bird", "truck")


def test_stl10_unlabeled_and_whole_folder(stl10: Path) -> None:
    unlabeled = open_images(stl10 / "unlabeled_X.bin")
    assert unlabeled.num_unlabeled == 2
    assert unlabeled.classes == ()
    (stl10 / "class_names.txt").write_text("\n".join("abcdefghij"))
    whole = open_images(stl10)
    np.testing.assert_array_equal(whole.images, IMAGES)
    assert whole.labels.tolist() == [0, 2, 1, -1, -1]
    assert whole.classes == tuple("abj")
    assert any("ignored test_X.bin" in note for note in whole.notes)
    assert any("7 classes have no image and are omitted: c, d" in note for note in whole.notes)


def test_stl10_smaller(stl10: Path) -> None:
    assert open_images(stl10, resolution=32, progress=False).image_shape == (3, 32, 32)


def test_stl10_faults(stl10: Path) -> None:
    (stl10 / "train_y.bin").write_bytes(bytes([1, 11, 2]))
    with pytest.raises(DataError, match=r"should hold 3 labels 1 \.\. 10"):
        open_images(stl10)
    (stl10 / "train_X.bin").write_bytes(b"123")
    with pytest.raises(DataError, match="not a file of STL-10 images"):
        open_images(stl10)
    for part in ("train", "unlabeled"):
        (stl10 / f"{part}_X.bin").unlink()
    with pytest.raises(DataError, match=r"neither train_X.bin nor unlabeled_X.bin"):
        open_images(stl10)


def test_svhn_calls_ten_zero(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    labels = np.array([[10], [1], [9], [10]], np.uint8)
    savemat(tmp_path / "train_32x32.mat", {"X": images.transpose(1, 2, 3, 0), "y": labels})
    dataset = open_images(tmp_path / "train_32x32.mat")
    np.testing.assert_array_equal(dataset.images, images.transpose(0, 3, 1, 2))
    assert [dataset.classes[label] for label in dataset.labels] == ["0", "1", "9", "0"]
    assert dataset.num_classes == 3


def test_svhn_faults(tmp_path: Path) -> None:
    path = tmp_path / "x.mat"
    path.write_bytes(b"nothing of the kind" * 20)
    with pytest.raises(DataError, match="not a file of SVHN"):
        open_images(path)
    savemat(path, {"X": np.zeros((2, 2, 3, 2), np.uint8), "y": np.array([1, 2, 3])})
    with pytest.raises(DataError, match="y has 3 labels"):
        open_images(path)
    savemat(path, {"X": np.zeros((2, 2, 3, 1), np.uint8), "y": np.array([[11]])})
    with pytest.raises(DataError, match=r"expected 1 .. 10"):
        open_images(path)
    savemat(path, {"X": np.zeros((2, 2, 3, 1), np.uint8), "y": np.array([[0]])})
    with pytest.raises(
        DataError, match=r"x\.mat: labels run from 0 to 0; expected 1 .. 10, where 10 denotes"
    ):
        open_images(path)
