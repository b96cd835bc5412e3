"""The rule at every door: what a library raises over a damaged file becomes one sentence, that names the file."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from everymode.data.errors import DataError

__all__ = ["MOST_BYTES", "MOST_RATIO", "decompressed", "one_sentence", "read_exactly", "require_sizes"]

MOST_BYTES = 2**36
"""Of one array."""
MOST_RATIO = 1100
"""A little more than deflate can shrink anything: a size of more than so many times the bytes there are is not true."""
PIECE = 2**20


@contextmanager
def one_sentence(path: Path) -> Iterator[None]:
    """Whatever is raised inside over the file or folder at `path` is a DataError that names it.

    What our own code raises in words, what is not there or may not be read, and missing packages pass as they are.
    """
    try:
        yield
    except (DataError, ImportError, FileNotFoundError, PermissionError):
        raise
    except Exception as error:
        if type(error) is ValueError and _raised_here(error):
            raise
        said = (str(error).splitlines() or [""])[0][:200]
        reason = f"{type(error).__name__}: {said}" if said else type(error).__name__
        raise DataError(
            f"{path} is damaged, or is not what its name says ({reason}): fetch it or save it again"
        ) from error


def read_exactly(file: BinaryIO, size: int) -> bytes:
    """`size` bytes and one more if there is one, or as many as there are: in pieces, so that no memory is taken for
    what only a header promises.
    """
    pieces = []
    left = size + 1
    while left and (piece := file.read(min(left, PIECE))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def require_sizes(path: Path) -> None:
    """Raise DataError where an array of an .npy or .npz file declares more bytes than its file can hold, before any
    memory is taken for them.
    """
    if path.suffix.lower() == ".npy":
        with path.open("rb") as file:
            _require_size(file, path.stat().st_size, path.name)
        return
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.file_size > MOST_RATIO * (info.compress_size + 1):
                raise DataError(
                    f"{path}: {info.filename} declares more bytes than it can hold; save it again"
                )
            if info.filename.endswith(".npy"):
                with archive.open(info) as member:
                    _require_size(member, info.file_size, f"{path}: {info.filename}")


def _require_size(file: BinaryIO, size: int, where: str) -> None:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    needed = dtype.itemsize
    for side in shape:
        needed *= side
    if min(shape, default=0) < 0 or (needed > size and not dtype.hasobject) or needed > MOST_BYTES:
        raise DataError(
            f"{where} declares an array of {list(shape)} {dtype}, {needed:,} bytes, and holds {size:,}; save it again"
        )


def decompressed(data: bytes, size: int, *, all_of_it: bool = False) -> bytes:
    """The first `size` bytes of what zlib compressed, or as many as there are.

    Args:
        all_of_it: raise zlib.error unless these are all, with the right checksum.

    Raises zlib.error where it is damaged.
    """
    stream = zlib.decompressobj()
    found = stream.decompress(data, size) if size else b""
    if all_of_it and (stream.decompress(stream.unconsumed_tail, 1) or not stream.eof):
        raise zlib.error("what is compressed has another size than is declared")  # the door names the file
    return found


def _raised_here(error: Exception) -> bool:
    """Whether the innermost frame of an error is of this package: then it is a sentence of ours."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__", "")).startswith("everymode.")
