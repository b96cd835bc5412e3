"""Opening of image files with damaged or oversized metadata, which must not make their pixels unreadable."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from everymode.data.formats import formats

__all__ = ["is_jpeg", "opened_picture"]

PNG_BEGIN = b"\x89PNG\r\n\x1a\n"
PIXEL_CHUNKS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
FIXED_SIZES = {b"gAMA": 4, b"pHYs": 9, b"cHRM": 32, b"sRGB": 1, b"tIME": 7}
"""PNG metadata that every reader accepts, if they have this size in bytes."""
LARGEST_SIZES = {b"tEXt": 4096, b"eXIf": 65536}
"""PNG metadata that every reader accepts, up to this size in bytes."""
COLOR_SEGMENTS = (0xE0, 0xEE)
"""Application segments of a JPEG that describe the encoding of colors: JFIF and Adobe."""
PIXEL_PARTS = (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF")
"""Chunks of a WebP that hold pixels."""
PIXEL_TAGS = frozenset(
    (
        *(254, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320),
        *(322, 323, 324, 325, 332, 338, 339, 347, 512, 513, 514, 529, 530, 531, 532),
    )
)
"""Tags of a TIFF that describe pixels."""


def opened_picture(file: Path | bytes) -> Image.Image:
    """Open an image without decoding it, and without metadata that would make Pillow fail.

    The orientation of a PNG is available before it is decoded, even if it is stored after the pixels.

    Raises:
        OSError: if the pixels can't be read (Pillow may raise other errors, too).
    """
    changed = _png_with_early_metadata(file)
    if changed is not None:
        return Image.open(io.BytesIO(changed), formats=formats())
    try:
        return Image.open(file if isinstance(file, Path) else io.BytesIO(file), formats=formats())
    except Exception:
        if isinstance(file, Path) and not file.is_file():
            raise
        stripped = _without_metadata(file if isinstance(file, bytes) else file.read_bytes())
        if stripped is None:
            raise
        try:
            return Image.open(io.BytesIO(stripped), formats=formats())
        except Exception:
            pass  # the metadata were not the problem: raise the first error
        raise


def is_jpeg(image: Image.Image) -> bool:
    """Return whether an opened image is stored with JPEG compression."""
    return image.format in ("JPEG", "MPO") or image.info.get("compression") in ("jpeg", "tiff_jpeg")


# ---- PNG: Pillow reads metadata after the pixels, too, so suspect metadata are removed beforehand


def _png_with_early_metadata(file: Path | bytes) -> bytes | None:
    """Return a PNG without the metadata that may be damaged or too large, and with the orientation before the pixels.

    Pillow would have to decode an image to find an orientation after its pixels. Of several, the first EXIF counts.

    Returns:
        The changed PNG; None if nothing has to be changed, or it is not a PNG.
    """
    with file.open("rb") if isinstance(file, Path) else io.BytesIO(file) as stream:
        if stream.read(8) != PNG_BEGIN:
            return None
        before, pixels, moved = [(0, 8)], [], []
        has_suspect = has_exif = False
        for kind, start, size in _chunks(stream):
            span = (start, start + size + 12)
            if kind not in PIXEL_CHUNKS and not _is_harmless(stream, kind, start, size):
                has_suspect = True
            elif not pixels and kind != b"IDAT":
                before.append(span)
                has_exif |= kind == b"eXIf"
            elif kind in PIXEL_CHUNKS or not _holds_orientation(stream, kind, start):
                pixels.append(span)
            elif kind != b"eXIf" or not has_exif:
                moved.append(span)
                has_exif |= kind == b"eXIf"
            if kind == b"IEND":
                break
        if not has_suspect and not moved:
            return None
        stream.seek(0)
        data = stream.read()
    return b"".join(data[start:stop] for start, stop in (*before, *moved, *pixels))


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, offset, number of data bytes) of each chunk of a PNG, up to the first invalid one."""
    offset = 8
    while True:
        stream.seek(offset)
        head = stream.read(8)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head)
        if not kind.isalpha():
            return
        yield kind, offset, size
        offset += size + 12


def _holds_orientation(stream: BinaryIO, kind: bytes, start: int) -> bool:
    """Return whether Pillow looks for an orientation in this chunk."""
    if kind != b"tEXt":
        return kind == b"eXIf"
    stream.seek(start + 8)
    return stream.read(22).startswith((b"Raw profile type exif\0", b"XML:com.adobe.xmp\0"))


def _is_harmless(stream: BinaryIO, kind: bytes, start: int, size: int) -> bool:
    if size != FIXED_SIZES.get(kind) and size > LARGEST_SIZES.get(kind, -1):
        return False
    stream.seek(start + 4)
    data = stream.read(size + 8)
    return len(data) == size + 8 and zlib.crc32(data[:-4]) == struct.unpack(">I", data[-4:])[0]


# ---- other formats


def _without_metadata(data: bytes) -> bytes | None:
    """Return a JPEG, WebP or TIFF reduced to what its pixels need; None for other files."""
    if data[:2] == b"\xff\xd8":
        return _bare_jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _bare_webp(data)
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _bare_tiff(data)
    return None


def _bare_jpeg(data: bytes) -> bytes:
    segments, offset = [data[:2]], 2
    while offset + 4 <= len(data) and data[offset] == 0xFF:
        marker = data[offset + 1]
        if marker == 0xFF:  # padding
            offset += 1
            continue
        if marker == 0xDA:  # start of the pixels
            break
        size = 2 + int.from_bytes(data[offset + 2 : offset + 4], "big")
        is_metadata = marker == 0xFE or (0xE0 <= marker <= 0xEF and marker not in COLOR_SEGMENTS)
        if not is_metadata:
            segments.append(data[offset : offset + size])
        offset += size
    return b"".join([*segments, data[offset:]])


def _bare_webp(data: bytes) -> bytes:
    chunks, offset = [], 12
    while offset + 8 <= len(data):
        kind, size = data[offset : offset + 4], int.from_bytes(data[offset + 4 : offset + 8], "little")
        chunk = data[offset : offset + 8 + size + size % 2]
        if kind == b"VP8X" and len(chunk) > 8:  # its first byte flags the metadata that are present
            chunk = chunk[:8] + bytes([chunk[8] & ~0b101100]) + chunk[9:]
        if kind in PIXEL_PARTS:
            chunks.append(chunk)
        offset += 8 + size + size % 2
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _bare_tiff(data: bytes) -> bytes | None:
    """Return the first image of a TIFF, with only the tags in its directory that pixels need."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        (offset,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, offset)
        starts = [offset + 2 + 12 * number for number in range(count)]
        entries = [
            data[start : start + 12]
            for start in starts
            if struct.unpack_from(f"{order}H", data, start)[0] in PIXEL_TAGS
        ]
    except struct.error:
        return None
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)
    return data[:offset] + directory + data[offset + len(directory) :]
