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
except (
    ImportError
):  # Windows has no flock: two processes may then decode the same images at once, which is safe
    fcntl = None

__all__ = ["CacheEntry", "cache_folder", "entry_folder", "read_or_write"]

LAYOUT_VERSION = 2
HEADER_BYTES = 128


@dataclass(frozen=True)
class CacheEntry:
    """What is known of an entry beside its pixels.

    Attributes:
        shape: (N, C, H, W) of the images that were kept.
        digest: hexadecimal digest of all pixels.
        unreadable: (index in the source, name, reason) of images that were skipped.
        enlarged: images that had to be enlarged more than twice.
        largest_enlargement: by how much at most.
        brightest: the largest value of 8-bit and of 16-bit images, None where there are none of a kind.
        jpegs: images that are stored with JPEG's compression.
        version: of this layout, and of the rules of decoding.
    """

    shape: tuple[int, int, int, int]
    digest: str
    unreadable: tuple[tuple[int, str, str], ...]
    enlarged: int
    largest_enlargement: float
    brightest: tuple[int | None, int | None] = (None, None)
    jpegs: int = 0
    version: int = LAYOUT_VERSION


def cache_folder(cache_dir: str | Path | None = None) -> Path:
    """The folder for decoded images: `cache_dir`, else $EVERYMODE_CACHE, else ~/.cache/everymode.

    Where that can't be written, a folder of the user's own among the temporary files, with a warning.
    """
    chosen = cache_dir or os.environ.get("EVERYMODE_CACHE") or Path("~/.cache/everymode")
    folder = Path(chosen).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError) as error:
        fallback = _temporary_folder()
        warnings.warn(
            f"decoded images can't be kept in {folder} ({error}); using {fallback}. "
            f"Set EVERYMODE_CACHE to a folder that can be written",
            stacklevel=2,
        )
        return fallback


def _temporary_folder() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"everymode-{user}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    # somebody else may have made a folder of this name first, to have us read their pixels
    if hasattr(os, "getuid") and (folder.is_symlink() or folder.stat().st_uid != user):
        return Path(tempfile.mkdtemp(prefix="everymode-"))
    return folder


def entry_folder(cache: Path, name: str, key: str) -> Path:
    """Where the entry of this key lives; the name is there for people."""
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")[:40] or "images"
    return cache / f"{readable}-{LAYOUT_VERSION}-{key}"


def read_or_write(
    place: Path,
    shape: tuple[int, int, int, int],
    write: Callable[[], Iterable[np.ndarray]],
    finish: Callable[[int], CacheEntry],
) -> tuple[np.ndarray, CacheEntry]:
    """The entry at `place`, written first if it is not there whole.

    Args:
        place: from `entry_folder`.
        shape: (N, C, H, W) that `write` gives at most.
        write: gives uint8 [n, C, H, W] pieces, in order.
        finish: called with the number of images written; gives the record to store.

    Returns:
        Read-only memory map uint8 [N, C, H, W], and the record.

    Raises:
        DataError: not enough room on the disk.
    """
    found = read_entry(place)
    if found is not None:
        return found
    with _locked(place) as alone:
        found = read_entry(place)  # another process may have written it while this one waited
        if found is not None:
            return found
        if alone:
            remove_leftovers(place)
        needed, free = int(np.prod(shape)), shutil.disk_usage(place.parent).free
        if needed > free:
            raise DataError(
                f"decoding needs {needed / 1e9:.1f} GB in {place.parent}, where {free / 1e9:.1f} GB are "
                f"free; set EVERYMODE_CACHE to a larger disk, or lower the resolution"
            )
        _write_entry(place, shape, write, finish)
        found = read_entry(place)
    if found is None:
        raise DataError(f"{place} was written but can't be read back; is the disk full or failing?")
    return found


def read_entry(place: Path) -> tuple[np.ndarray, CacheEntry] | None:
    """The entry at `place`, or None where it is missing, of another layout, or not whole."""
    try:
        stored = json.loads((place / "entry.json").read_text("utf-8"))
        if stored.get("version") != LAYOUT_VERSION:
            return None
        stored["shape"] = tuple(stored["shape"])
        stored["unreadable"] = tuple((int(i), name, reason) for i, name, reason in stored["unreadable"])
        stored["brightest"] = tuple(stored["brightest"])
        entry = CacheEntry(**stored)
        if (place / "images.npy").stat().st_size != HEADER_BYTES + int(np.prod(entry.shape)):
            return None
        images = np.load(place / "images.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return (images, entry) if images.shape == entry.shape and images.dtype == np.uint8 else None


def _write_entry(
    place: Path,
    shape: tuple[int, int, int, int],
    write: Callable[[], Iterable[np.ndarray]],
    finish: Callable[[int], CacheEntry],
) -> None:
    # A process on another machine may be quicker; then its entry stands and ours is thrown away.
    with atomic_folder(place, shared=True, good=lambda: read_entry(place) is not None) as beside:
        with (beside / "images.npy").open("wb") as file:
            file.write(_npy_header(shape))
            count = 0
            for piece in write():
                file.write(np.ascontiguousarray(piece).data)
                count += len(piece)
            # images that could not be read leave the array shorter than announced
            file.seek(0)
            file.write(_npy_header((count, *shape[1:])))
        (beside / "entry.json").write_bytes(json.dumps(asdict(finish(count))).encode())


def _npy_header(shape: tuple[int, ...]) -> bytes:
    """A .npy header of fixed length, so that the number of rows can be set at the end."""
    text = repr({"descr": "|u1", "fortran_order": False, "shape": tuple(shape)})
    text = text.ljust(HEADER_BYTES - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode("latin-1")


@contextlib.contextmanager
def _locked(place: Path) -> Iterator[bool]:
    """Wait to be the only writer of an entry; gives whether that is certain. A lock dies with its process."""
    if fcntl is None:
        yield False
        return
    with place.with_name(place.name + ".lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:  # some network disks refuse locks
            yield False
        else:
            yield True
