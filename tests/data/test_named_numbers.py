"""`classes` of an .npz: the names of the numbers in `labels`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from everymode.data import DataError, open_images

IMAGES = np.random.default_rng(4).integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)


def _opened(tmp_path: Path, **arrays: object):
    np.savez(tmp_path / "d.npz", images=IMAGES, **arrays)
    return open_images(tmp_path / "d.npz")


def test_numbers_are_called_by_their_names(tmp_path: Path) -> None:
    dataset = _opened(tmp_path, labels=np.array([2, 0, -1, 2]), classes=np.array(["old", "new", "7"]))
    assert dataset.classes == ("old", "7") and dataset.labels.tolist() == [1, 0, -1, 1]
    assert any("new" in note for note in dataset.notes)  # a class that no image has


def test_of_several_labels_an_image(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "d.npz",
        images=IMAGES,
        labels_0=np.array([1, 0, 1, 0]),
        classes_0=np.array(["round", "square"]),
        labels_1=np.array([0, 0, 1, 1]),
        classes_1=np.array(["red", "blue"]),
    )
    dataset = open_images(tmp_path / "d.npz", label_column="labels_1,labels_0")
    assert dataset.label_blocks == (("red", "blue"), ("round", "square"))
    assert dataset.labels.tolist() == [[0, 1], [0, 0], [1, 1], [1, 0]]


def test_a_number_without_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a label is 3"):
        _opened(tmp_path, labels=np.array([2, 0, 1, 3]), classes=np.array(["a", "b", "c"]))


@pytest.mark.parametrize("other", [["a", "b", "a", "a"], [["a", "b"]], [1, 2, 3], ["a", ""]])
def test_something_else_of_that_name_is_passed_over_with_a_note(tmp_path: Path, other: list[object]) -> None:
    dataset = _opened(tmp_path, labels=np.array([1, 0, 0, 1]), classes=np.array(other))
    assert dataset.classes == ("0", "1")
    assert any('ignored "classes", which is not a list' in note for note in dataset.notes)


def test_labels_that_are_names_need_none(tmp_path: Path) -> None:
    dataset = _opened(tmp_path, labels=np.array(["x", "y", "x", ""]), classes=np.array(["a", "b"]))
    assert dataset.classes == ("x", "y")
