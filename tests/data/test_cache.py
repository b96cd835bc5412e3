"""Cache: only complete entries are used, and killed writers and concurrent processes are safe."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from everymode.data import cache as cache_module
from everymode.data import open_images
from everymode.data.cache import (
    HEADER_BYTES,
    CacheEntry,
    cache_folder,
    entry_folder,
    read_entry,
    read_or_write,
)
from everymode.data.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 3, 4, 4), dtype=np.uint8)


def _record(count: int) -> CacheEntry:
    return CacheEntry((count, 3, 4, 4), "00", ((5, "bad.png", "truncated"),), 0, 1.0)


def _store(folder: Path, images: np.ndarray = IMAGES) -> tuple[np.ndarray, CacheEntry]:
    return read_or_write(folder, (6, 3, 4, 4), lambda: iter([images[:2], images[2:]]), _record)


def test_what_was_written_is_mapped_back(own_cache: Path) -> None:
    images, entry = _store(own_cache / "x")
    assert isinstance(images, np.memmap)
    assert not images.flags.writeable
    np.testing.assert_array_equal(images, IMAGES)
    assert entry == _record(5)
    np.testing.assert_array_equal(np.load(own_cache / "x" / "images.npy"), IMAGES)
    # the second time nothing is decoded
    again, _ = _store(own_cache / "x", images[:0])
    np.testing.assert_array_equal(again, IMAGES)


def test_entries_that_are_not_whole_are_not_trusted(own_cache: Path) -> None:
    folder = own_cache / "x"
    _store(folder)
    record = (folder / "entry.json").read_text()
    for spoil in (
        lambda: (folder / "images.npy").write_bytes((folder / "images.npy").read_bytes()[:-1]),
        lambda: (folder / "images.npy").write_bytes((folder / "images.npy").read_bytes() + b"x"),
        lambda: (folder / "images.npy").unlink(),
        lambda: (folder / "entry.json").unlink(),
        lambda: (folder / "entry.json").write_text(record[: len(record) // 2]),
        lambda: (folder / "entry.json").write_text("[]"),
        lambda: (folder / "entry.json").write_text(json.dumps({**json.loads(record), "version": 0})),
        lambda: (folder / "entry.json").write_text(json.dumps({**json.loads(record), "more": 0})),
    ):
        assert read_entry(folder) is not None
        spoil()
        assert read_entry(folder) is None
        images, _ = _store(folder)
        np.testing.assert_array_equal(images, IMAGES)


def test_a_failing_writer_leaves_nothing(own_cache: Path) -> None:
    def fail() -> Iterator[np.ndarray]:
        yield IMAGES[:2]
        raise DataError("too many are unreadable")

    with pytest.raises(DataError, match="too many"):
        read_or_write(own_cache / "x", (6, 3, 4, 4), fail, _record)
    assert [path.name for path in own_cache.iterdir() if path.is_dir()] == []


KILLED = """
import sys, time, numpy as np
from pathlib import Path
from everymode.data.cache import read_or_write
def write():
    yield np.zeros((2, 3, 4, 4), np.uint8)
    print("half", flush=True)
    time.sleep(60)
read_or_write(Path(sys.argv[1]), (6, 3, 4, 4), write, lambda count: None)
"""


def test_a_killed_writer_is_cleaned_up_and_its_lock_is_gone(own_cache: Path) -> None:
    folder = own_cache / "x"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.send_signal(signal.SIGKILL)
    left = [path for path in own_cache.iterdir() if path.name.endswith(".part")]
    assert len(left) == 1
    assert read_entry(folder) is None
    images, _ = _store(folder)
    np.testing.assert_array_equal(images, IMAGES)
    assert not left[0].exists()


def test_leftovers_of_another_machine_are_let_be(own_cache: Path) -> None:
    other = own_cache / f"x.{socket.gethostname()}2-0.part"
    other.mkdir()
    _store(own_cache / "x")
    assert other.exists()


def test_two_writers_at_once_write_once(own_cache: Path) -> None:
    calls: list[int] = []

    def slow() -> Iterator[np.ndarray]:
        calls.append(1)
        time.sleep(0.1)
        yield IMAGES

    def work() -> None:
        images, _ = read_or_write(own_cache / "x", (6, 3, 4, 4), slow, _record)
        np.testing.assert_array_equal(images, IMAGES)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_without_locks_the_quicker_writer_wins(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "fcntl", None)

    def slow() -> Iterator[np.ndarray]:
        _store(own_cache / "x")
        yield np.zeros_like(IMAGES)

    images, _ = read_or_write(own_cache / "x", (6, 3, 4, 4), slow, _record)
    np.testing.assert_array_equal(images, IMAGES)
    assert [path.name for path in own_cache.iterdir()] == ["x"]


def test_a_full_disk_is_noticed_before_work_begins(own_cache: Path) -> None:
    with pytest.raises(DataError, match="set EVERYMODE_CACHE to a larger disk"):
        read_or_write(own_cache / "x", (10**9, 3, 10**4, 10**4), lambda: iter([]), _record)


def test_the_folder_comes_from_argument_then_environment(own_cache: Path, tmp_path: Path) -> None:
    assert cache_folder(tmp_path / "mine") == tmp_path / "mine"
    assert cache_folder() == own_cache


def test_the_folder_is_below_home_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVERYMODE_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "everymode"


def test_an_unwritable_folder_gives_way_to_a_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("EVERYMODE_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    with pytest.warns(UserWarning, match="Set EVERYMODE_CACHE to a writable folder"):
        folder = cache_folder()
    assert folder.parent == tmp_path / "temporary"
    assert folder.stat().st_uid == os.getuid()
    assert folder.stat().st_mode & 0o077 == 0


def test_a_link_planted_among_the_temporary_files_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"everymode-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="can't be cached"):
        folder = cache_folder(tmp_path / "file")
    assert folder.resolve() != tmp_path / "elsewhere"


def test_entry_names_are_readable_and_safe(tmp_path: Path) -> None:
    assert entry_folder(tmp_path, "../my photos!", "ab12").name == "my-photos-2-ab12"
    assert entry_folder(tmp_path, "ünïcödé" * 50, "ab").parent == tmp_path


def test_the_header_is_numpys_and_of_fixed_length() -> None:
    for shape in ((1, 1, 1, 1), (10**12, 4, 16384, 16384)):
        assert len(cache_module._npy_header(shape)) == HEADER_BYTES
        assert HEADER_BYTES % 64 == 0


def test_entries_of_a_read_only_folder_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    photos, cache = tmp_path / "photos", tmp_path / "cache"
    photos.mkdir()
    for i in range(2):
        Image.new("L", (4, 4), i).save(photos / f"{i}.png")
    before = open_images(photos, cache_dir=cache, progress=False)

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "read-only")

    monkeypatch.setattr("everymode.data.cache.tempfile.TemporaryFile", refuse)
    monkeypatch.setattr("everymode.data.prepare.decode_all", refuse)
    after = open_images(photos, cache_dir=cache, progress=False)
    assert after.fingerprint == before.fingerprint and isinstance(after.images, np.memmap)
    assert not recwarn.list
    with pytest.raises(PermissionError), pytest.warns(UserWarning, match="can't be cached in"):
        open_images(photos, resolution=2, cache_dir=cache, progress=False)
