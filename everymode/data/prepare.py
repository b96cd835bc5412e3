"""Conversion of a source to a dataset: choose a common size, decode each image once, skip unreadable images."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
from PIL import Image

from everymode.data.cache import (
    CacheEntry,
    cache_folder,
    entry_folder,
    preferred_folder,
    read_entry,
    read_or_write,
)
from everymode.data.dataset import Dataset, Unreadable, fingerprint_of
from everymode.data.decode import Decoding, Header, brightest_of, decoded, is_deep, read_header
from everymode.data.errors import DataError, DataWarning, PairError
from everymode.data.parallel import in_order
from everymode.data.picture_files import is_jpeg
from everymode.data.rows import LazyRows
from everymode.data.source import Source, digest_of
from everymode.data.synthetic import in_memory
from everymode.data.value_range import Brightest

__all__ = [
    "DecodedRow",
    "Request",
    "assembled",
    "bombs_are_errors",
    "choose_decoding",
    "decode_all",
    "prepare",
    "reason_of",
    "reject_unreadable",
    "survey",
]

CHUNK_BYTES = 2**22
LARGEST_CHUNK = 64
IN_MEMORY_BYTES = 2**30
LARGE_ENLARGEMENT = 2.0
MOST_UNREADABLE = 0.01
"""Share of unreadable images above which a dataset is rejected."""
MOST_SHOWN = 3


@dataclass(frozen=True)
class Request:
    """Format requested by the user.

    Attributes:
        resolution: (H, W); None = the common size of all images.
        channels: 1, 3 or 4; None = 1 if all images are gray, else 3.
        fit: "crop", "pad" or "stretch".
        background: color behind transparent pixels and around padded images.
    """

    resolution: tuple[int, int] | None
    channels: int | None
    fit: str
    background: tuple[int, int, int]

    @property
    def key(self) -> str:
        """Text in the keys of cache entries; another text would invalidate all existing entries."""
        return (
            f"Wish(resolution={self.resolution!r}, channels={self.channels!r}, fit={self.fit!r}, "
            f"background={self.background!r})"
        )


class DecodedRow(NamedTuple):
    """Result of decoding one image.

    Attributes:
        pixels: uint8 [C, H, W].
        enlargement: factor of enlargement.
        brightest: largest value (see `brightest_of`).
        deep: whether the image has more than 8 bits per value.
        jpeg: whether it is stored as JPEG.
    """

    pixels: np.ndarray
    enlargement: float
    brightest: int
    deep: bool
    jpeg: bool


class _Decoded(NamedTuple):
    """Result of decoding one range of images.

    Attributes:
        pixels: uint8 [n, C, H, W] of the readable images.
        digests: digests of their pixels.
        unreadable: (index, name, reason) of the others.
        enlargements: factors of enlargement.
        brightest: largest values (see `brightest_of`), and whether the image is deep.
        jpegs: number of JPEGs.
    """

    pixels: np.ndarray
    digests: list[bytes]
    unreadable: list[tuple[int, str, str]]
    enlargements: list[float]
    brightest: list[tuple[int, bool]]
    jpegs: int


@contextmanager
def bombs_are_errors() -> Iterator[None]:
    """Turn Pillow's warnings about images of suspicious size into errors inside this block."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def reason_of(error: Exception, name: str) -> str:
    """Return Pillow's message in one line, without the file name, which the caller shows."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return "not an image of an accepted format" if "cannot identify image file" in text else text


def prepare(
    source: Source, request: Request, *, cache_dir: str | Path | None, workers: int | None, progress: bool
) -> Dataset:
    """Decode `source` into the requested format, or read it from the cache.

    Args:
        source: images to decode.
        request: format of the result.
        cache_dir, workers, progress: as in `open_images`.

    Raises:
        DataError: if the images have no common size and none is requested, or more than 1 % of them are unreadable.
    """
    if source.pixels is not None:
        _, source_channels, *size = source.pixels.shape
        resolution = request.resolution or (size[0], size[1])
        channels = request.channels or min(source_channels, 3)
        request = replace(request, resolution=resolution, channels=channels)
        unchanged = source.value_range is None and (channels, *resolution) == (source_channels, *size)
        if unchanged and source.pixels.nbytes <= IN_MEMORY_BYTES:
            dataset = in_memory(
                source.name,
                source.pixels,
                source.labels,
                source.classes,
                label_blocks=source.label_blocks,
            )
            return replace(dataset, notes=source.notes)
    pieces = (request.key,) if source.value_range is None else (request.key, source.value_range)
    key = digest_of(source.key, *pieces)
    # only writing needs a writable folder
    cached = read_entry(entry_folder(preferred_folder(cache_dir), source.name, key))
    if cached is None:
        folder = entry_folder(cache_folder(cache_dir), source.name, key)
        cached = read_entry(folder)  # of a temporary folder, if the other one can't be written
        if cached is None:
            decoding = choose_decoding(source, request, workers=workers, progress=progress)
            cached = decode_all(
                source,
                (decoding.channels, *decoding.resolution),
                lambda i: _decode_row(source, decoding, i),
                folder,
                workers=workers,
                progress=progress,
            )
    return assembled(source, *cached)


def assembled(source: Source, images: np.ndarray | LazyRows, entry: CacheEntry) -> Dataset:
    """Return the dataset of the decoded images of `source`, with notes on what decoding found."""
    readable = np.ones(len(source), bool)
    readable[[index for index, _, _ in entry.unreadable]] = False
    labels = source.labels[readable]
    notes = source.notes
    if source.pixels is None and source.value_range is None:
        notes += Brightest(*entry.brightest).notes(source.name)
    if entry.unreadable:
        notes += (_skipped_message(entry.unreadable, len(source)),)
    if entry.enlarged:
        notes += (_enlarged_message(entry),)
    return Dataset(
        name=source.name,
        images=images,
        labels=labels,
        classes=source.classes,
        fingerprint=fingerprint_of(bytes.fromhex(entry.digest), labels, source.classes),
        label_blocks=source.label_blocks,
        unreadable=tuple(Unreadable(name, reason) for _, name, reason in entry.unreadable),
        notes=notes,
        jpegs=entry.jpegs,
    )


def survey(source: Source, *, workers: int | None, progress: bool) -> list[Header | Unreadable]:
    """Return the header of every image of `source`, or the reason why it can't be read."""

    def read_headers(images: range) -> list[Header | Unreadable]:
        return [_header(source, i) for i in images]

    with bombs_are_errors():
        chunks = in_order(
            read_headers,
            len(source),
            chunk=LARGEST_CHUNK,
            workers=workers,
            progress=progress,
            message=f"reading the headers of {source.name}",
        )
        return [header for chunk in chunks for header in chunk]


