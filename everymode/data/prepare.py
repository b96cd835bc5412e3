"""Conversion of a source to a dataset: choose a common size, decode each image once, skip unreadable images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from everymode.data.cache import (
    CacheEntry,
    cache_folder,
    entry_folder,
    preferred_folder,
    read_entry,
)
from everymode.data.dataset import Dataset, Unreadable, fingerprint_of
from everymode.data.decode import Decoding, Header, brightest_of, decoded, is_deep, read_header
from everymode.data.errors import DataError
from everymode.data.parallel import in_order
from everymode.data.picture_files import is_jpeg
from everymode.data.row_decoding import (
    LARGEST_CHUNK,
    MOST_UNREADABLE,
    DecodedRow,
    bombs_are_errors,
    decode_all,
    enlarged_message,
    reason_of,
    reject_all,
    skipped_message,
)
from everymode.data.rows import LazyRows
from everymode.data.source import Source, digest_of
from everymode.data.synthetic import in_memory
from everymode.data.value_range import Brightest

__all__ = ["MOST_UNREADABLE", "Request", "assembled", "choose_decoding", "prepare", "survey"]

IN_MEMORY_BYTES = 2**30


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
        notes += (skipped_message(entry.unreadable, len(source)),)
    if entry.enlarged:
        notes += (enlarged_message(entry),)
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
            reject_all(
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


def _decode_row(source: Source, decoding: Decoding, i: int) -> DecodedRow:
    with source.open_image(i) as image:
        deep, jpeg = is_deep(image), is_jpeg(image)
        pixels, factor = decoded(image, decoding)
        return DecodedRow(pixels, factor, brightest_of(image, pixels, deep=deep), deep, jpeg)
