"""Folders that are classes, and those that are not: root, system folders, splits, kinds of files."""

from __future__ import annotations

import io
import sys
import warnings
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from everymode.cli import main
from everymode.data import DataError, check, open_images
from everymode.data.class_folders import folder_around, labels_from_folders, levels_of


def _png(value: int = 0) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (4, 4), value).save(stream, "PNG")
    return stream.getvalue()


PNG = _png()


def _zip(path: Path, *members: str, **texts: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in members:
            archive.writestr(name, PNG if name.endswith("png") else "text")
        for name, text in texts.items():
            archive.writestr(name, text)
    return path


def _named(data) -> list[str | None]:
    return [None if label < 0 else data.classes[label] for label in data.labels]


def test_folders_around_and_their_levels() -> None:
    assert folder_around(["a/b/1.png", "a/b/c/2.png"]) == "a/b/"
    assert folder_around(["a/1.png", "b/2.png"]) == folder_around(["1.png"]) == folder_around([]) == ""
    assert levels_of("a/b/") == ["", "a/", "a/b/"] and levels_of("") == [""]


@pytest.mark.parametrize(
    ("members", "names"),
    [
        (["x/y/z/owl/1.png", "x/y/z/elk/1.png", "x/LICENSE", "notes.txt"], ["elk", "owl"]),
        (["set/owl/1.png", "set/9.png", "set/elk/1.png"], [None, "elk", "owl"]),
        (["deep/er/1.png", "deep/er/2.png"], [None, None]),
        (["1.png", "2.png", "read.me"], [None, None]),
        (["set\\owl\\1.png", "set\\elk\\1.png"], ["elk", "owl"]),
        (["set/owl/1.png", "set/elk/1.png", "__MACOSX/set/owl/._1.png", "set/.DS_Store"], ["elk", "owl"]),
        (["set/owl/1.png", "set/elk/1.png", "set/@eaDir/1.png/T.png", "$RECYCLE.BIN/2.png"], ["elk", "owl"]),
    ],
)
def test_an_archive_is_looked_through(tmp_path: Path, members: list[str], names: list[str | None]) -> None:
    opened = open_images(_zip(tmp_path / "p.zip", *members), progress=False)
    assert _named(opened) == names
    if names == [None, None] and "/" in members[0]:
        assert any("all images are in deep/er/" in note for note in opened.notes)


def test_labels_inside_an_archive(tmp_path: Path) -> None:
    table = "file,label\nimages/1.png,oak\nimages/2.png,elm\n"
    opened = open_images(
        _zip(tmp_path / "p.zip", "w/images/1.png", "w/images/2.png", **{"w/labels.csv": table}),
        progress=False,
    )
    assert _named(opened) == ["oak", "elm"]
    table = "file_name,label\n1.png,oak\n2.png,elm\n"
    opened = open_images(
        _zip(tmp_path / "q.zip", "w/1.png", "w/2.png", **{"w/metadata.csv": table}), progress=False
    )
    assert _named(opened) == ["oak", "elm"]
    assert any("labels are from metadata.csv" in note for note in opened.notes)


def test_a_label_file_that_can_not_be_unpacked_is_one_sentence(tmp_path: Path) -> None:
    path = _zip(tmp_path / "p.zip", "a.png", **{"dataset.json": '{"labels": [["a.png", 1]]}'})
    whole = path.read_bytes()
    offset = whole.index(b'{"labels"')
    damaged = {
        "checksum": whole[:offset] + b'{"labelz"' + whole[offset + 9 :],
        "method": whole.replace(b"\x00\x00\x00\x00", b"\x00\x00\x00\x00"),
    }
    path.write_bytes(damaged["checksum"])
    for opening in (open_images, check):
        with pytest.raises(DataError, match=r"p\.zip: dataset\.json can't be read \(Bad CRC"):
            opening(path, progress=False)
    entry = whole.rindex(b"PK\x01\x02")
    for at, value in ((8, 1), (10, 9)):  # flags: encrypted; method: Deflate64
        changed = bytearray(whole)
        changed[entry + at] = value
        local = whole.rindex(b"PK\x03\x04")
        changed[local + at - 2] = value
        path.write_bytes(changed)
        with pytest.raises(DataError, match=r"p\.zip: dataset\.json can't be read"):
            open_images(path, progress=False)


def test_split_folders_of_an_archive_are_to_be_unpacked(tmp_path: Path) -> None:
    path = _zip(tmp_path / "p.zip", "set/training/owl/1.png", "set/validation/owl/1.png")
    with pytest.raises(
        DataError, match=r"look like splits.*unpack it and open one of them, such as training"
    ):
        open_images(path, progress=False)


@pytest.mark.parametrize(
    "folders",
    [
        ["TRAIN", "eval"],
        ["trainA", "trainB", "testA", "testB"],
        ["train2014", "val2014"],
        ["test_set", "training_set"],
        ["train", "owl", "test"],
        ["images", "masks"],
        ["JPEGImages", "SegmentationClass", "Annotations"],
        ["samples", "images"],
        ["held-out", "train"],
    ],
)
def test_splits_and_kinds_are_no_classes(folders: list[str]) -> None:
    with pytest.raises(DataError, match=r"look like .*open one of them, such as /data/w/"):
        labels_from_folders([f"{folder}/1.png" for folder in folders], "w", root="/data/w")


@pytest.mark.parametrize(
    ("folders", "odd"),
    [
        (["train", "bus", "car"], "train"),
        (["unlabeled", "elk", "owl"], "unlabeled"),
        (["samples", "elk"], "samples"),
        (["val2017", "elk"], "val2017"),
    ],
)
def test_among_others_they_are_noted(folders: list[str], odd: str) -> None:
    labeling = labels_from_folders([f"{folder}/1.png" for folder in folders], "w")
    assert labeling.classes == tuple(sorted(folders))
    assert f"w: {odd} looks like a split or a kind of files" in labeling.notes[0]


@pytest.mark.parametrize(
    "folders", [["elk", "owl"], ["2017", "2018"], ["0.5", "nan"], ["trained", "testament"]]
)
def test_other_folders_are_classes_without_a_word(folders: list[str]) -> None:
    assert labels_from_folders([f"{folder}/1.png" for folder in folders], "w").notes == ()


def test_system_folders_of_a_disk_are_passed_over(tmp_path: Path) -> None:
    for name in ("elk/1.png", "owl/1.png", "elk/@eaDir/1.png/SYNO.png", "lost+found/x.png", "#recycle/2.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(PNG)
    opened = open_images(tmp_path, progress=False)
    assert _named(opened) == ["elk", "owl"]
    assert any("3 system folders" in note for note in opened.notes)


def test_the_note_on_one_class_folder_names_the_path_to_open(tmp_path: Path) -> None:
    for name in ("set/elk/1.png", "set/owl/1.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(PNG)
    opened = open_images(tmp_path, progress=False)
    assert opened.classes == ("set",)
    assert any(f"open {tmp_path}/set" in note for note in opened.notes)
    assert open_images(tmp_path / "set", progress=False).classes == ("elk", "owl")


def test_links_that_lead_in_a_circle_or_nowhere(tmp_path: Path) -> None:
    for name in ("elk/1.png", "owl/1.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(PNG)
    (tmp_path / "elk" / "me.png").symlink_to("me.png")
    (tmp_path / "top.png").symlink_to("top.png")
    (tmp_path / "all").symlink_to(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened = open_images(tmp_path, progress=False)
    assert _named(opened) == ["elk", "owl"]
    assert any("3 links that are not followed" in note for note in opened.notes)
    (tmp_path / "labels.csv").symlink_to("gone.csv")
    with pytest.raises(DataError, match=r"labels\.csv is a broken link"):
        open_images(tmp_path, progress=False)


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    for folder in (b"stra\xdfe", b"weg"):
        path = Path(str(tmp_path)).joinpath(folder.decode("utf-8", "surrogateescape"))
        path.mkdir()
        (path / "1.png").write_bytes(PNG)
    opened = open_images(tmp_path, progress=False)
    assert opened.classes == ("stra\udcdfe", "weg") and len(opened.fingerprint) == 32


def test_names_that_are_not_utf8_reach_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / b"gr\xfcn".decode("utf-8", "surrogateescape")
    path.mkdir()
    (path / "1.png").write_bytes(PNG)
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="utf-8", errors="strict"))
    assert main(["data", "check", str(tmp_path)]) == 0
    assert b"gr\\udcfcn 1" in written.getvalue()