def _header(source: Source, i: int) -> Header | Unreadable:
    try:
        with source.open_image(i) as image:
            return read_header(image)
    except Exception as error:  # damaged files make Pillow's readers raise nearly anything
        return Unreadable(source.items[i], reason_of(error, source.items[i]))


def choose_decoding(source: Source, request: Request, *, workers: int | None, progress: bool) -> Decoding:
    """Complete a request, with the headers of all images where the user set no resolution or channels."""
    resolution, channels = request.resolution, request.channels
    if resolution is None or channels is None:
        results = survey(source, workers=workers, progress=progress)
        headers = [each for each in results if isinstance(each, Header)]
        if not headers:
            _reject(
                source,
                [
                    (i, each.name, each.reason)
                    for i, each in enumerate(results)
                    if isinstance(each, Unreadable)
                ],
            )
        if resolution is None:
            resolution = _common_size(source.name, headers)
        if channels is None:
            channels = 1 if all(header.gray for header in headers) else 3
    return Decoding(resolution, channels, request.fit, request.background, source.value_range)


def _common_size(name: str, headers: Sequence[Header]) -> tuple[int, int]:
    sizes = Counter((header.height, header.width) for header in headers)
    (size, count), *others = sizes.most_common()
    if others:
        raise DataError(
            f"{name} holds images of {len(sizes)} sizes (most often {size[0]}x{size[1]}, height by "
            f"width: {count} of {len(headers)}), and a network needs one size; give a resolution such as 64 "
            "or 64x96"
        )
    return size


