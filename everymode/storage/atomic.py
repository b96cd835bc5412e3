"""Atomic writes of files and folders: a reader sees the old content or all of the new, even if the process is killed.

The content is written to a temporary file or folder with a hidden name in the same folder, flushed to the disk, and
renamed to the path; then the parent folder is flushed too. A folder can't be replaced in one step, so the old one is
renamed to a hidden name first; if a kill leaves neither, `clean` restores it.
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
    """Write a text file as UTF-8, atomically. Arguments and errors are those of `atomic_file`."""
    with atomic_file(path, shared=shared) as temporary:
        temporary.write_text(text, "utf-8")


@contextmanager
def atomic_file(path: Path, *, shared: bool = False) -> Iterator[Path]:
    """Yield a temporary path to write a file to, which is renamed to `path` when the block ends.

    If the block raises, `path` stays unchanged and the temporary file is deleted.

    Args:
        path: the file to write, in an existing folder.
        shared: whether other processes may write the same file at the same time. Each then writes to a temporary file
            with a unique name, and the last rename wins; files that a kill leaves are not overwritten.

    Raises:
        OSError: if the file can't be written.
    """
    temporary = _temporary(path, shared)
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(
    path: Path, *, shared: bool = False, good: Callable[[], bool] = lambda: False
) -> Iterator[Path]:
    """Yield a new temporary folder to write files to, which is renamed to `path` when the block ends.

    If the block raises, `path` stays unchanged and the temporary folder is deleted.

    Args:
        path: the folder to write; its parents are created.
        shared: as for `atomic_file`.
        good: called if `path` exists already (another process may have been faster). True keeps the existing folder
            and discards the new one.

    Raises:
        OSError: if the folder can't be written.
    """
    temporary = _temporary(path, shared)
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        for inside in sorted(temporary.rglob("*"), reverse=True):  # the content of a folder before the folder
            _sync(inside)
        _sync(temporary)
        if path.exists() and not good():
            shutil.rmtree(_replaced(path), ignore_errors=True)
            with suppress(FileNotFoundError):  # another process was faster
                path.replace(_replaced(path))
        try:
            temporary.replace(path)
        except OSError:
            if not good():
                raise
        _sync(path.parent)
        shutil.rmtree(_replaced(path), ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def clean(folder: Path) -> None:
    """Delete temporary files of killed writers in a folder and its subfolders, and restore what they were replacing.

    Only the writer of the folder may call this. Temporary files of a `shared` write stay, unless their process ran on
    this machine and is gone.
    """
    for replaced in folder.rglob(".*.replaced"):
        original = replaced.with_name(replaced.name.removeprefix(".").removesuffix(".replaced"))
        if original.exists():
            shutil.rmtree(replaced, ignore_errors=True)
        else:
            replaced.replace(original)
    for leftover in [*folder.rglob(".*.writing"), *filter(_is_orphan, folder.rglob(".*.part"))]:
        shutil.rmtree(leftover, ignore_errors=True) if leftover.is_dir() else leftover.unlink(missing_ok=True)


def _is_orphan(temporary: Path) -> bool:
    """Return whether the process of a shared temporary file ran on this machine and is gone."""
    match = re.search(rf"\.{re.escape(socket.gethostname())}-(\d+)-[0-9a-f]+\.part$", temporary.name)
    if match is None:
        return False
    process = int(match[1])
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    return process == os.getpid()


def remove_leftovers(path: Path) -> None:
    """Delete the temporary folders that killed processes of this machine left beside a shared `path`.

    Only the sole writer may call this: a folder that is being written looks the same.
    """
    for leftover in path.parent.glob(f".{path.name}.{socket.gethostname()}-*.part"):
        shutil.rmtree(leftover, ignore_errors=True)


def _temporary(path: Path, shared: bool) -> Path:
    if shared:
        return path.with_name(
            f".{path.name}.{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.part"
        )
    return path.with_name(f".{path.name}.writing")


def _replaced(path: Path) -> Path:
    """Return the hidden name of a folder while another replaces it."""
    return path.with_name(f".{path.name}.replaced")


def _sync(path: Path) -> None:
    """Flush a file, or the list of names of a folder, to the disk."""
    folder = path.is_dir()
    if folder and os.name == "nt":
        return  # Windows can't open folders
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems can flush files, but not folders.
        if not (folder and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise
    finally:
        os.close(handle)
