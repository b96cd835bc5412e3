"""Sample photos: the files of each split, and explanations where the packages are missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from everymode.data import sample_photos as module
from everymode.data.errors import MissingDataError
from everymode.data.opening import open_images
from everymode.data.sample_photos import SPLITS, sample_photo_files, sample_photos

pytest.importorskip("skimage")


def test_splits_are_disjoint_files_of_two_packages() -> None:
    train, test = sample_photo_files("train"), sample_photo_files("test")
    assert [photo.name for photo in test] == ["chelsea", "coffee", "flower"]
    assert [photo.name for photo in train][::7] == ["astronaut", "china"]
    assert len(train) == 8
    assert sample_photo_files("all") == train + test


def test_pictures_have_one_size_and_color() -> None:
    dataset = open_images("sample-photos:test", resolution=(24, 32))
    assert dataset.images.shape == (3, 3, 24, 32)
    assert (np.asarray(dataset.images).std(axis=(1, 2, 3)) > 20).all()
    assert sample_photos(split="test").image_shape == (3, 128, 128)


def test_a_folder_named_photos_is_a_folder_and_else_both_possibilities_are_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        FileNotFoundError, match=r'neither a file or folder .*\(did you mean "sample-photos"\?\)'
    ):
        open_images("photos")


def test_missing_packages_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match='no split "tests" \\(did you mean "test"'):
        sample_photos(split="tests")
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingDataError, match="pip install scikit-image, or give the path"):
        sample_photos()
    monkeypatch.undo()
    monkeypatch.setitem(SPLITS, "test", ((("sklearn", "datasets/images"), "nothing.jpg"),))
    with pytest.raises(MissingDataError, match=r"nothing\.jpg, which the installed version of sklearn lacks"):
        sample_photos(split="test")
