"""Opening an image file so that its metadata, damaged or oversized, costs none of its pixels."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import Image

__all__ = ["FORMATS", "is_jpeg", "opened_picture"]

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
PNG_BEGIN = b"\x89PNG\r\n\x1a\n"
PIXEL_CHUNKS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
PLAIN_SIZES = {b"gAMA": 4, b"pHYs": 9, b"cHRM": 32, b"sRGB": 1, b"tIME": 7}
"""Metadata that no reader stumbles over, if they have this size."""
SMALL = {b"tEXt": 4096, b"eXIf": 65536}
"""Metadata that no reader stumbles over, if they are not larger."""
KEPT_SEGMENTS = (0xE0, 0xEE)
"""Of a JPEG's application segments: JFIF and Adobe's, which say how colors are stored."""
KEPT_PARTS = (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF")
"""Of a WebP: what holds pixels."""
PIXEL_TAGS = frozenset(
    (
        *(
            254,
            256,
            257,
            258,
            259,
            262,
            266,
            273,
            277,
            278,
            279,
            284,
            292,
            293,
            317,
            320,
            322,
            323,
            324,
            325,
            332,
        ),
        *(338, 339, 347, 512, 513, 514, 529, 530, 531, 532),
    )
)
"""Of a TIFF, likewise."""


def opened_picture(file: Path | bytes) -> Image.Image:
    """An image, opened but not decoded; without the metadata that its reader would stumble over.

    Raises whatever Pillow's reader raises for a file whose pixels can't be read.
    """
    clean = _png_without_doubtful(file)
    if clean is not None:
        return Image.open(io.BytesIO(clean), formats=FORMATS)
    try:
        return Image.open(file if isinstance(file, Path) else io.BytesIO(file), formats=FORMATS)
    except Exception:
        if isinstance(file, Path) and not file.is_file():
            raise
        stripped = _without_metadata(file if isinstance(file, bytes) else file.read_bytes())
        if stripped is None:
            raise
        try:
            return Image.open(io.BytesIO(stripped), formats=FORMATS)
        except Exception:
            pass  # it was not the metadata
        raise


def is_jpeg(image: Image.Image) -> bool:
    """Whether an opened image is stored with JPEG's compression."""
    return image.format in ("JPEG", "MPO") or image.info.get("compression") in ("jpeg", "tiff_jpeg")


# ---- PNG: its reader may meet metadata behind the pixels too, so that doubtful ones are taken out beforehand


def _png_without_doubtful(file: Path | bytes) -> bytes | None:
    """A PNG without metadata that may be damaged or too large; None where there are none, and for other files."""
    with file.open("rb") if isinstance(file, Path) else io.BytesIO(file) as stream:
        if stream.read(8) != PNG_BEGIN:
            return None
        kept, doubtful = [(0, 8)], False
        for kind, start, size in _chunks(stream):
            if kind in PIXEL_CHUNKS or _harmless(stream, kind, start, size):
                kept.append((start, start + size + 12))
            else:
                doubtful = True
            if kind == b"IEND":
                break
        if not doubtful:
            return None
        stream.seek(0)
        data = stream.read()
    return b"".join(data[start:stop] for start, stop in kept)


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """(kind, place, bytes of data) of each chunk of a PNG, as far as it can be followed."""
    place = 8
    while True:
        stream.seek(place)
        head = stream.read(8)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head)
        if not kind.isalpha():
            return
        yield kind, place, size
        place += size + 12


def _harmless(stream: BinaryIO, kind: bytes, start: int, size: int) -> bool:
    if size != PLAIN_SIZES.get(kind) and size > SMALL.get(kind, -1):
        return False
    stream.seek(start + 4)
    data = stream.read(size + 8)
    return len(data) == size + 8 and zlib.crc32(data[:-4]) == struct.unpack(">I", data[-4:])[0]


# ---- others


def _without_metadata(data: bytes) -> bytes | None:
    """A JPEG, WebP or TIFF with nothing but what its pixels need; None for other files."""
    if data[:2] == b"\xff\xd8":
        return _bare_jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _bare_webp(data)
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _bare_tiff(data)
    return None


def _bare_jpeg(data: bytes) -> bytes:
    kept, place = [data[:2]], 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # filling
            place += 1
            continue
        if marker == 0xDA:  # from here on there are pixels
            break
        size = 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        metadata = marker == 0xFE or (0xE0 <= marker <= 0xEF and marker not in KEPT_SEGMENTS)
        if not metadata:
            kept.append(data[place : place + size])
        place += size
    return b"".join([*kept, data[place:]])


def _bare_webp(data: bytes) -> bytes:
    kept, place = [], 12
    while place + 8 <= len(data):
        kind, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        part = data[place : place + 8 + size + size % 2]
        if kind == b"VP8X" and len(part) > 8:  # its first byte says which metadata there are
            part = part[:8] + bytes([part[8] & ~0b101100]) + part[9:]
        if kind in KEPT_PARTS:
            kept.append(part)
        place += 8 + size + size % 2
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _bare_tiff(data: bytes) -> bytes | None:
    """Its first image, in whose directory nothing is left but what pixels need."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        (place,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, place)
        starts = [place + 2 + 12 * number for number in range(count)]
        kept = [
            data[start : start + 12]
            for start in starts
            if struct.unpack_from(f"{order}H", data, start)[0] in PIXEL_TAGS
        ]
    except struct.error:
        return None
    directory = struct.pack(f"{order}H", len(kept)) + b"".join(kept) + bytes(4)
    return data[:place] + directory + data[place + len(directory) :]
