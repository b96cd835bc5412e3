"""Atomic writes: a file or a folder that is there whole or not at all, whenever the process or the machine stops.

What is written stands beside its place first, under a hidden name. When it is whole it is flushed to the disk and
renamed into place, and then the list of names in the folder around it is flushed too. Whoever reads sees what was there
before, or all of what is new. A folder in whose place another comes is first given a hidden name, for folders can't be
replaced in one step; `clean` puts it back where a kill left neither.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["atomic_file", "atomic_folder", "clean", "remove_leftovers", "write_text_atomic"]


def write_text_atomic(path: Path, text: str, *, shared: bool = False) -> None:
    """Write a text file as UTF-8, atomically. Args, and what it raises: as `atomic_file`."""
    with atomic_file(path, shared=shared) as beside:
        beside.write_text(text, "utf-8")


@contextmanager
def atomic_file(path: Path, *, shared: bool = False) -> Iterator[Path]:
    """Gives the place beside `path` to write a file to; it takes the place of `path` when the block ends.

    Where the block raises, `path` stays as it was and what was written is deleted.

    Args:
        path: in a folder that exists.
        shared: whether other processes may write the same file at the same time. Each then writes under a name of its
            own, and the last one stands; what a kill leaves is not written over.

    Raises OSError where the disk refuses.
    """
    beside = _beside(path, shared)
    try:
        yield beside
        _sync(beside)
        beside.replace(path)
        _sync(path.parent)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


@contextmanager
def atomic_folder(
    path: Path, *, shared: bool = False, good: Callable[[], bool] = lambda: False
) -> Iterator[Path]:
    """Gives a new folder beside `path` to write files to; it takes the place of `path` when the block ends.

    Where the block raises, `path` stays as it was and what was written is deleted.

    Args:
        path: parents are made.
        shared: as for `atomic_file`.
        good: asked, where there is a folder at `path` already, whether that one is to stay and this one to be thrown
            away: another process may have been quicker.

    Raises OSError where the disk refuses.
    """
    beside = _beside(path, shared)
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        yield beside
        for inside in sorted(beside.rglob("*"), reverse=True):  # what is in a folder comes before it
            _sync(inside)
        _sync(beside)
        if path.exists() and not good():
            shutil.rmtree(_replaced(path), ignore_errors=True)
            with suppress(FileNotFoundError):  # another process was quicker
                path.replace(_replaced(path))
        try:
            beside.replace(path)
        except OSError:
            if not good():
                raise
        _sync(path.parent)
        shutil.rmtree(_replaced(path), ignore_errors=True)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def clean(folder: Path) -> None:
    """Delete what killed writers left in a folder and all folders in it, and put back what they were about to replace.

    Only for the writer of the folder. What processes of this machine that still run, or others, are writing to it under
    names of their own stays.
    """
    for replaced in folder.rglob(".*.replaced"):
        place = replaced.with_name(replaced.name.removeprefix(".").removesuffix(".replaced"))
        if place.exists():
            shutil.rmtree(replaced, ignore_errors=True)
        else:
            replaced.replace(place)
    for left in [*folder.rglob(".*.writing"), *filter(_is_orphan, folder.rglob(".*.part"))]:
        shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)


def _is_orphan(part: Path) -> bool:
    """Whether the process that wrote a shared part was one of this machine, and is gone."""
    found = re.search(rf"\.{re.escape(socket.gethostname())}-(\d+)-[0-9a-f]+\.part$", part.name)
    if found is None:
        return False
    try:
        os.kill(int(found[1]), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    return int(found[1]) == os.getpid()


def remove_leftovers(path: Path) -> None:
    """Delete the folders that killed writers of this machine left beside a shared `path`.

    Only for whoever is certain to be the only writer: a folder that is being written looks the same.
    """
    for left in path.parent.glob(f".{path.name}.{socket.gethostname()}-*.part"):
        shutil.rmtree(left, ignore_errors=True)


def _beside(path: Path, shared: bool) -> Path:
    if shared:
        return path.with_name(
            f".{path.name}.{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.part"
        )
    return path.with_name(f".{path.name}.writing")


def _replaced(path: Path) -> Path:
    """Where a folder waits that another is taking the place of."""
    return path.with_name(f".{path.name}.replaced")


def _sync(path: Path) -> None:
    """Have the disk keep what was written to a file, or a folder's list of names, before going on."""
    folder = path.is_dir()
    if folder and os.name == "nt":
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network disks flush files, but can't flush folders.
        if not (folder and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise
    finally:
        os.close(handle)
