"""Decoded images on disk: uint8 .npy files, written atomically, memory-mapped."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from everymode.data.errors import DataError
from everymode.storage.atomic import atomic_folder, remove_leftovers

try:
    import fcntl
except ImportError:  # on Windows two processes may decode the same images at once, which is safe
    fcntl = None

__all__ = ["CacheEntry", "cache_folder", "entry_folder", "preferred_folder", "read_entry", "read_or_write"]

LAYOUT_VERSION = 2
HEADER_BYTES = 128


@dataclass(frozen=True)
class CacheEntry:
    """Metadata of a cache entry.

    Attributes:
        shape: (N, C, H, W) of the stored images.
        digest: hexadecimal digest of all pixels.
        unreadable: (index in the source, name, reason) of the skipped images.
        enlarged: number of images that were enlarged by more than a factor of 2.
        largest_enlargement: largest factor of enlargement.
        brightest: largest value of the 8-bit and of the 16-bit images; None if there are no images of that depth.
        jpegs: number of images that are stored with JPEG compression.
        version: version of this layout and of the decoding rules.
    """

    shape: tuple[int, int, int, int]
    digest: str
    unreadable: tuple[tuple[int, str, str], ...]
    enlarged: int
    largest_enlargement: float
    brightest: tuple[int | None, int | None] = (None, None)
    jpegs: int = 0
    version: int = LAYOUT_VERSION


def preferred_folder(cache_dir: str | Path | None = None) -> Path:
    """Return the folder to look for decoded images in: `cache_dir`, else $EVERYMODE_CACHE, else ~/.cache/everymode.

    It need neither exist nor be writable.
    """
    return Path(cache_dir or os.environ.get("EVERYMODE_CACHE") or "~/.cache/everymode").expanduser()


def cache_folder(cache_dir: str | Path | None = None) -> Path:
    """Return the folder to write decoded images to: `preferred_folder`, which is created if it doesn't exist.

    If that folder can't be written, return a per-user temporary folder and warn.
    """
    folder = preferred_folder(cache_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError) as error:
        fallback = _temporary_folder()
        warnings.warn(
            f"decoded images can't be cached in {folder} ({error}); using {fallback}. "
            f"Set EVERYMODE_CACHE to a writable folder",
            stacklevel=2,
        )
        return fallback


def _temporary_folder() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"everymode-{user}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    # another user may have created a folder of this name, from which we would read their pixels
    if hasattr(os, "getuid") and (folder.is_symlink() or folder.stat().st_uid != user):
        return Path(tempfile.mkdtemp(prefix="everymode-"))
    return folder


def entry_folder(cache: Path, name: str, key: str) -> Path:
    """Return the folder of the entry with this key; `name` only makes it readable."""
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")[:40] or "images"
    return cache / f"{readable}-{LAYOUT_VERSION}-{key}"


def read_or_write(
    folder: Path,
    shape: tuple[int, int, int, int],
    write: Callable[[], Iterable[np.ndarray]],
    finish: Callable[[int], CacheEntry],
) -> tuple[np.ndarray, CacheEntry]:
    """Read the entry in `folder`; write it first if it is missing or incomplete.

    Args:
        folder: path from `entry_folder`.
        shape: (N, C, H, W), an upper bound of the images that `write` yields.
        write: function that yields uint8 [n, C, H, W] pieces, in order.
        finish: function from the number of written images to the metadata to store.

    Returns:
        A read-only memory map uint8 [N, C, H, W], and the metadata.

    Raises:
        DataError: if there is not enough free disk space.
    """
    cached = read_entry(folder)
    if cached is not None:
        return cached
    with _locked(folder) as exclusive:
        cached = read_entry(folder)  # another process may have written it while this one waited
        if cached is not None:
            return cached
        if exclusive:
            remove_leftovers(folder)
        needed, free = int(np.prod(shape)), shutil.disk_usage(folder.parent).free
        if needed > free:
            raise DataError(
                f"decoding needs {needed / 1e9:.1f} GB in {folder.parent}, where {free / 1e9:.1f} GB are "
                f"free; set EVERYMODE_CACHE to a larger disk, or lower the resolution"
            )
        _write_entry(folder, shape, write, finish)
        cached = read_entry(folder)
    if cached is None:
        raise DataError(
            f"{folder} was written but can't be read back; check whether the disk is full or failing"
        )
    return cached


def read_entry(folder: Path) -> tuple[np.ndarray, CacheEntry] | None:
    """Return the entry in `folder`, or None if it is missing, incomplete or of another layout."""
    try:
        stored = json.loads((folder / "entry.json").read_text("utf-8"))
        if stored.get("version") != LAYOUT_VERSION:
            return None
        stored["shape"] = tuple(stored["shape"])
        stored["unreadable"] = tuple((int(i), name, reason) for i, name, reason in stored["unreadable"])
        stored["brightest"] = tuple(stored["brightest"])
        entry = CacheEntry(**stored)
        if (folder / "images.npy").stat().st_size != HEADER_BYTES + int(np.prod(entry.shape)):
            return None
        images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return (images, entry) if images.shape == entry.shape and images.dtype == np.uint8 else None


def _write_entry(
    folder: Path,
    shape: tuple[int, int, int, int],
    write: Callable[[], Iterable[np.ndarray]],
    finish: Callable[[int], CacheEntry],
) -> None:
    # a process on another machine may finish first; its entry is then used and this one discarded
    with atomic_folder(folder, shared=True, good=lambda: read_entry(folder) is not None) as temporary:
        with (temporary / "images.npy").open("wb") as file:
            file.write(_npy_header(shape))
            count = 0
            for piece in write():
                file.write(np.ascontiguousarray(piece).data)
                count += len(piece)
            # skipped images make the array shorter than announced
            file.seek(0)
            file.write(_npy_header((count, *shape[1:])))
        (temporary / "entry.json").write_bytes(json.dumps(asdict(finish(count))).encode())


def _npy_header(shape: tuple[int, ...]) -> bytes:
    """Return an .npy header of fixed length, so that the number of rows can be corrected afterward."""
    text = repr({"descr": "|u1", "fortran_order": False, "shape": tuple(shape)})
    text = text.ljust(HEADER_BYTES - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode("latin-1")


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Wait to be the only writer of an entry; yield whether that is guaranteed.

    The operating system releases the lock when its process ends.
    """
    if fcntl is None:
        yield False
        return
    with folder.with_name(folder.name + ".lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:  # some network disks don't support locks
            yield False
        else:
            yield True
