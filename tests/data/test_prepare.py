"""From files to a dataset: common sizes and channels, skipped files, warnings, and the cache."""

from __future__ import annotations

import io
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from everymode.data import DataError, open_images
from everymode.data import prepare as prepare_module


def _write(path: Path, size: tuple[int, int] = (4, 4), mode: str = "RGB", value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


def test_gray_stays_gray_only_if_all_images_are(tmp_path: Path) -> None:
    _write(tmp_path / "a.png", mode="L")
    _write(tmp_path / "b.png", mode="I;16")
    assert open_images(tmp_path, progress=False).image_shape == (1, 4, 4)
    assert open_images(tmp_path, channels=3, progress=False).image_shape == (3, 4, 4)
    _write(tmp_path / "c.png", mode="RGB")
    assert open_images(tmp_path, progress=False).image_shape == (3, 4, 4)
    assert open_images(tmp_path, channels=1, progress=False).image_shape == (1, 4, 4)
    assert open_images(tmp_path, channels=4, progress=False).image_shape == (4, 4, 4)


def test_sizes_must_agree_unless_one_is_chosen(tmp_path: Path) -> None:
    _write(tmp_path / "a.png", (8, 6))
    _write(tmp_path / "b.png", (8, 6))
    assert open_images(tmp_path, progress=False).image_shape == (3, 6, 8)
    _write(tmp_path / "c.png", (6, 6))
    with pytest.raises(
        DataError, match=r"2 sizes \(most often 6x8, height by width: 2 of 3\).*give a resolution"
    ):
        open_images(tmp_path, progress=False)
    for resolution in ("4x6", (4, 6), [4, 6]):
        assert open_images(tmp_path, resolution=resolution, progress=False).image_shape == (3, 4, 6)
    assert open_images(tmp_path, resolution=5, progress=False).image_shape == (3, 5, 5)


def test_enlarging_is_warned_of_once_with_a_count(tmp_path: Path) -> None:
    for i in range(3):
        _write(tmp_path / f"{i}.png", (10, 10) if i else (4, 4))
    with pytest.warns(UserWarning, match=r"1 of 3 images are enlarged more than 2x \(up to 5x\)") as caught:
        dataset = open_images(tmp_path, resolution=20, progress=False)
    assert len(caught) == 1
    assert any("enlarged more than 2x" in note for note in dataset.notes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_images(tmp_path, resolution=20, progress=False).notes == dataset.notes
        open_images(tmp_path, resolution=8, progress=False)


def _hundred(folder: Path, bad: int) -> None:
    for i in range(100):
        _write(folder / f"{'dog' if i % 2 else 'cat'}/{i:03d}.png", mode="L", value=i)
    for i in range(bad):
        path = folder / f"cat/{2 * i:03d}.png"
        path.write_bytes(path.read_bytes()[:40])


def test_up_to_one_percent_is_skipped_and_counted(tmp_path: Path) -> None:
    _hundred(tmp_path, 1)
    with pytest.warns(UserWarning, match=r"1 of 100 images can't be read and are skipped \(cat/000.png: "):
        dataset = open_images(tmp_path, progress=False)
    assert len(dataset) == 99
    assert dataset.num_skipped == 1
    assert dataset.unreadable[0].name == "cat/000.png"
    assert dataset.class_counts == (49, 50)
    # images and labels still belong together
    values = np.asarray(dataset.images)[:, 0, 0, 0]
    np.testing.assert_array_equal(values % 2, dataset.labels)
    again = open_images(tmp_path, progress=False)
    assert again.unreadable == dataset.unreadable
    assert again.fingerprint == dataset.fingerprint


def test_more_than_one_percent_is_an_error(tmp_path: Path, own_cache: Path) -> None:
    _hundred(tmp_path, 2)
    for resolution in (None, 4):
        with pytest.raises(DataError, match=r"2 of 100 images can't be read .*At most 1 % may be unreadable"):
            open_images(tmp_path, resolution=resolution, channels=1, progress=False)
    assert not [path for path in own_cache.iterdir() if path.is_dir()]


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("not a picture")
    with pytest.raises(DataError, match=r"1 of 1 images can't be read .*not an image of an accepted format"):
        open_images(tmp_path, progress=False)


def test_formats_outside_the_list_are_not_opened(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, "PPM")
    (tmp_path / "a.png").write_bytes(stream.getvalue())
    with pytest.raises(DataError, match="not an image of an accepted format"):
        open_images(tmp_path, progress=False)


def test_the_content_decides_not_the_ending(tmp_path: Path) -> None:
    Image.new("L", (4, 4), 7).save(tmp_path / "a.jpg", "PNG")
    assert np.unique(open_images(tmp_path, progress=False).images).tolist() == [7]


@pytest.mark.parametrize("megapixels", [100, 400])
def test_bombs_are_refused_from_the_header(
    tmp_path: Path, megapixels: int, recwarn: pytest.WarningsRecorder
) -> None:
    stream = io.BytesIO()
    Image.new("1", (8, 8)).save(stream, "PNG")
    data = bytearray(stream.getvalue())
    side = int((megapixels * 1e6) ** 0.5)
    data[16:24] = side.to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(data)
    with pytest.raises(DataError, match=r"bomb.png: .*(exceeds limit|more than the 89,000,000)"):
        open_images(tmp_path, progress=False)
    assert not [warning for warning in recwarn if warning.category is Image.DecompressionBombWarning]


def test_the_cache_is_used_and_every_choice_is_part_of_its_key(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGBA", (8, 4), (10, 20, 30, 100)).save(tmp_path / "a.png")
    choices = [
        {"resolution": 4},
        {"resolution": 2},
        {"resolution": 4, "channels": 1},
        {"resolution": 4, "fit": "pad"},
        {"resolution": 4, "background": (0, 0, 0)},
    ]
    datasets = [open_images(tmp_path, progress=False, **choice) for choice in choices]
    assert len({dataset.fingerprint for dataset in datasets}) == 5
    monkeypatch.setattr(prepare_module, "decoded", None)
    for dataset, choice in zip(datasets, choices, strict=True):
        again = open_images(tmp_path, progress=False, **choice)
        np.testing.assert_array_equal(again.images, dataset.images)
        assert again.fingerprint == dataset.fingerprint
    assert len([path for path in own_cache.iterdir() if path.is_dir()]) == 5


def test_a_changed_file_is_decoded_again(tmp_path: Path) -> None:
    _write(tmp_path / "a.png", mode="L", value=1)
    assert np.asarray(open_images(tmp_path, progress=False).images).max() == 1
    _write(tmp_path / "a.png", mode="L", value=200)
    assert np.asarray(open_images(tmp_path, progress=False).images).max() == 200


def test_workers_change_nothing(tmp_path: Path) -> None:
    for i in range(30):
        _write(tmp_path / f"{i:02d}.png", mode="L", value=i)
    one = open_images(tmp_path, workers=1, cache_dir=tmp_path / "one", progress=False)
    many = open_images(tmp_path, workers=5, cache_dir=tmp_path / "many", progress=False)
    np.testing.assert_array_equal(one.images, many.images)
    assert one.fingerprint == many.fingerprint
    with pytest.raises(ValueError, match="workers is 0"):
        open_images(tmp_path, workers=0, cache_dir=tmp_path / "none", progress=False)


def test_images_come_from_a_read_only_memory_map(tmp_path: Path) -> None:
    _write(tmp_path / "a.png")
    images = open_images(tmp_path, progress=False).images
    assert isinstance(images, np.memmap)
    assert not images.flags.writeable


def test_limit_takes_a_fixed_choice_in_order(tmp_path: Path) -> None:
    for i in range(40):
        _write(tmp_path / f"{'dog' if i >= 20 else 'cat'}/{i:02d}.png", mode="L", value=i)
    part = open_images(tmp_path, limit=10, progress=False)
    values = np.asarray(part.images)[:, 0, 0, 0].astype(int)
    assert len(part) == 10
    assert (np.diff(values) > 0).all()
    np.testing.assert_array_equal(part.labels, values >= 20)
    assert 0 < part.labels.sum() < 10
    assert open_images(tmp_path, limit=10, progress=False).fingerprint == part.fingerprint
    assert len(open_images(tmp_path, limit=100, progress=False)) == 40


def test_one_line_is_printed_where_there_is_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(tmp_path / "a.png")
    open_images(tmp_path, resolution=4, channels=3)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"decoding {tmp_path.name} into the cache (1 images)\n"
    open_images(tmp_path, resolution=4, channels=1, progress=False)
    assert capsys.readouterr().err == ""
