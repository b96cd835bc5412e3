"""IDX files: values, pairs of files, and damage."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from everymode.data import DataError, open_images
from everymode.data.idx import is_idx_name, read_idx

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)
LABELS = np.array([3, 0, 1, 1, 2, 3], np.uint8)


def _idx(array: np.ndarray, kind: int = 8) -> bytes:
    header = struct.pack(">HBB", 0, kind, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(_idx(IMAGES))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(_idx(LABELS))
    (tmp_path / "t10k-images.idx3-ubyte.gz").write_bytes(gzip.compress(_idx(IMAGES[:2])))
    (tmp_path / "t10k-labels.idx1-ubyte.gz").write_bytes(gzip.compress(_idx(LABELS[:2])))
    return tmp_path


@pytest.mark.parametrize("name", ["", "train-images-idx3-ubyte"])
def test_images_and_labels(mnist: Path, name: str) -> None:
    dataset = open_images(mnist / name)
    np.testing.assert_array_equal(dataset.images, IMAGES[:, None])
    assert dataset.labels.tolist() == LABELS.tolist()
    assert dataset.classes == ("0", "1", "2", "3")


def test_gzipped_pair_and_another_size(mnist: Path) -> None:
    path = mnist / "t10k-images.idx3-ubyte.gz"
    dataset = open_images(path)
    assert [dataset.classes[label] for label in dataset.labels] == ["3", "0"]
    assert open_images(path, resolution=4, channels=3, progress=False).image_shape == (3, 4, 4)


def test_images_without_labels_are_unlabeled(mnist: Path) -> None:
    (mnist / "train-labels-idx1-ubyte").unlink()
    assert open_images(mnist).num_unlabeled == 6


def test_color_images_channels_last(tmp_path: Path) -> None:
    color = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3), dtype=np.uint8)
    (tmp_path / "images-idx4-ubyte").write_bytes(_idx(color))
    np.testing.assert_array_equal(open_images(tmp_path).images, color.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (_idx(IMAGES)[:-1], "truncated"),
        (_idx(IMAGES) + b"x", "longer than its header declares"),
        (_idx(IMAGES, kind=0x0D), "not an IDX file of unsigned bytes"),
        (b"\x00\x00", "can't be read"),
        (struct.pack(">HBBIII", 0, 8, 3, 2**31, 2**31, 2**31), "declares"),
    ],
)
def test_damage_is_explained(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "images-idx3-ubyte"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message):
        read_idx(path)


def test_other_faults(mnist: Path) -> None:
    (mnist / "cut-images-idx3-ubyte.gz").write_bytes(gzip.compress(_idx(IMAGES))[:-20])
    with pytest.raises(DataError, match="can't be read"):
        open_images(mnist / "cut-images-idx3-ubyte.gz")
    with pytest.raises(DataError, match="holds labels"):
        open_images(mnist / "train-labels-idx1-ubyte")
    (mnist / "train-labels-idx1-ubyte").write_bytes(_idx(LABELS[:4]))
    with pytest.raises(DataError, match="6 images but 4 labels"):
        open_images(mnist)
    (mnist / "train2-images-idx3-ubyte").write_bytes(_idx(IMAGES))
    with pytest.raises(DataError, match="can't tell which IDX file"):
        open_images(mnist)
    with pytest.raises(ValueError, match="has no columns"):
        open_images(mnist / "train-images-idx3-ubyte", label_column="x")


def test_names() -> None:
    assert all(map(is_idx_name, ("train-images-idx3-ubyte", "a.idx3-ubyte.gz", "a-ubyte.gz", "x.idx3")))
    assert not any(map(is_idx_name, ("a.gz", "ubyte.png", "idx3")))


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("letters-train-images-idx3-ubyte", "letters-train-labels.idx1-ubyte.gz"),
        ("train-images.idx3-ubyte", "train-labels-idx1-ubyte"),
        ("train_images.idx3", "train_labels.idx1"),
        ("Train-Images-ubyte.gz", "train-labels-ubyte"),
        ("k-imgs-idx3-ubyte", "k-labels-idx1-ubyte"),
    ],
)
def test_pairs_that_are_named_a_little_differently(tmp_path: Path, images: str, labels: str) -> None:
    for name, array in ((images, IMAGES), (labels, LABELS + 4), ("other-labels-idx1-ubyte", LABELS[:1])):
        packed = gzip.compress(_idx(array)) if name.endswith(".gz") else _idx(array)
        (tmp_path / name).write_bytes(packed)
    dataset = open_images(tmp_path)
    assert dataset.classes == ("4", "5", "6", "7")
    assert [dataset.classes[label] for label in dataset.labels] == [str(label + 4) for label in LABELS]


def test_what_is_passed_over_is_noted(mnist: Path) -> None:
    assert any("ignored t10k-images.idx3-ubyte.gz" in note for note in open_images(mnist).notes)
    (mnist / "train-labels-idx1-ubyte").rename(mnist / "my-labels-idx1-ubyte")
    dataset = open_images(mnist / "train-images-idx3-ubyte")
    assert dataset.num_unlabeled == 6
    assert any(
        "no file of labels has a matching name (there is my-labels-idx1-ubyte" in note
        for note in dataset.notes
    )
