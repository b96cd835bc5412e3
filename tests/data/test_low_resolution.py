"""Super-resolution data: low resolution of whole pictures, crops on its grid, the cache, and rejected arguments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from everymode.data import low_resolution
from everymode.data.crop_rows import CropGrid, CropRows
from everymode.data.errors import DataError
from everymode.data.low_resolution import open_sharp, whole_pictures
from everymode.data.rows import LazyRows
from everymode.pixels import bicubic_resize

SIZES = {"a": (21, 34), "b": (16, 17), "c": (40, 19)}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "sharp"
    folder.mkdir()
    for seed, (name, size) in enumerate(SIZES.items()):
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)).save(
            folder / f"{name}.png"
        )
    return folder


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_low_resolution_is_made_of_the_whole_picture(photos: Path, scale: int) -> None:
    pictures = whole_pictures(photos, scale, progress=False)
    assert [picture.name for picture in pictures] == ["a.png", "b.png", "c.png"]
    for sharp, low, name in pictures:
        whole = np.asarray(Image.open(photos / name)).transpose(2, 0, 1)
        height, width = (side // scale * scale for side in whole.shape[1:])
        np.testing.assert_array_equal(sharp, whole[:, :height, :width])
        exact = bicubic_resize(sharp.astype(np.float64), 1 / scale)
        assert low.dtype == np.uint8
        assert np.abs(np.clip(exact, 0, 255) - low).max() <= 0.5 + 1e-9


def test_every_crop_is_cut_at_the_same_place_of_both(photos: Path) -> None:
    dataset = open_sharp(photos, scale=2, crop=12, progress=False)
    assert dataset.paired is not None
    pictures = whole_pictures(photos, 2, progress=False)
    wanted = [
        (sharp[:, 2 * y : 2 * y + 12, 2 * x : 2 * x + 12], low[:, y : y + 6, x : x + 6])
        for sharp, low, _ in pictures
        for y in range(low.shape[1] - 5)
        for x in range(low.shape[2] - 5)
    ]
    assert len(dataset) == len(wanted) == 5 * 12 + 3 * 3 + 15 * 4
    np.testing.assert_array_equal(dataset.images[:], [sharp for sharp, _ in wanted])
    np.testing.assert_array_equal(np.asarray(dataset.paired.pictures), [low for _, low in wanted])
    facts = dataset.facts()
    assert (facts.scale, facts.image_shape, facts.map_classes) == (2, (3, 12, 12), 0)
    mirror = torch.tensor([True, False])
    images, low = dataset.gather([70, 3], mirror=mirror), dataset.gather_condition([70, 3], mirror=mirror)
    assert isinstance(low, torch.Tensor)
    np.testing.assert_allclose(images[0].numpy()[..., ::-1], wanted[70][0] / 127.5 - 1, atol=1e-6)
    np.testing.assert_allclose(low[0].numpy()[..., ::-1], wanted[70][1] / 127.5 - 1, atol=1e-6)
    np.testing.assert_allclose(low[1].numpy(), wanted[3][1] / 127.5 - 1, atol=1e-6)


def test_subsets_share_the_pictures(photos: Path) -> None:
    dataset = open_sharp(photos, scale=2, crop=12, progress=False)
    part = dataset.subset([100, 4, 4]).subset([2, 0])
    assert isinstance(part.images, CropRows)
    assert part.images.pictures is dataset.images.pictures  # pyright: ignore[reportAttributeAccessIssue]
    torch.testing.assert_close(part.gather([0, 1]), dataset.gather([4, 100]))
    torch.testing.assert_close(part.gather_condition([1]), dataset.gather_condition([100]))
    assert part.images.nbytes == 2 * 3 * 12 * 12


def test_rows_are_limited_and_reach_the_borders(photos: Path) -> None:
    dataset = open_sharp(photos, scale=2, crop=12, most_crops=30, progress=False)
    assert len(dataset) <= 30
    grid = CropGrid([(10, 17), (6, 6), (13, 7)], (6, 6), most=12)
    assert len(grid) <= 12
    picture, y, x = grid.positions(np.arange(len(grid)))
    assert np.unique(picture).tolist() == [0, 1, 2]
    for number, (height, width) in enumerate([(10, 17), (6, 6), (13, 7)]):
        inside = picture == number
        assert (y[inside] + 6 <= height).all() and (x[inside] + 6 <= width).all()
    assert (y[picture == 2].min(), y[picture == 2].max()) == (0, 7)
    assert "one per" in dataset.notes[-1]


def test_the_fingerprint_covers_pixels_and_arguments(photos: Path) -> None:
    prints = {
        open_sharp(photos, progress=False, **arguments).fingerprint
        for arguments in (
            {"scale": 2, "crop": 12},
            {"scale": 4, "crop": 12},
            {"scale": 2, "crop": 8},
            {"scale": 2, "crop": 12, "most_crops": 30},
            {"scale": 2, "crop": 12, "limit": 2},
        )
    }
    assert len(prints) == 5
    first = open_sharp(photos, scale=2, crop=12, progress=False)
    assert first.fingerprint in prints
    Image.new("RGB", (17, 16)).save(photos / "b.png")
    assert open_sharp(photos, scale=2, crop=12, progress=False).fingerprint not in prints


def test_the_second_opening_reads_the_cache(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_sharp(photos, scale=2, crop=12, progress=False)
    monkeypatch.setattr(low_resolution, "_decoded", None)
    second = open_sharp(photos, scale=2, crop=12, progress=False)
    assert second.fingerprint == first.fingerprint
    np.testing.assert_array_equal(second.images[5], first.images[5])
    assert isinstance(whole_pictures(photos, 2, progress=False)[0].sharp.base, np.ndarray)


def test_gray_and_small_and_damaged_pictures(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everymode.data.row_decoding.MOST_UNREADABLE", 0.5)
    Image.fromarray(np.asarray(Image.open(photos / "a.png").convert("L"))).save(photos / "a.png")
    (photos / "c.png").write_bytes(b"nothing")
    pictures = whole_pictures(photos, 4, progress=False)
    assert [picture.name for picture in pictures] == ["a.png", "b.png"]
    np.testing.assert_array_equal(pictures[0].low[0], pictures[0].low[2])
    dataset = open_sharp(photos, scale=4, crop=20, progress=False)
    assert len(dataset) == 1 * 4
    assert "1 picture smaller than the crop of 20 pixels left out (b.png)" in dataset.notes[-2]
    monkeypatch.undo()


def test_the_sample_photos() -> None:
    pytest.importorskip("skimage")
    pictures = whole_pictures("sample-photos:test", 4, progress=False)
    assert [(picture.name, picture.sharp.shape) for picture in pictures] == [
        ("chelsea", (3, 300, 448)),
        ("coffee", (3, 400, 600)),
        ("flower", (3, 424, 640)),
    ]
    dataset = open_sharp("sample-photos:test", scale=4, crop=96, progress=False)
    assert isinstance(dataset.images, LazyRows)
    assert len(dataset) == (75 - 23) * (112 - 23) + (100 - 23) * (150 - 23) + (106 - 23) * (160 - 23)


def test_mistakes_are_explained(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="scale is 1; give an integer from 2 to 16"):
        open_sharp(photos, scale=1)
    with pytest.raises(TypeError):
        whole_pictures(photos, 2.5)  # pyright: ignore[reportArgumentType]
    with pytest.raises(
        ValueError, match="crop is 90; it must be a positive multiple of the scale 4, such as 88"
    ):
        open_sharp(photos, scale=4, crop=90)
    with pytest.raises(ValueError, match="most_crops is 0"):
        open_sharp(photos, most_crops=0)
    with pytest.raises(DataError, match="as large as a crop of 96x96 pixels; give a crop of at most 20"):
        open_sharp(photos, progress=False)
    with pytest.raises(ValueError, match="shapes holds small images of one size"):
        open_sharp("shapes")
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        whole_pictures(tmp_path / "nothing", 4)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        whole_pictures(tmp_path / "empty", 4)
    (photos / "a.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"1 of 3 images can't be read \(a\.png"):
        whole_pictures(photos, 4, progress=False)