def decode_all(
    source: Source,
    row_shape: tuple[int, int, int],
    decode_row: Callable[[int], DecodedRow],
    folder: Path,
    *,
    workers: int | None,
    progress: bool,
) -> tuple[np.ndarray, CacheEntry]:
    """Decode the images of `source` into the cache entry in `folder`, or read it if another process has written it.

    Args:
        source: images, of which only the names are used.
        row_shape: (C, H, W) of one decoded row.
        decode_row: function that decodes image i, called from several threads; if it raises anything but a PairError,
            the image is skipped.
        folder: path from `entry_folder`.
        workers, progress: as in `open_images`.

    Raises:
        DataError: if more than 1 % of the images are unreadable, or a pair doesn't fit together.
    """
    chunk = max(1, min(LARGEST_CHUNK, CHUNK_BYTES // int(np.prod(row_shape))))
    total = hashlib.blake2b(repr(row_shape).encode(), digest_size=16)
    unreadable: list[tuple[int, str, str]] = []
    enlargements: list[float] = []
    brightest = Brightest()
    jpegs: list[int] = []

    def write() -> Iterator[np.ndarray]:
        with bombs_are_errors():
            for result in in_order(
                lambda images: _decode_range(source, row_shape, decode_row, images),
                len(source),
                chunk=chunk,
                workers=workers,
                progress=progress,
                message=f"decoding {source.name} into the cache",
            ):
                unreadable.extend(result.unreadable)
                reject_unreadable(source, unreadable)
                enlargements.extend(result.enlargements)
                jpegs.append(result.jpegs)
                for largest, deep in result.brightest:
                    brightest.update(largest, deep=deep)
                for digest in result.digests:
                    total.update(digest)
                yield result.pixels

    def finish(count: int) -> CacheEntry:
        return CacheEntry(
            shape=(count, *row_shape),
            digest=total.hexdigest(),
            unreadable=tuple(unreadable),
            enlarged=sum(factor > LARGE_ENLARGEMENT for factor in enlargements),
            largest_enlargement=round(max(enlargements), 2),
            brightest=(brightest.shallow, brightest.deep),
            jpegs=sum(jpegs),
        )

    images, entry = read_or_write(folder, (len(source), *row_shape), write, finish)
    if entry.unreadable:
        warnings.warn(_skipped_message(entry.unreadable, len(source)), DataWarning, stacklevel=4)
    if entry.enlarged:
        warnings.warn(_enlarged_message(entry), DataWarning, stacklevel=4)
    return images, entry


def _decode_range(
    source: Source, row_shape: tuple[int, int, int], decode_row: Callable[[int], DecodedRow], images: range
) -> _Decoded:
    pixels = np.empty((len(images), *row_shape), np.uint8)
    digests: list[bytes] = []
    unreadable: list[tuple[int, str, str]] = []
    enlargements: list[float] = []
    brightest: list[tuple[int, bool]] = []
    jpegs = 0
    for i in images:
        try:
            row = decode_row(i)
        except PairError:
            raise
        except Exception as error:  # damaged files make Pillow's readers raise nearly anything
            unreadable.append((i, source.items[i], reason_of(error, source.items[i])))
            continue
        pixels[len(digests)] = row.pixels
        jpegs += row.jpeg
        digests.append(hashlib.blake2b(row.pixels.data, digest_size=16).digest())
        enlargements.append(row.enlargement)
        brightest.append((row.brightest, row.deep))
    return _Decoded(pixels[: len(digests)], digests, unreadable, enlargements, brightest, jpegs)


def _decode_row(source: Source, decoding: Decoding, i: int) -> DecodedRow:
    with source.open_image(i) as image:
        deep, jpeg = is_deep(image), is_jpeg(image)
        pixels, factor = decoded(image, decoding)
        return DecodedRow(pixels, factor, brightest_of(image, pixels, deep=deep), deep, jpeg)


def reject_unreadable(source: Source, unreadable: Sequence[tuple[int, str, str]]) -> None:
    """Check that at most 1 % of the images of `source` are unreadable.

    Args:
        source: images.
        unreadable: (index, name, reason) of the unreadable ones.

    Raises:
        DataError: if there are more.
    """
    if len(unreadable) > MOST_UNREADABLE * len(source):
        _reject(source, unreadable)


def _reject(source: Source, unreadable: Sequence[tuple[int, str, str]]) -> NoReturn:
    raise DataError(
        f"{_skipped_message(unreadable, len(source), skipped=False)}. At most {100 * MOST_UNREADABLE:g} % may be "
        "unreadable; repair or remove the files, which everymode.data.check lists"
    )


def _skipped_message(unreadable: Sequence[tuple[int, str, str]], count: int, *, skipped: bool = True) -> str:
    shown = "; ".join(f"{name}: {reason}" for _, name, reason in unreadable[:MOST_SHOWN])
    more = "; ..." if len(unreadable) > MOST_SHOWN else ""
    verb = "can't be read and are skipped" if skipped else "can't be read"
    return f"{len(unreadable)} of {count} images {verb} ({shown}{more})"


def _enlarged_message(entry: CacheEntry) -> str:
    return (
        f"{entry.enlarged} of {entry.shape[0]} images are enlarged more than {LARGE_ENLARGEMENT:g}x "
        f"(up to {entry.largest_enlargement:g}x), which makes them blurry; choose a lower resolution"
    )
