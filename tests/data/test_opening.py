"""Opening: names, paths, sizes, and error messages for invalid arguments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from everymode.data import DataError, check, open_images
from everymode.data.builtin import names_points
from everymode.data.errors import NoLabelsError
from everymode.data.opening import image_size


def test_data_that_need_labels_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(3):
        Image.new("RGB", (8, 8), (i, i, i)).save(photos / f"{i}.png")
    with pytest.raises(NoLabelsError, match="photos has no labels; add them"):
        open_images(photos, labeled=True, cache_dir=tmp_path / "cache", progress=False)
    assert not (tmp_path / "cache").exists()
    assert len(open_images(photos, cache_dir=tmp_path / "cache", progress=False)) == 3


@pytest.mark.parametrize(
    ("resolution", "expected"),
    [
        (64, (64, 64)),
        ("64", (64, 64)),
        ("64x96", (64, 96)),
        ((64, 96), (64, 96)),
        (np.int64(8), (8, 8)),
        (None, None),
    ],
)
def test_resolutions(resolution, expected) -> None:
    assert image_size(resolution) == expected


@pytest.mark.parametrize(
    ("resolution", "message"),
    [
        (0, "resolution is 0; give sides of 1 to 16384 pixels"),
        (-1, "sides of 1 to 16384 pixels"),
        ("64x0", "resolution is '64x0'; give sides of 1 to 16384 pixels"),
        (10**6, "sides of 1 to 16384 pixels"),
        ("64x", "a number or HEIGHTxWIDTH"),
        ((1.5, 2), "a number or HEIGHTxWIDTH"),
    ],
)
def test_resolutions_that_are_none(resolution, message) -> None:
    with pytest.raises(ValueError, match=message):
        image_size(resolution)


def test_built_in_names_and_options() -> None:
    assert len(open_images("digits")) == 1797
    assert len(open_images("digits:train")) == 1297
    assert len(open_images("digits:held-out", resolution="8x12").images[0, 0]) == 8
    dataset = open_images("ring:modes=5, radius=2,std=0.5,samples=100,seed=3")
    assert dataset.num_classes == 5
    assert len(dataset) == 100
    assert dataset.mixture is not None
    assert dataset.mixture.std == 0.5
    assert open_images("grid:side=3,samples=100").num_classes == 9
    assert open_images("stacked-digits:held-out,samples=20", resolution=8).image_shape == (3, 8, 8)
    assert open_images("shapes:labels=color,samples=60", resolution=16).num_classes == 6


def test_channels_and_limit_of_built_in_sets() -> None:
    dataset = open_images("digits", channels=3, limit=50)
    assert dataset.image_shape == (3, 16, 16)
    assert len(dataset) == 50
    assert dataset.classes == tuple("0123456789")
    assert open_images("ring", limit=10).mixture is not None


def test_stacked_of_a_path(tmp_path: Path) -> None:
    images = np.broadcast_to((np.arange(10, dtype=np.uint8) * 20)[:, None, None], (10, 4, 4))
    np.savez(tmp_path / "d.npz", images=images, labels=np.arange(10))
    dataset = open_images(f"stacked:{tmp_path / 'd.npz'}", limit=30)
    assert len(dataset) == 30 and dataset.num_classes == len(set(dataset.labels)) <= 30
    places = np.asarray(dataset.images)[:, :, 0, 0].astype(int) // 20
    assert (places @ [100, 10, 1]).tolist() == [int(dataset.classes[label]) for label in dataset.labels]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "digit",
            r'"digit" is neither .*\(did you mean "digits"\?\); built-in datasets are digits, grid, ring',
        ),
        ("ring:mode=8", r'has no option "mode=8" \(did you mean "modes"\?\); it takes modes, radius'),
        ("ring:modes=many", 'modes must be of type int, not "many"'),
        ("ring:resolution=4", "has no option"),
        ("ring:train", 'has no option "train"'),
        ("shapes:resolution=64", r'has no option "resolution=64".*; it takes samples'),
        ("digits:test", 'no split "test"'),
    ],
)
def test_names_that_are_not_understood(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_images(text)


def test_missing_paths(tmp_path: Path) -> None:
    for path in (tmp_path / "photos", "photos/cats", "cats.zip"):
        with pytest.raises(FileNotFoundError, match="there is no file or folder") as caught:
            open_images(path)
        assert isinstance(caught.value, DataError)
    with pytest.raises(FileNotFoundError, match="neither a file or folder in"):
        open_images("photoz")


@pytest.mark.parametrize("given", [3, None, {"a": 1}])
def test_what_is_neither_a_path_nor_a_name_is_refused_in_a_sentence(given: object) -> None:
    message = f"give the path or the name of a dataset, not {type(given).__name__}; "
    for door in (open_images, check):
        with pytest.raises(TypeError, match=message):
            door(given)
    with pytest.raises(TypeError, match="not ndarray; only open_images opens data in memory"):
        check(np.zeros((2, 1, 8, 8), np.uint8))  # pyright: ignore[reportArgumentType]


def test_a_limit_is_a_whole_number() -> None:
    for door in (open_images, check):
        with pytest.raises(TypeError, match=r"limit is 1.5; give an integer number of images, or omit it"):
            door("digits", limit=1.5)
    assert len(open_images("digits", limit=np.int64(3))) == 3


def test_built_in_points_are_known_by_name() -> None:
    assert names_points("ring") and names_points("grid:side=3")
    assert not names_points("digits") and not names_points("photos") and not names_points("stacked:ring")


def test_files_of_other_kinds(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ValueError, match="of an unknown type; give a folder"):
        open_images(tmp_path / "a.txt")
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="is a single image; give a folder"):
        open_images(tmp_path / "a.png")


def test_a_folder_named_like_a_built_in_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    Image.new("L", (2, 2)).save(tmp_path / "digits" / "a.png")
    with pytest.warns(UserWarning, match="write ./digits for the other"):
        assert len(open_images("digits")) == 1797
    assert len(open_images("./digits", progress=False)) == 1
    assert len(open_images(Path("digits"), progress=False)) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": 2}, "channels is 2; choose 1"),
        ({"fit": "zoom"}, 'fit is "zoom"; choose one of crop, pad, stretch'),
        ({"limit": 0}, "limit is 0"),
        ({"background": (1, 2)}, "three numbers"),
        ({"background": (1, 2, 256)}, "three numbers"),
        ({"label_column": "x"}, "has no columns"),
        ({"resolution": 16, "path": "ring"}, "points in the plane, which have no resolution"),
        ({"channels": 3, "path": "ring"}, "points in the plane, which have no channels"),
    ],
)
def test_arguments_out_of_range(options: dict, message: str) -> None:
    path = options.pop("path", "digits")
    with pytest.raises(ValueError, match=message):
        open_images(path, **options)


@pytest.mark.parametrize("shape", [(4, 2), (4, 8, 8)])
def test_points_and_arrays_without_labels_are_refused_in_the_same_words(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    values = np.linspace(0, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    np.savez(tmp_path / "a.npz", images=values)
    np.savez(tmp_path / "b.npz", images=values, labels=np.arange(4))
    with pytest.raises(NoLabelsError, match=r"a\.npz has no labels; add them"):
        open_images(tmp_path / "a.npz", labeled=True, progress=False)
    assert len(open_images(tmp_path / "b.npz", labeled=True, progress=False)) == 4
