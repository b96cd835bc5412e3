"""Folders: order, labels, ignored files, and links."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from everymode.data import DataError, open_images
from everymode.data.folder import folder_source


def _write(path: Path, value: int = 0, size: tuple[int, int] = (4, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).save(path)


def test_class_folders(tmp_path: Path) -> None:
    for value, name in enumerate(["dog/b.png", "dog/a.jpg", "cat/x/deep.bmp", "cat/c.PNG"]):
        _write(tmp_path / name, value * 10)
    dataset = open_images(tmp_path, progress=False)
    assert dataset.classes == ("cat", "dog")
    assert dataset.labels.tolist() == [0, 0, 1, 1]
    assert dataset.name == tmp_path.name
    np.testing.assert_allclose(np.asarray(dataset.images).mean(axis=(1, 2, 3)), [30, 20, 10, 0], atol=1)


def test_a_flat_folder_is_unlabeled(tmp_path: Path) -> None:
    _write(tmp_path / "a.png")
    _write(tmp_path / "b.png")
    dataset = open_images(tmp_path, progress=False)
    assert dataset.labels.tolist() == [-1, -1]
    assert dataset.num_classes == 0
    assert dataset.num_unlabeled == 2


def test_labels_csv_and_dataset_json(tmp_path: Path) -> None:
    for name in ("a.png", "deep/b.png", "deep/c.png"):
        _write(tmp_path / name)
    (tmp_path / "labels.csv").write_text("file,label\na.png,zebra\ndeep/b.png,ant\n")
    source = folder_source(tmp_path)
    assert source.classes == ("ant", "zebra")
    assert source.labels.tolist() == [1, 0, -1]
    (tmp_path / "labels.csv").unlink()
    (tmp_path / "dataset.json").write_text('{"labels": [["deep/c.png", 1]]}')
    source = folder_source(tmp_path)
    assert source.labels.tolist() == [-1, -1, 0] and source.classes == ("1",)


def test_hidden_and_other_files_are_passed_over(tmp_path: Path) -> None:
    for name in ("cat/a.png", "dog/b.png", ".hidden/c.png", "cat/.d.png", "__MACOSX/e.png"):
        _write(tmp_path / name)
    (tmp_path / "cat" / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    source = folder_source(tmp_path)
    assert list(source.items) == ["cat/a.png", "dog/b.png"]
    assert source.classes == ("cat", "dog")
    assert any("1 .txt files" in note for note in source.notes)


def test_links_out_of_the_root_are_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    _write(root / "a.png")
    _write(tmp_path / "outside" / "b.png")
    (root / "inside.png").symlink_to(root / "a.png")
    (root / "outside.png").symlink_to(tmp_path / "outside" / "b.png")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "loop").symlink_to(root)
    (root / "broken.png").symlink_to(root / "nothing.png")
    source = folder_source(root)
    assert list(source.items) == ["a.png", "inside.png"]
    assert any("4 links that are not followed" in note for note in source.notes)
    (tmp_path / "entrance").symlink_to(root)
    assert len(folder_source(tmp_path / "entrance")) == 2


def test_empty_folders_are_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no images; put PNG, JPEG"):
        open_images(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DataError, match=r"holds no images \(only 1 .txt files\)"):
        open_images(tmp_path)


def test_the_key_follows_names_sizes_and_times(tmp_path: Path) -> None:
    _write(tmp_path / "a.png")
    keys = [folder_source(tmp_path).key]
    assert folder_source(tmp_path).key == keys[0]
    facts = (tmp_path / "a.png").stat()
    os.utime(tmp_path / "a.png", ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
    keys.append(folder_source(tmp_path).key)
    _write(tmp_path / "b.png")
    keys.append(folder_source(tmp_path).key)
    (tmp_path / "b.png").rename(tmp_path / "c.png")
    keys.append(folder_source(tmp_path).key)
    assert len(set(keys)) == 4


def test_new_labels_need_no_new_decoding(tmp_path: Path, own_cache: Path) -> None:
    _write(tmp_path / "a.png", 1)
    _write(tmp_path / "b.png", 2)
    first = open_images(tmp_path, progress=False)
    (tmp_path / "labels.csv").write_text("file,label\na.png,x\n")
    second = open_images(tmp_path, progress=False)
    assert second.labels.tolist() == [0, -1]
    assert first.fingerprint != second.fingerprint
    assert len([entry for entry in own_cache.iterdir() if entry.is_dir()]) == 1


def test_labels_under_another_name(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        _write(tmp_path / name)
    (tmp_path / "metadata.csv").write_text("file_name,text,label\na.png,x,oak\nb.png,y,elm\n")
    source = folder_source(tmp_path)
    assert source.classes == ("elm", "oak") and source.labels.tolist() == [1, 0]
    assert any("labels are from metadata.csv, column label" in note for note in source.notes)
    assert folder_source(tmp_path, label_column="text").classes == ("x", "y")
    (tmp_path / "metadata.csv").write_text("file_name,kind\na.png,oak\nb.png,elm\n")
    source = folder_source(tmp_path)
    assert source.classes == ()
    assert any(
        "metadata.csv may hold labels" in note and "--label-column kind" in note for note in source.notes
    )
    (tmp_path / "Labels.csv").write_text("file,label\na.png,7\nb.png,nan\n")
    source = folder_source(tmp_path)
    assert source.classes == ("7",) and source.labels.tolist() == [0, -1]
    assert any("metadata.csv may hold labels but is ignored" in note for note in source.notes)


def test_labels_csv_and_class_folders_come_before_other_tables(tmp_path: Path) -> None:
    for name in ("oak/a.png", "elm/b.png"):
        _write(tmp_path / name)
    (tmp_path / "metadata.csv").write_text("file_name,label\noak/a.png,1\nelm/b.png,2\n")
    source = folder_source(tmp_path)
    assert source.classes == ("elm", "oak")
    assert any(
        "metadata.csv may hold labels" in note and "--label-column label" in note for note in source.notes
    )
    assert folder_source(tmp_path, label_column="label").classes == ("1", "2")
    (tmp_path / "labels.csv").write_text("file,label\noak/a.png,x\nelm/b.png,y\n")
    assert folder_source(tmp_path).classes == ("x", "y")


def test_files_that_may_hold_labels_are_named(tmp_path: Path) -> None:
    for name in ("a.png", "in/b.png"):
        _write(tmp_path / name)
    (tmp_path / "in" / "labels.csv").write_text("file,label\nb.png,1\n")
    (tmp_path / "train.jsonl").write_text("{}")
    (note,) = [note for note in folder_source(tmp_path).notes if "may hold labels" in note]
    assert "in/labels.csv, train.jsonl may hold labels but are ignored" in note
    assert note.endswith(f"or open {tmp_path}/in")


def test_a_dataset_json_of_another_tool_is_no_label_file(tmp_path: Path) -> None:
    for name in ("p/cat/a.png", "p/dog/b.png"):
        _write(tmp_path / "p" / name)
    (tmp_path / "p" / "dataset.json").write_text('{"name": "pets", "version": 2}')
    source = folder_source(tmp_path / "p" / "p")
    assert source.classes == ("cat", "dog") and not source.notes
    (tmp_path / "p" / "p" / "dataset.json").write_text('{"name": "pets", "version": 2}')
    source = folder_source(tmp_path / "p" / "p")
    assert source.classes == ("cat", "dog") and source.labels.tolist() == [0, 1]
    assert source.notes == ('p: dataset.json has no "labels", so it is ignored',)
    (tmp_path / "p" / "p" / "labels.csv").write_text("file,label\ncat/a.png,x\n")
    assert folder_source(tmp_path / "p" / "p").classes == ("x",)
    (tmp_path / "p" / "p" / "labels.csv").unlink()
    (tmp_path / "p" / "p" / "dataset.json").write_text('{"labels": null}')
    assert folder_source(tmp_path / "p" / "p").classes == ()


def test_label_files_behind_links_are_read_and_not_counted_as_ignored(tmp_path: Path) -> None:
    _write(tmp_path / "photos" / "a.png")
    (tmp_path / "mine.csv").write_text("file,label\na.png,ant\n")
    for name in ("labels.csv", "metadata.csv"):
        (tmp_path / "photos" / name).symlink_to(tmp_path / "mine.csv")
        source = folder_source(tmp_path / "photos")
        assert source.classes == ("ant",)
        assert not any("links that are not followed" in note for note in source.notes)
        (tmp_path / "photos" / name).unlink()
