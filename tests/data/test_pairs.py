"""Folders of images and label maps: geometry, edges, Cityscapes as distributed, caching, and rejected files."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from everymode.data import check, format_report
from everymode.data import pairs as pairs_module
from everymode.data.dataset import Dataset
from everymode.data.errors import DataError, NoColumnsError, NoLabelsError, PairError
from everymode.data.label_maps import edges_of
from everymode.data.opening import open_images
from everymode.data.paired import Paired
from everymode.data.pairs import open_pairs


def _paired(dataset: Dataset) -> Paired:
    assert dataset.paired is not None
    return dataset.paired


def _save(path: Path, array: np.ndarray, mode: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(array)
    if mode == "P":
        image = Image.fromarray(array, mode="L")
        image.putpalette([value for i in range(256) for value in (255 - i, i, 0)])
    image.save(path)


def _scene(seed: int, size: tuple[int, int] = (8, 12)) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (*size, 3), np.uint8), random.integers(0, 4, size, np.uint8)


def _folder(root: Path, count: int = 3, mode: str | None = None) -> Path:
    for number in range(count):
        image, classes = _scene(number)
        _save(root / "images" / f"{number}.png", image)
        _save(root / "maps" / f"{number}.png", classes, mode)
    return root


@pytest.mark.parametrize("mode", [None, "P"])
def test_pairs_at_their_own_size_are_unchanged(tmp_path: Path, mode: str | None) -> None:
    root = _folder(tmp_path / "scenes", mode=mode)
    dataset = open_pairs(root / "images", root / "maps", progress=False)
    for row in range(3):
        image, classes = _scene(row)
        np.testing.assert_array_equal(dataset.images[row], image.transpose(2, 0, 1))
        np.testing.assert_array_equal(_paired(dataset).maps[row], classes)  # pyright: ignore
    assert dataset.facts().map_classes == 4
    assert dataset.name == "scenes"
    assert "4 classes (the largest number in the maps is 3)" in dataset.notes[-1]
    again = open_images(root, progress=False)
    assert again.fingerprint == dataset.fingerprint
    assert _paired(again).edges is None


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_image_and_map_keep_the_same_region(tmp_path: Path, fit: str) -> None:
    # a white square on black, labeled 1: after resizing, white pixels and class 1 must agree
    classes = np.zeros((40, 64), np.uint8)
    classes[4:20, 8:40] = 1
    _save(tmp_path / "i" / "a.png", np.repeat(classes[..., None] * 255, 3, axis=2))
    _save(tmp_path / "m" / "a.png", classes)
    dataset = open_pairs(tmp_path / "i", tmp_path / "m", resolution="16x16", fit=fit, progress=False)  # pyright: ignore
    gray = np.asarray(dataset.images)[0, 0].astype(int)
    small = np.asarray(_paired(dataset).maps)[0]
    inside = small != 255
    assert ((gray > 128) == (small == 1))[inside].all()
    assert (inside.sum(), (small == 1).sum()) == {
        "crop": (256, 66),
        "pad": (160, 32),
        "stretch": (256, 48),
    }[fit]
    if fit == "pad":
        assert (gray[~inside] == 255).all()


def test_images_are_resized_bicubically(tmp_path: Path) -> None:
    root = _folder(tmp_path, count=1)
    dataset = open_pairs(root / "images", root / "maps", resolution=(4, 6), progress=False)
    image, classes = _scene(0)
    wanted = Image.fromarray(image).resize((6, 4), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(dataset.images[0], np.asarray(wanted).transpose(2, 0, 1))
    np.testing.assert_array_equal(np.asarray(_paired(dataset).maps)[0], classes[1::2, 1::2])


def test_edges_are_where_a_neighbor_has_another_number() -> None:
    ids = np.array([[1, 1, 1, 2], [1, 1, 1, 2], [3, 1, 1, 2]])
    assert edges_of(ids).tolist() == [[0, 0, 1, 1], [1, 0, 1, 1], [1, 1, 1, 1]]
    random = np.random.default_rng(0).integers(0, 2, (2, 5, 7))
    wanted = np.zeros((2, 5, 7), int)
    for b, y, x in np.ndindex(2, 5, 7):
        for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            if 0 <= y + dy < 5 and 0 <= x + dx < 7:
                wanted[b, y, x] |= random[b, y, x] != random[b, y + dy, x + dx]
    np.testing.assert_array_equal(edges_of(random), wanted)


def test_cityscapes_opens_as_distributed(tmp_path: Path) -> None:
    ids = {}
    for split, city in (("train", "aachen"), ("train", "ulm"), ("val", "lindau")):
        stem = f"{city}_000000_000019"
        image, classes = _scene(len(city))
        ids[city] = classes.astype(np.uint16) * 1000 + (np.arange(12) // 6).astype(np.uint16)
        truth = tmp_path / "gtFine" / split / city
        _save(tmp_path / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png", image)
        _save(truth / f"{stem}_gtFine_labelIds.png", classes)
        _save(truth / f"{stem}_gtFine_instanceIds.png", ids[city])
        _save(truth / f"{stem}_gtFine_color.png", image)
        (truth / f"{stem}_gtFine_polygons.json").write_text("{}")
    dataset = open_images(tmp_path, progress=False)
    assert len(dataset) == 2
    maps, edges = dataset.gather_condition([0, 1])
    np.testing.assert_array_equal(maps[0], _scene(len("aachen"))[1])
    np.testing.assert_array_equal(edges[0], edges_of(ids["aachen"]))
    test = open_images(tmp_path / "leftImg8bit" / "val", progress=False)
    np.testing.assert_array_equal(test.gather_condition([0])[1][0], edges_of(ids["lindau"]))
    everything = open_pairs(tmp_path / "leftImg8bit", tmp_path / "gtFine", progress=False)
    assert len(everything) == 3
    assert not everything.facts().has_edges


def test_instance_maps_may_be_colors_and_edges_follow_the_resizing(tmp_path: Path) -> None:
    root = _folder(tmp_path, count=1)
    colors = np.zeros((8, 12, 3), np.uint8)
    colors[:, 6:, 1] = 7
    _save(root / "instances" / "0.png", colors)
    edges = _paired(open_images(root, resolution=(4, 6), progress=False)).edges
    np.testing.assert_array_equal(np.asarray(edges)[0], np.tile([0, 0, 1, 1, 0, 0], (4, 1)))


def test_void_and_the_rule_of_ade(tmp_path: Path) -> None:
    classes = np.array([[0, 1, 2], [255, 2, 0]], np.uint8)
    _save(tmp_path / "i" / "a.png", np.zeros((2, 3, 3), np.uint8))
    _save(tmp_path / "m" / "a_seg.png", classes)
    plain = open_pairs(tmp_path / "i", tmp_path / "m", strip=("_seg",), progress=False)
    np.testing.assert_array_equal(np.asarray(_paired(plain).maps)[0], classes)
    assert _paired(plain).num_classes == 3
    ade = open_pairs(
        tmp_path / "i", tmp_path / "m", strip=("_seg",), zero_is_void=True, num_classes=150, progress=False
    )
    assert np.asarray(_paired(ade).maps)[0].tolist() == [[255, 0, 1], [255, 1, 255]]
    assert ade.facts().map_classes == 150
    assert ade.fingerprint != plain.fingerprint


def test_low_depth_and_16_bit_numbers_are_class_numbers(tmp_path: Path) -> None:
    classes = np.arange(4, dtype=np.uint8).repeat(2).reshape(1, 8)
    for name in ("palette", "deep"):
        _save(tmp_path / "i" / f"{name}.png", np.zeros((1, 8, 3), np.uint8))
    (tmp_path / "m").mkdir()
    few = Image.fromarray(classes, mode="P")
    few.putpalette([0] * 768)
    few.save(tmp_path / "m" / "palette.png", bits=2)
    _save(tmp_path / "m" / "deep.png", classes.astype(np.uint16))
    dataset = open_pairs(tmp_path / "i", tmp_path / "m", progress=False)
    np.testing.assert_array_equal(np.asarray(_paired(dataset).maps), np.stack([classes] * 2))


def test_the_second_opening_reads_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = _folder(tmp_path)
    first = open_pairs(root / "images", root / "maps", progress=False, limit=2)
    assert len(first) == 2
    monkeypatch.setattr(pairs_module, "_decode_pair", None)
    second = open_pairs(root / "images", root / "maps", progress=False, limit=2)
    assert second.fingerprint == first.fingerprint
    np.testing.assert_array_equal(_paired(second).maps, _paired(first).maps)  # pyright: ignore
    monkeypatch.undo()
    _save(root / "maps" / "0.png", np.full((8, 12), 9, np.uint8))
    _save(root / "maps" / "1.png", np.full((8, 12), 9, np.uint8))
    changed = open_pairs(root / "images", root / "maps", progress=False, limit=2)
    assert changed.fingerprint != first.fingerprint
    assert changed.facts().map_classes == 10


def test_large_data_stay_memory_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = _folder(tmp_path)
    small = open_pairs(root / "images", root / "maps", progress=False)
    monkeypatch.setattr("everymode.data.channel_rows.COPY_BYTES", 0)
    dataset = open_pairs(root / "images", root / "maps", progress=False)
    assert not isinstance(dataset.images, np.ndarray)
    part = dataset.subset([2, 0])
    np.testing.assert_array_equal(part.images, np.asarray(small.images)[[2, 0]])
    np.testing.assert_array_equal(part.gather_condition([1]), small.gather_condition([0]))
    np.testing.assert_array_equal(part.gather([1, 0]), small.gather([0, 2]))
    assert part.fingerprint == small.subset([2, 0]).fingerprint


def _replaced(tmp_path: Path, array: np.ndarray, name: str = "1.png") -> Path:
    root = _folder(tmp_path)
    (root / "maps" / "1.png").unlink()
    _save(root / "maps" / name, array)
    return root


@pytest.mark.parametrize(
    ("array", "name", "message"),
    [
        (np.zeros((8, 12, 3), np.uint8), "1.png", r"maps/1\.png is of mode RGB"),
        (np.zeros((8, 12, 2), np.uint8), "1.png", r"maps/1\.png is of mode LA"),
        (
            np.full((8, 12), 300, np.uint16),
            "1.png",
            r"1\.png holds values from 300 to 300; classes are 0 \.\. 254",
        ),
        (np.zeros((8, 12), np.uint8), "1.jpg", r"1\.jpg is a JPEG"),
        (np.zeros((4, 6), np.uint8), "1.png", r"1\.png is 4x6 pixels and its image 8x12"),
        (np.zeros((12, 8), np.uint8), "1.png", r"1\.png is 12x8 pixels and its image 8x12"),
    ],
)
def test_wrong_maps_are_rejected_by_name(tmp_path: Path, array: np.ndarray, name: str, message: str) -> None:
    root = _replaced(tmp_path, array, name)
    with pytest.raises(PairError, match=message):
        open_pairs(root / "images", root / "maps", progress=False)


def test_damaged_files_are_counted_as_elsewhere(tmp_path: Path) -> None:
    root = _folder(tmp_path)
    (root / "maps" / "2.png").write_bytes((root / "maps" / "2.png").read_bytes()[:60])
    with pytest.raises(DataError, match=r"1 of 3 images can't be read \(2\.png: its map 2\.png"):
        open_pairs(root / "images", root / "maps", progress=False)
    with pytest.raises(DataError, match="images of 2 sizes"):
        _save(root / "images" / "1.png", np.zeros((5, 5, 3), np.uint8))
        open_pairs(root / "images", root / "maps", progress=False)


def test_a_damaged_pair_is_skipped_with_both_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("everymode.data.row_decoding.MOST_UNREADABLE", 0.5)
    root = _folder(tmp_path)
    (root / "maps" / "0.png").write_bytes(b"not a picture")
    with pytest.warns(UserWarning, match="1 of 3 images can't be read and are skipped"):
        dataset = open_pairs(root / "images", root / "maps", progress=False)
    assert [lost.name for lost in dataset.unreadable] == ["0.png"]
    for row in range(2):
        image, classes = _scene(row + 1)
        np.testing.assert_array_equal(dataset.images[row], image.transpose(2, 0, 1))
        np.testing.assert_array_equal(dataset.gather_condition([row])[0], classes)


def test_wrong_folders_and_arguments_are_rejected(tmp_path: Path) -> None:
    root = _folder(tmp_path)
    images, maps = root / "images", root / "maps"
    (root / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        open_pairs(images, root / "nothing")
    with pytest.raises(DataError, match="is not a folder"):
        open_pairs(images / "0.png", maps)
    with pytest.raises(DataError, match="empty holds no maps; check the path"):
        open_pairs(images, root / "empty")
    with pytest.raises(TypeError, match=r'give a tuple of endings, such as \("_seg",\)'):
        open_pairs(images, maps, strip="_seg")
    with pytest.raises(ValueError, match="empty ending"):
        open_pairs(images, maps, strip=("",))
    with pytest.raises(ValueError, match="num_classes is 256; give 1 to 255"):
        open_pairs(images, maps, num_classes=256)
    with pytest.raises(PairError, match="a map holds class 3, but num_classes is 2"):
        open_pairs(images, maps, num_classes=2, progress=False)
    with pytest.raises(NoColumnsError, match="without columns"):
        open_images(root, label_column="color")
    with pytest.raises(NoLabelsError, match="without a label per picture"):
        open_images(root, labeled=True)
    with pytest.raises(ValueError, match="have no value_range"):
        open_images(root, value_range="0..1")
    shutil.rmtree(maps)
    _save(maps / "0.png", np.full((8, 12), 255, np.uint8))
    _save(root / "one" / "0.png", _scene(0)[0])
    with pytest.raises(PairError, match="every pixel of every map is 255"):
        open_pairs(root / "one", maps, progress=False)


def test_the_pictures_of_pairs_are_checked(tmp_path: Path) -> None:
    report = check(_folder(tmp_path), progress=False)
    assert "3 images" in format_report(report)


def test_a_dataset_in_memory_keeps_its_pairs(tmp_path: Path) -> None:
    dataset = open_images(_folder(tmp_path), progress=False)
    assert open_images(dataset) is dataset
    assert open_images(dataset, channels=1).paired is dataset.paired
    with pytest.raises(ValueError, match=r"paired with maps or pictures at 8x12 .*omit resolution"):
        open_images(dataset, resolution=16)
