"""NumPy files: names, layouts, ranges and labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from everymode.data import DataError, open_images
from everymode.data import arrays as arrays_module

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)
LABELS = np.array([0, 2, -1, 1, 2])


@pytest.mark.parametrize(
    ("image_name", "label_name"),
    [("images", "labels"), ("x", "y"), ("X", "y"), ("x_train", "y_train"), ("arr_0", "arr_1")],
)
def test_usual_names(tmp_path: Path, image_name: str, label_name: str) -> None:
    np.savez(tmp_path / "d.npz", **{image_name: IMAGES, label_name: LABELS[:, None]})
    dataset = open_images(tmp_path / "d.npz")
    np.testing.assert_array_equal(dataset.images, IMAGES.transpose(0, 3, 1, 2))
    assert dataset.labels.tolist() == LABELS.tolist()
    assert dataset.classes == ("0", "1", "2")


def test_label_column_and_names_as_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", images=IMAGES, labels=LABELS, kind=np.array(["b", "a", "", "b", "b"]))
    dataset = open_images(tmp_path / "d.npz", label_column="kind")
    assert dataset.classes == ("a", "b")
    assert dataset.labels.tolist() == [1, 0, -1, 1, 1]


@pytest.mark.parametrize(
    ("images", "shape"),
    [
        (IMAGES, (3, 6, 7)),
        (IMAGES.transpose(0, 3, 1, 2), (3, 6, 7)),
        (IMAGES[..., 0], (1, 6, 7)),
        (IMAGES[..., :1], (1, 6, 7)),
    ],
)
def test_layouts_of_npy(tmp_path: Path, images: np.ndarray, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "d.npy", images)
    dataset = open_images(tmp_path / "d.npy")
    assert dataset.image_shape == shape
    np.testing.assert_array_equal(dataset.images, IMAGES.transpose(0, 3, 1, 2)[:, : shape[0]])
    assert dataset.num_unlabeled == 5


@pytest.mark.parametrize("lazily", [False, True])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0.0, 0.5, 1.0]), [0, 128, 255]),
        (np.array([-1.0, 0.0, 1.0]), [0, 128, 255]),
        (np.array([0.0, 127.6, 255.0]), [0, 128, 255]),
        (np.array([0, 1, 1], bool), [0, 255, 255]),
        (np.array([0, 257, 65535], np.uint16), [0, 1, 255]),
        (np.array([0, 1, 255], np.int64), [0, 1, 255]),
    ],
)
def test_ranges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: np.ndarray, expected: list[int], lazily: bool
) -> None:
    if lazily:
        monkeypatch.setattr(arrays_module, "CONVERTED_BYTES", 0)
    np.save(tmp_path / "d.npy", values.reshape(1, 1, 3))
    seen = open_images(tmp_path / "d.npy", progress=False).images
    np.testing.assert_array_equal(np.asarray(seen).reshape(-1), expected)


def test_points(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(10, 2))
    np.savez(tmp_path / "p.npz", x=points, y=np.arange(10) % 3)
    dataset = open_images(tmp_path / "p.npz")
    assert dataset.is_points
    assert dataset.num_classes == 3
    np.testing.assert_array_equal(dataset.images, points.astype(np.float32))
    np.save(tmp_path / "nan.npy", np.full((3, 2), np.nan))
    with pytest.raises(DataError, match="finite"):
        open_images(tmp_path / "nan.npy")


def test_alpha_is_dropped_unless_asked_for(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", np.concatenate([IMAGES, IMAGES[..., :1]], axis=3))
    assert open_images(tmp_path / "d.npy", progress=False).image_shape == (3, 6, 7)
    assert open_images(tmp_path / "d.npy", channels=4).image_shape == (4, 6, 7)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((2, 4, 4), 300.0), "values from 300 to 300"),
        (np.full((2, 4, 4), -3.0), "values from -3"),
        (np.full((2, 4, 4), np.nan), "values from nan"),
        (np.full((2, 4, 4), -1), "whole numbers must be in 0 .. 255"),
        (np.zeros((2, 4, 4), complex), "of type complex128"),
        (np.zeros((2, 5, 5, 2), np.uint8), r"shape \[2, 5, 5, 2\]"),
        (np.zeros((2, 3, 4, 3), np.uint8), r"shape \[2, 3, 4, 3\]"),
        (np.zeros((2, 9)), r"shape \[2, 9\]"),
        (np.zeros((0, 4, 4), np.uint8), "holds no images"),
        (np.array([{}], object), "can't be read as NumPy arrays"),
    ],
)
def test_faults_of_arrays(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.save(tmp_path / "d.npy", array)
    with pytest.raises(DataError, match=message):
        open_images(tmp_path / "d.npy", progress=False)


def test_faults_of_files_and_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", pictures=IMAGES)
    with pytest.raises(DataError, match=r'no array "images" \(it has pictures\)'):
        open_images(tmp_path / "d.npz")
    np.savez(tmp_path / "d.npz", images=IMAGES, labels=LABELS[:3])
    with pytest.raises(DataError, match="for each of the 5 images"):
        open_images(tmp_path / "d.npz")
    np.savez(tmp_path / "d.npz", images=IMAGES, labels=LABELS * 0.5)
    with pytest.raises(DataError, match=r"a label is -0\.5; a label must be a whole number or a name"):
        open_images(tmp_path / "d.npz")
    with pytest.raises(DataError, match='no array "kind"'):
        open_images(tmp_path / "d.npz", label_column="kind")
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match="can't be read as NumPy arrays"):
        open_images(tmp_path / "bad.npz")
    np.save(tmp_path / "d.npy", IMAGES)
    with pytest.raises(DataError, match="one array without labels"):
        open_images(tmp_path / "d.npy", label_column="kind")


def test_labels_under_another_name_and_arrays_that_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    pixels = np.zeros((3, 5, 5), np.uint8)
    np.savez(path, images=pixels, label=np.array([5, 5, 9]))
    dataset = open_images(path)
    assert dataset.classes == ("5", "9") and dataset.labels.tolist() == [0, 0, 1]
    np.savez(path, images=pixels, fine=np.arange(3), x_test=pixels)
    dataset = open_images(path)
    assert dataset.num_unlabeled == 3
    assert any(
        "ignored the arrays fine, x_test" in note and "--label-column fine" in note for note in dataset.notes
    )
    np.savez(path, images=pixels, labels=np.array(["b", "nan", "-1"]))
    dataset = open_images(path)
    assert dataset.classes == ("b",) and dataset.labels.tolist() == [0, -1, -1]
    assert any(
        '2 rows are unlabeled (1 "nan", 1 "-1")' in note or '(1 "-1", 1 "nan")' in note
        for note in dataset.notes
    )
    np.savez(path, images=pixels, labels=np.array([2.0, np.nan, 7.0]))
    assert open_images(path).classes == ("2", "7")
