"""Formats beyond the usual ones: AVIF, and HEIC with and without pillow-heif."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin, features

from everymode.data import DataError, formats, open_images
from everymode.data.formats import is_image_name, is_undecodable, remedy

HEIC = b"fakeheic"


def _png() -> bytes:
    stream = io.BytesIO()
    Image.new("L", (4, 4), 7).save(stream, "PNG")
    return stream.getvalue()


def _register() -> None:
    """Stand in for pillow-heif's opener: a file is the text HEIC, then a PNG."""

    def opened(file: Any, name: str) -> Image.Image:
        return PngImagePlugin.PngImageFile(io.BytesIO(file.read()[len(HEIC) :]))

    Image.register_open("HEIF", opened, lambda prefix: prefix.startswith(HEIC))


@pytest.fixture
def heif(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    """Whether pillow-heif is installed."""
    module = SimpleNamespace(register_heif_opener=_register) if request.param else None
    monkeypatch.setitem(sys.modules, "pillow_heif", module)
    formats.formats.cache_clear()
    formats._extensions.cache_clear()
    before = Image.OPEN.pop("HEIF", None), [*Image.ID]
    yield request.param
    formats.formats.cache_clear()
    formats._extensions.cache_clear()
    Image.OPEN.pop("HEIF", None)
    if before[0] is not None:
        Image.OPEN["HEIF"] = before[0]
    Image.ID[:] = before[1]


without_heif = pytest.mark.parametrize("heif", [False], indirect=True)


def _photos(root: Path, names: list[str]) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(_png() if name.endswith(".png") else HEIC + _png())
    return root


@pytest.mark.parametrize("heif", [True], indirect=True)
def test_heic_is_read_if_pillow_heif_is_installed(tmp_path: Path, heif: bool) -> None:
    data = open_images(_photos(tmp_path / "p", ["cat/a.heic", "dog/b.HEIF", "dog/c.png"]), progress=False)
    assert data.classes == ("cat", "dog") and data.labels.tolist() == [0, 1, 1]
    assert np.unique(data.images).tolist() == [7]


@without_heif
def test_a_class_folder_of_heic_alone_is_an_error_in_words(tmp_path: Path, heif: bool) -> None:
    names = ["cat/a.heic", "cat/b.heic", "dog/c.png"]
    words = (
        r"no image in cat can be read \(2 files such as cat/a\.heic\); convert the \.heic files to PNG or JPEG, or "
        r"pip install pillow-heif, or move"
    )
    with pytest.raises(DataError, match=words):
        open_images(_photos(tmp_path / "p", names), progress=False)
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for name in names:
            archive.write(tmp_path / "p" / name, f"photos/{name}")
    with pytest.raises(DataError, match=words):
        open_images(tmp_path / "p.zip", progress=False)
    mixed = open_images(_photos(tmp_path / "p", ["cat/d.png"]), progress=False)
    assert mixed.labels.tolist() == [0, 1] and any("2 .heic files" in note for note in mixed.notes)


@without_heif
def test_heic_alone_is_named_with_the_remedy(tmp_path: Path, heif: bool) -> None:
    _photos(tmp_path / "p", ["a.heic", "b.hif"])
    with pytest.raises(
        DataError, match=r"holds no images \(only 1 \.heic files, 1 \.hif.*pip install pillow-heif"
    ):
        open_images(tmp_path / "p", progress=False)
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.write(tmp_path / "p" / "a.heic", "a.heic")
    with pytest.raises(DataError, match=r"holds no images; convert the \.heic files"):
        open_images(tmp_path / "p.zip", progress=False)


@without_heif
@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("labels.csv", "file,label\na.png,x\nb.heic,y\n"),
        ("dataset.json", '{"labels": [["a.png", 0], ["b.heic", 1]]}'),
    ],
)
def test_a_heic_in_a_label_file_is_named_as_what_it_is(
    tmp_path: Path, heif: bool, table: str, text: str
) -> None:
    _photos(tmp_path / "p", ["a.png", "b.heic"])
    (tmp_path / "p" / table).write_text(text)
    words = r"names 1 image in a format that can't be read here: b\.heic; convert.*, or remove these rows"
    with pytest.raises(DataError, match=words):
        open_images(tmp_path / "p", progress=False)
    (tmp_path / "p" / "b.heic").unlink()
    with pytest.raises(DataError, match="names 1 files that are not among the images"):
        open_images(tmp_path / "p", progress=False)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow doesn't read AVIF")
def test_avif_is_read_upright_if_pillow_can(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "cat").mkdir()
    Image.new("RGB", (8, 4), (200, 10, 30)).save(tmp_path / "cat" / "a.avif", exif=exif)
    data = open_images(tmp_path, progress=False)
    assert data.image_shape == (3, 8, 4) and data.classes == ("cat",)
    np.testing.assert_allclose(data.images[0, :, 0, 0], [200, 10, 30], atol=6)


@without_heif
def test_avif_needs_a_newer_pillow_where_it_is_missing(heif: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everymode.data.formats.features.check", lambda name: False)
    assert not is_image_name("a.AVIF") and is_undecodable("a.AVIF") and not is_undecodable("a.txt")
    assert remedy(["a.AVIF"]) == (
        "convert the .avif files to PNG or JPEG, or pip install --upgrade pillow (11.3 or newer)"
    )


def test_heic_with_pillow_heif(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    Image.new("RGB", (64, 32), (200, 10, 30)).save(tmp_path / "a.heic")
    data = open_images(tmp_path, progress=False)
    assert data.image_shape == (3, 32, 64)
    np.testing.assert_allclose(data.images[0, :, 0, 0], [200, 10, 30], atol=6)
