"""From a source to a dataset: agree on a size, decode each image once, skip what can't be read."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
from PIL import Image

from everymode.data.cache import CacheEntry, cache_folder, entry_folder, read_entry, read_or_write
from everymode.data.dataset import Dataset, Unreadable, fingerprint_of
from everymode.data.decode import Decoding, Header, brightest_of, decoded, is_deep, read_header
from everymode.data.errors import DataError, DataWarning
from everymode.data.parallel import in_order
from everymode.data.picture_files import is_jpeg
from everymode.data.source import Source, digest_of
from everymode.data.synthetic import in_memory
from everymode.data.value_range import Brightest

__all__ = ["Wish", "bombs_are_errors", "prepare", "survey"]

CHUNK_BYTES = 2**22
MOST_IN_A_CHUNK = 64
IN_MEMORY_BYTES = 2**30
LARGE_ENLARGEMENT = 2.0
MOST_UNREADABLE = 0.01
"""Share of unreadable images above which a dataset is refused."""
SHOWN = 3


@dataclass(frozen=True)
class Wish:
    """What the user asked for; None = whatever all images agree on.

    Attributes:
        resolution: (H, W).
        channels: 1, 3 or 4.
        fit: "crop", "pad" or "stretch".
        background: behind transparent pixels and around padded images.
    """

    resolution: tuple[int, int] | None
    channels: int | None
    fit: str
    background: tuple[int, int, int]


class _Decoded(NamedTuple):
    """One range of images: those that could be read, their digests, the others, the enlargements, the largest value of
    each (see `brightest_of`), and how many are JPEGs.
    """

    pixels: np.ndarray
    digests: list[bytes]
    unreadable: list[tuple[int, str, str]]
    enlargements: list[float]
    brightest: list[tuple[int, bool]]
    jpegs: int


@contextmanager
def bombs_are_errors() -> Iterator[None]:
    """Pillow only warns of an image of suspicious size; inside this block it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def reason_of(error: Exception, name: str) -> str:
    """One line for a person: Pillow's words, without the file name that the caller shows anyway."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return "not an image of an accepted format" if "cannot identify image file" in text else text


def prepare(
    source: Source, wish: Wish, *, cache_dir: str | Path | None, workers: int | None, progress: bool
) -> Dataset:
    """Decode `source` as wished, or take it from the cache.

    Raises:
        DataError: no size that all images agree on, or more than 1 % unreadable.
    """
    if source.pixels is not None:
        _, source_channels, *size = source.pixels.shape
        resolution = wish.resolution or (size[0], size[1])
        wish = replace(wish, resolution=resolution, channels=wish.channels or min(source_channels, 3))
        as_it_is = source.value_range is None and (wish.channels, *resolution) == (source_channels, *size)
        if as_it_is and source.pixels.nbytes <= IN_MEMORY_BYTES:
            plain = in_memory(
                source.name,
                source.pixels,
                source.labels,
                source.classes,
                label_blocks=source.label_blocks,
            )
            return replace(plain, notes=source.notes)
    wished = (wish,) if source.value_range is None else (wish, source.value_range)
    place = entry_folder(cache_folder(cache_dir), source.name, digest_of(source.key, *wished))
    found = read_entry(place)
    if found is None:
        decoding = _agree(source, wish, workers=workers, progress=progress)
        found = _decode_all(source, decoding, place, workers=workers, progress=progress)
    return _assembled(source, *found)


def _assembled(source: Source, images: np.ndarray, entry: CacheEntry) -> Dataset:
    kept = np.ones(len(source), bool)
    kept[[index for index, _, _ in entry.unreadable]] = False
    labels = source.labels[kept]
    notes = source.notes
    if source.pixels is None and source.value_range is None:
        notes += Brightest(*entry.brightest).notes(source.name)
    if entry.unreadable:
        notes += (_skipped_sentence(entry.unreadable, len(source)),)
    if entry.enlarged:
        notes += (_enlarged_sentence(entry),)
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
    """The header of every image of `source`, or why it can't be read."""

    def look(images: range) -> list[Header | Unreadable]:
        return [_header(source, i) for i in images]

    with bombs_are_errors():
        parts = in_order(
            look,
            len(source),
            chunk=MOST_IN_A_CHUNK,
            workers=workers,
            progress=progress,
            message=f"looking at {source.name}",
        )
        return [header for part in parts for header in part]


def _header(source: Source, i: int) -> Header | Unreadable:
    try:
        with source.open_image(i) as image:
            return read_header(image)
    except Exception as error:  # damaged files make Pillow's readers raise nearly anything
        return Unreadable(source.items[i], reason_of(error, source.items[i]))


