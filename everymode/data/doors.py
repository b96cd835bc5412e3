"""Reading of untrusted files: errors of libraries become one DataError that names the file, and sizes are bounded."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import numpy as np

from everymode.data.errors import DataError

__all__ = ["MOST_BYTES", "MOST_RATIO", "decompressed", "one_sentence", "read_exactly", "require_sizes"]

MOST_BYTES = 2**36
"""Largest size of one array."""
MOST_RATIO = 1100
"""Largest compression ratio, a little more than deflate can reach; a declared size beyond it is false."""
PIECE = 2**20


class _Readable(Protocol):
    """Binary file open for reading, plain or compressed."""

    def read(self, size: int, /) -> bytes: ...


@contextmanager
def one_sentence(path: Path) -> Iterator[None]:
    """Convert errors raised inside, over the file or folder at `path`, into a DataError that names it.

    DataErrors, errors of missing files, permissions and packages, and ValueErrors whose message begins with the path
    are passed on unchanged.

    Raises:
        DataError: if reading raises any other error.
    """
    try:
        yield
    except (DataError, ImportError, FileNotFoundError, PermissionError):
        raise
    except Exception as error:
        # numpy and zipfile raise plain ValueErrors, too, which don't name the file
        if type(error) is ValueError and str(error).startswith(f"{path} "):
            raise
        message = (str(error).splitlines() or [""])[0][:200]
        reason = f"{type(error).__name__}: {message}" if message else type(error).__name__
        raise DataError(
            f"{path} is damaged, or not of the type that its name suggests ({reason}); fetch it or save it again"
        ) from error


def read_exactly(file: _Readable, size: int) -> bytes:
    """Read `size` bytes, or all if there are fewer, and one more if there are more, so that a caller can tell.

    Reading in pieces allocates no memory for bytes that a damaged header merely declares.
    """
    pieces = []
    left = size + 1
    while left and (piece := file.read(min(left, PIECE))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def require_sizes(path: Path) -> None:
    """Check the declared sizes of the arrays in an .npy or .npz file before any memory is allocated for them.

    Raises:
        DataError: if an array declares more bytes than its file can hold.
    """
    if path.suffix.lower() == ".npy":
        with path.open("rb") as file:
            _require_size(file, path.stat().st_size, path.name)
        return
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.file_size > MOST_RATIO * (info.compress_size + 1):
                raise DataError(
                    f"{path}: {info.filename} declares {info.file_size:,} bytes, more than it can hold; save it again"
                )
            if info.filename.endswith(".npy"):
                with archive.open(info) as member:
                    _require_size(member, info.file_size, f"{path}: {info.filename}")


def _require_size(file: IO[bytes], size: int, where: str) -> None:
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


def decompressed(data: bytes, size: int, *, complete: bool = False) -> bytes:
    """Decompress the first `size` bytes of zlib data, or all if there are fewer.

    Args:
        complete: whether to require that there are exactly `size` bytes, with the right checksum.

    Raises:
        zlib.error: if the data are damaged, or `complete` is violated.
    """
    stream = zlib.decompressobj()
    content = stream.decompress(data, size) if size else b""
    if complete and (stream.decompress(stream.unconsumed_tail, 1) or not stream.eof):
        # one_sentence adds the name of the file
        raise zlib.error("the decompressed size differs from the declared size")
    return content
