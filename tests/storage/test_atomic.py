"""Files and folders that are written atomically: there whole or not at all."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from everymode.storage.atomic import atomic_file, atomic_folder, remove_leftovers, write_text_atomic


def test_a_small_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    write_text_atomic(path, "one")
    write_text_atomic(path, "two")
    assert path.read_text() == "two"
    assert [found.name for found in tmp_path.iterdir()] == ["status.json"]


def test_text_is_utf_8(tmp_path: Path) -> None:
    write_text_atomic(tmp_path / "text", "größer\n", shared=True)
    assert (tmp_path / "text").read_bytes() == "größer\n".encode()


def test_all_that_is_written_is_flushed_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: flushed.append(os.fstat(file).st_ino))
    write_text_atomic(tmp_path / "status.json", "one")
    assert flushed == [path.stat().st_ino for path in (tmp_path / "status.json", tmp_path)]
    flushed.clear()
    with atomic_folder(tmp_path / "step") as beside:
        (beside / "state").mkdir()
        (beside / "state" / "numbers").write_text("two")
    inside = ("state/numbers", "state", "")
    assert flushed == [*((tmp_path / "step" / path).stat().st_ino for path in inside), tmp_path.stat().st_ino]


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("writer", [atomic_file, atomic_folder])
def test_what_is_broken_off_leaves_what_was_there(
    writer: Callable[..., AbstractContextManager[Path]], shared: bool, tmp_path: Path
) -> None:
    path = tmp_path / "kept"
    write_text_atomic(path, "before")
    with pytest.raises(KeyboardInterrupt), writer(path, shared=shared) as beside:
        assert beside.parent == path.parent and beside.name.startswith(".kept.")
        (beside / "new" if beside.is_dir() else beside).write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_others_write_too_has_a_place_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    with atomic_file(path, shared=True) as one, atomic_file(path, shared=True) as other:
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"  # whose block ended last


def test_a_folder_replaces_the_one_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "parents" / "are" / "made"
    for name in ("first", "second"):
        with atomic_folder(path) as beside:
            (beside / "below").mkdir()
            (beside / "below" / name).write_text(name)
    assert [found.name for found in (path / "below").iterdir()] == ["second"]
    assert list(path.parent.iterdir()) == [path]


def test_a_good_folder_that_another_writer_was_quicker_with_stays(tmp_path: Path) -> None:
    path = tmp_path / "entry"
    with atomic_folder(path, shared=True, good=(path / "other").exists) as beside:
        (beside / "mine").touch()
        path.mkdir()
        (path / "other").touch()
    assert [found.name for found in path.iterdir()] == ["other"]
    assert list(tmp_path.iterdir()) == [path]


def test_leftovers_of_this_machine_are_removed_and_no_others(tmp_path: Path) -> None:
    host = socket.gethostname()
    names = [f".entry.{host}-0.part", f".entry.{host}2-0.part", f".other.{host}-0.part"]
    for name in names:
        (tmp_path / name).mkdir()
    remove_leftovers(tmp_path / "entry")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])