def _agree(source: Source, wish: Wish, *, workers: int | None, progress: bool) -> Decoding:
    """Fill in what the user left open from the headers of all images."""
    resolution, channels = wish.resolution, wish.channels
    if resolution is None or channels is None:
        looks = survey(source, workers=workers, progress=progress)
        headers = [look for look in looks if isinstance(look, Header)]
        if not headers:
            _refuse(
                source,
                [(i, look.name, look.reason) for i, look in enumerate(looks) if isinstance(look, Unreadable)],
            )
        if resolution is None:
            resolution = _common_size(source.name, headers)
        if channels is None:
            channels = 1 if all(header.gray for header in headers) else 3
    return Decoding(resolution, channels, wish.fit, wish.background, source.value_range)


def _common_size(name: str, headers: Sequence[Header]) -> tuple[int, int]:
    sizes = Counter((header.height, header.width) for header in headers)
    (size, count), *others = sizes.most_common()
    if others:
        raise DataError(
            f"{name} holds images of {len(sizes)} sizes (most often {size[0]}x{size[1]}, height by "
            f"width: {count} of {len(headers)}), and a network needs one; give a resolution such as 64 "
            "or 64x96"
        )
    return size


def _decode_all(
    source: Source, decoding: Decoding, place: Path, *, workers: int | None, progress: bool
) -> tuple[np.ndarray, CacheEntry]:
    row_shape = (decoding.channels, *decoding.resolution)
    chunk = max(1, min(MOST_IN_A_CHUNK, CHUNK_BYTES // int(np.prod(row_shape))))
    total = hashlib.blake2b(repr(row_shape).encode(), digest_size=16)
    unreadable: list[tuple[int, str, str]] = []
    enlargements: list[float] = []
    brightest = Brightest()
    jpegs: list[int] = []

    def write() -> Iterator[np.ndarray]:
        with bombs_are_errors():
            for part in in_order(
                lambda images: _decode_range(source, decoding, images),
                len(source),
                chunk=chunk,
                workers=workers,
                progress=progress,
                message=f"decoding {source.name} into the cache",
            ):
                unreadable.extend(part.unreadable)
                if len(unreadable) > MOST_UNREADABLE * len(source):
                    _refuse(source, unreadable)
                enlargements.extend(part.enlargements)
                jpegs.append(part.jpegs)
                for largest, deep in part.brightest:
                    brightest.update(largest, deep=deep)
                for digest in part.digests:
                    total.update(digest)
                yield part.pixels

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

    images, entry = read_or_write(place, (len(source), *row_shape), write, finish)
    if entry.unreadable:
        warnings.warn(_skipped_sentence(entry.unreadable, len(source)), DataWarning, stacklevel=4)
    if entry.enlarged:
        warnings.warn(_enlarged_sentence(entry), DataWarning, stacklevel=4)
    return images, entry


def _decode_range(source: Source, decoding: Decoding, images: range) -> _Decoded:
    pixels = np.empty((len(images), decoding.channels, *decoding.resolution), np.uint8)
    digests: list[bytes] = []
    unreadable: list[tuple[int, str, str]] = []
    enlargements: list[float] = []
    brightest: list[tuple[int, bool]] = []
    jpegs = 0
    for i in images:
        try:
            with source.open_image(i) as image:
                deep, jpeg = is_deep(image), is_jpeg(image)
                row, enlargement = decoded(image, decoding)
                brightest.append((brightest_of(image, row, deep=deep), deep))
        except Exception as error:  # damaged files make Pillow's readers raise nearly anything
            unreadable.append((i, source.items[i], reason_of(error, source.items[i])))
            continue
        pixels[len(digests)] = row
        jpegs += jpeg
        digests.append(hashlib.blake2b(row.data, digest_size=16).digest())
        enlargements.append(enlargement)
    return _Decoded(pixels[: len(digests)], digests, unreadable, enlargements, brightest, jpegs)


def _refuse(source: Source, unreadable: Sequence[tuple[int, str, str]]) -> NoReturn:
    raise DataError(
        f"{_skipped_sentence(unreadable, len(source), skipped=False)}. At most {100 * MOST_UNREADABLE:g} % may be "
        "unreadable; everymode.data.check lists them all, so that they can be repaired or removed"
    )


def _skipped_sentence(unreadable: Sequence[tuple[int, str, str]], count: int, *, skipped: bool = True) -> str:
    shown = "; ".join(f"{name}: {reason}" for _, name, reason in unreadable[:SHOWN])
    more = "; ..." if len(unreadable) > SHOWN else ""
    verb = "can't be read and are skipped" if skipped else "can't be read"
    return f"{len(unreadable)} of {count} images {verb} ({shown}{more})"


def _enlarged_sentence(entry: CacheEntry) -> str:
    return (
        f"{entry.enlarged} of {entry.shape[0]} images are enlarged more than {LARGE_ENLARGEMENT:g}x "
        f"(up to {entry.largest_enlargement:g}x), so they will look soft; choose a lower resolution"
    )
