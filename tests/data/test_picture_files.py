"""Damaged or oversized metadata leave pixels readable; JPEGs are recognized in any file or archive."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from everymode.data import check, large_images, open_images
from everymode.data.decode import Decoding, decoded, read_header, turn_of
from everymode.data.picture_files import opened_picture
from everymode.evaluation.streams import images_of_dataset

PIXELS = np.kron(np.random.default_rng(2).integers(0, 256, (4, 4, 3)), np.ones((4, 4, 1))).astype(np.uint8)
PROFILE = bytes(36) + b"acsp" + bytes(400)


def _exif(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "x" * 200
    return exif


def _stored(kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, kind, **options)
    return stream.getvalue()


def _seen(data: bytes | Path) -> np.ndarray:
    with opened_picture(data) as image:
        return decoded(image, Decoding((16, 16), 3, "crop", (255, 255, 255)))[0]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _with_chunks(*chunks: bytes, last: bool = False) -> bytes:
    png = _stored("PNG")
    offset = len(png) - 12 if last else 33
    return png[:offset] + b"".join(chunks) + png[offset:]


BOMB = zlib.compress(bytes(5_000_000))
CHUNKS = {
    "a large text": _chunk(b"zTXt", b"a\0\0" + BOMB),
    "a large international text": _chunk(b"iTXt", b"a\0\1\0\0\0" + BOMB),
    "a large plain text": _chunk(b"tEXt", b"a\0" + b"b" * 3_000_000),
    "a large profile": _chunk(b"iCCP", b"a\0\0" + BOMB),
    "a damaged profile": _chunk(b"iCCP", b"a\0\0" + b"no zlib"),
    "a wrong checksum": _chunk(b"tEXt", b"a\0b")[:-1] + b"?",
    "a wrong checksum of EXIF": _chunk(b"eXIf", b"II*\0")[:-1] + b"?",
    "damaged EXIF": _chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"),
    "a short resolution": _chunk(b"pHYs", b"\0"),
    "a short gamma": _chunk(b"gAMA", b""),
    "an unknown chunk": _chunk(b"xyZw", bytes(100)),
    "many texts": b"".join(_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(900_000))) for _ in range(75)),
}


@pytest.mark.parametrize("name", CHUNKS)
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_chunks_of_a_png(tmp_path: Path, name: str, *, last: bool) -> None:
    data = _with_chunks(CHUNKS[name], last=last)
    np.testing.assert_array_equal(_seen(data), PIXELS.transpose(2, 0, 1))
    (tmp_path / "a.png").write_bytes(data)
    np.testing.assert_array_equal(_seen(tmp_path / "a.png"), PIXELS.transpose(2, 0, 1))


def test_what_matters_stays(tmp_path: Path) -> None:
    bad = _chunk(b"iCCP", b"a\0\0" + BOMB)
    turned = _with_chunks(bad, _chunk(b"eXIf", _exif(6).tobytes().removeprefix(b"Exif\0\0")))
    np.testing.assert_array_equal(_seen(turned), np.rot90(PIXELS, -1).transpose(2, 0, 1))
    transparent = _with_chunks(bad, _chunk(b"tRNS", struct.pack(">HHH", *map(int, PIXELS[0, 0]))))
    assert _seen(transparent)[:, 0, 0].tolist() == [255] * 3
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.png").write_bytes(turned)
    assert check(tmp_path / "p", progress=False).unreadable == ()


def test_damaged_pixels_stay_damaged() -> None:
    data = _with_chunks(_chunk(b"zTXt", b"a\0\0" + BOMB))
    offset = data.index(b"IDAT") + 10
    for broken in (data[: offset + 20], data[:offset] + bytes(40) + data[offset + 40 :]):
        with pytest.raises(Exception, match=r".+"):
            _seen(broken)


def _metadata(kind: str, data: bytes) -> list[tuple[int, int]]:
    """Return the spans (start, end) of the bytes of metadata."""
    spans, offset = [], 12
    if kind == "JPEG":
        offset = 2
        while data[offset + 1] != 0xDA:
            size = int.from_bytes(data[offset + 2 : offset + 4], "big")
            if data[offset + 1] == 0xFE or 0xE1 <= data[offset + 1] <= 0xEF:
                spans.append((offset + 4, offset + 2 + size))
            offset += 2 + size
    elif kind == "WEBP":
        while offset < len(data):
            size = int.from_bytes(data[offset + 4 : offset + 8], "little")
            if data[offset : offset + 4] in (b"ICCP", b"EXIF", b"XMP "):
                spans.append((offset + 8, offset + 8 + size))
            offset += 8 + size + size % 2
    else:
        (offset,) = struct.unpack_from("<I", data, 4)
        (count,) = struct.unpack_from("<H", data, offset)
        starts = range(offset + 2, offset + 2 + 12 * count, 12)
        tags = (270, 282, 283, 305, 700, 34675)
        spans = [
            (start + 2, start + 12) for start in starts if struct.unpack_from("<H", data, start)[0] in tags
        ]
    return spans


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (
            "JPEG",
            {
                "exif": _exif(),
                "icc_profile": PROFILE,
                "comment": b"c" * 90,
                "xmp": b"<x>" * 90,
                "quality": 95,
            },
        ),
        ("WEBP", {"exif": _exif(), "icc_profile": PROFILE, "xmp": b"<x>" * 90, "lossless": True}),
        ("TIFF", {"description": "d" * 90, "software": "s" * 90, "icc_profile": PROFILE, "dpi": (72, 72)}),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_damaged_metadata_of_other_formats(kind: str, options: dict[str, object]) -> None:
    data = _stored(kind, **options)
    places, right, choice = _metadata(kind, data), _seen(data), random.Random(7)
    assert len(places) >= 3
    for _ in range(150):
        damaged = bytearray(data)
        start, stop = choice.choice(places)
        for _ in range(choice.choice((1, 5, 50))):
            damaged[choice.randrange(start, stop)] = choice.choice((0, 255, choice.randrange(256)))
        np.testing.assert_array_equal(_seen(bytes(damaged)), right)


def test_a_webp_whose_metadata_are_cut_off() -> None:
    data = _stored("WEBP", exif=_exif(), lossless=True)
    np.testing.assert_array_equal(_seen(data[:-60]), PIXELS.transpose(2, 0, 1))


def _warned(path: Path, tmp_path: Path) -> bool:
    for _ in range(2):  # decoded, and from the cache
        dataset = open_images(path, progress=False, cache_dir=tmp_path / "cache")
        warned = [
            sentence for sentence in images_of_dataset(dataset, source=path).warnings if "JPEG" in sentence
        ]
    return bool(warned)


def test_jpegs_are_warned_of_in_whatever_they_are_packed(tmp_path: Path) -> None:
    lossy, whole = _stored("JPEG"), _stored("PNG")
    for name, files in (
        ("jpeg", {"a.jfif": lossy, "b.png": whole}),
        ("misnamed", {"a.png": lossy}),
        ("png", {"a.jpg": whole}),
    ):
        folder = tmp_path / name
        folder.mkdir()
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            for file, data in files.items():
                (folder / file).write_bytes(data)
                archive.writestr(file, data)
        for path in (folder, tmp_path / f"{name}.zip"):
            assert _warned(path, tmp_path) == (name != "png"), path


def test_jpegs_in_a_table(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [{"bytes": _stored("JPEG"), "path": "a.png"}] * 3
    parquet.write_table(pyarrow.table({"image": rows}), tmp_path / "a.parquet")
    assert _warned(tmp_path / "a.parquet", tmp_path)


def test_text_of_pillows_own(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a prompt " * 200_000, zip=True)
    (tmp_path / "a.png").write_bytes(_stored("PNG", pnginfo=info))
    np.testing.assert_array_equal(open_images(tmp_path, progress=False).images[0], PIXELS.transpose(2, 0, 1))


@pytest.mark.parametrize("orientation", [6, 3])
def test_an_orientation_after_the_pixels_of_a_png_is_read_without_decoding(orientation: int) -> None:
    stored = _exif(orientation).tobytes().removeprefix(b"Exif\0\0")
    upright = np.rot90(PIXELS, -1 if orientation == 6 else 2).transpose(2, 0, 1)
    text = b"Raw profile type exif\0" + b"\nexif\n10\n" + stored.hex().encode()
    for late in (_chunk(b"eXIf", stored), _chunk(b"tEXt", text)):
        data = _with_chunks(_chunk(b"tEXt", b"a\0b"), late, last=True)
        with opened_picture(data) as image:
            assert read_header(image).height == 16 and turn_of(image) is not None
            assert image.info.get("a") is None, "what follows the pixels is not read before they are"
        np.testing.assert_array_equal(_seen(data), upright)
    early = _chunk(b"eXIf", _exif(1).tobytes().removeprefix(b"Exif\0\0"))
    both = _with_chunks(early)[:-12] + _chunk(b"eXIf", stored) + _with_chunks()[-12:]
    np.testing.assert_array_equal(_seen(both), PIXELS.transpose(2, 0, 1))


def test_headers_of_pngs_are_read_without_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(3):
        Image.fromarray(PIXELS).save(tmp_path / f"{i}.png")
    decoded_pixels: list[int] = []
    load_end = PngImagePlugin.PngImageFile.load_end

    def counted(image: PngImagePlugin.PngImageFile) -> None:
        decoded_pixels.append(int(large_images._ONE_AT_A_TIME.locked()))
        load_end(image)

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load_end", counted)
    monkeypatch.setattr(large_images, "LARGE_PIXELS", 1)
    open_images(tmp_path, progress=False)
    assert decoded_pixels == [1, 1, 1], "each image once, under the lock of large images"
    check(tmp_path, progress=False)
    assert decoded_pixels == [1] * 6
