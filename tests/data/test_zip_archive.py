"""Zip archives: read without extraction, laid out like folders, and never trusted."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from everymode.data import DataError, open_images
from everymode.data import zip_archive as zip_module
from everymode.data.zip_archive import zip_source


def _png(value: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (4, 4), value).save(stream, "PNG")
    return stream.getvalue()


def _zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_class_folders_in_an_archive(tmp_path: Path) -> None:
    members = {"dog/b.png": _png(5), "cat/a.png": _png(9), ".hidden/x.png": b"", "read me.txt": b""}
    dataset = open_images(_zip(tmp_path / "p.zip", members), progress=False)
    assert dataset.classes == ("cat", "dog")
    assert dataset.labels.tolist() == [0, 1]
    assert np.asarray(dataset.images)[:, 0, 0, 0].tolist() == [9, 5]
    assert any("1 .txt files" in note for note in dataset.notes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.zip"]


def test_stylegan_layout(tmp_path: Path) -> None:
    labels = b'{"labels": [["00000/img0.png", 2], ["00000/img1.png", 0]]}'
    members = {"00000/img0.png": _png(1), "00000/img1.png": _png(2), "dataset.json": labels}
    source = zip_source(_zip(tmp_path / "p.zip", members))
    assert source.labels.tolist() == [1, 0] and source.classes == ("0", "2")
    members["dataset.json"] = b'{"labels": null}'
    assert zip_source(_zip(tmp_path / "q.zip", members)).labels.tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("members", "classes"),
    [
        (["photos/cat/a.png", "photos/dog/b.png"], ("cat", "dog")),
        (["cat/a.png", "cat/b.png"], ()),
        (["photos/a.png", "photos/labels.csv"], ()),
        (["a.png"], ()),
    ],
)
def test_a_folder_around_everything_is_looked_through(
    tmp_path: Path, members: list[str], classes: tuple[str, ...]
) -> None:
    data = {name: _png(0) if name.endswith("png") else b"file,label\n" for name in members}
    assert zip_source(_zip(tmp_path / "p.zip", data)).classes == classes


@pytest.mark.parametrize("name", ["../a.png", "/a.png", "x/../../a.png", "C:/a.png", "\\a.png", "..\\a.png"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="leads out of it"):
        zip_source(_zip(tmp_path / "p.zip", {name: _png(0), "b.png": _png(1)}))


def test_links_in_an_archive_are_passed_over(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("a.png", _png(0))
    source = zip_source(tmp_path / "p.zip")
    assert list(source.items) == ["a.png"]
    assert any("1 links that are not followed" in note for note in source.notes)


def test_number_and_size_of_members_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _zip(tmp_path / "p.zip", {"a.png": _png(0), "b.png": _png(0)})
    monkeypatch.setattr(zip_module, "MAX_MEMBERS", 1)
    with pytest.raises(DataError, match="2 members; at most 1"):
        zip_source(path)
    monkeypatch.undo()
    monkeypatch.setattr(zip_module, "MAX_MEMBER_BYTES", 10)
    with pytest.raises(DataError, match="declares"):
        zip_source(path).open_image(0)


def test_a_declared_size_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _zip(tmp_path / "p.zip", {"a.png": bytes(1000)})
    monkeypatch.setattr(zip_module, "MAX_MEMBER_BYTES", 100)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("a.png")
        info.file_size = 50
        with pytest.raises((DataError, zipfile.BadZipFile)):
            zip_module._member_bytes(archive, info)


def test_faults_are_explained(tmp_path: Path) -> None:
    (tmp_path / "p.zip").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match="not a readable zip archive"):
        zip_source(tmp_path / "p.zip")
    with pytest.raises(DataError, match="holds no images"):
        zip_source(_zip(tmp_path / "q.zip", {"a.txt": b""}))
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(tmp_path / "r.zip", "w") as archive,
    ):
        archive.writestr("a.png", _png(0))
        archive.writestr("a.png", _png(1))
    with pytest.raises(DataError, match="two members named"):
        zip_source(tmp_path / "r.zip")


def test_the_key_follows_the_content(tmp_path: Path) -> None:
    first = zip_source(_zip(tmp_path / "p.zip", {"a.png": _png(0)}))
    again = zip_source(_zip(tmp_path / "q.zip", {"a.png": _png(0)}))
    other = zip_source(_zip(tmp_path / "p.zip", {"a.png": _png(1)}))
    assert first.key == again.key != other.key


@pytest.mark.parametrize("name", ["dataset.json", "pets/dataset.json"])
def test_a_dataset_json_of_another_tool_decides_neither_labels_nor_root(tmp_path: Path, name: str) -> None:
    members = {"pets/cat/a.png": _png(1), "pets/dog/b.png": _png(2), name: b'{"version": 2}'}
    source = zip_source(_zip(tmp_path / "p.zip", members))
    assert source.classes == ("cat", "dog") and source.labels.tolist() == [0, 1]
    assert any("dataset.json" in note and "ignored" in note for note in source.notes)
