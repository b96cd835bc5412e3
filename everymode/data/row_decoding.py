"""Decoding of all images of a source into a cache entry: in parallel, each once, skipping unreadable ones."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
from PIL import Image

from everymode.data.cache import CacheEntry, read_or_write
from everymode.data.errors import DataError, DataWarning, PairError
from everymode.data.parallel import in_order
from everymode.data.source import Source
from everymode.data.value_range import Brightest

__all__ = [
    "LARGEST_CHUNK",
    "DecodedRow",
    "bombs_are_errors",
    "decode_all",
    "enlarged_message",
    "reason_of",
    "reject_all",
    "reject_unreadable",
    "skipped_message",
]

LARGEST_CHUNK = 64
LARGE_ENLARGEMENT = 2.0
MOST_UNREADABLE = 0.01
"""Share of unreadable images above which a dataset is rejected."""
MOST_SHOWN = 3
CHUNK_BYTES = 2**22


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
        warnings.warn(skipped_message(entry.unreadable, len(source)), DataWarning, stacklevel=4)
    if entry.enlarged:
        warnings.warn(enlarged_message(entry), DataWarning, stacklevel=4)
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


def reject_unreadable(source: Source, unreadable: Sequence[tuple[int, str, str]]) -> None:
    """Check that at most 1 % of the images of `source` are unreadable.

    Args:
        source: images.
        unreadable: (index, name, reason) of the unreadable ones.

    Raises:
        DataError: if there are more.
    """
    if len(unreadable) > MOST_UNREADABLE * len(source):
        reject_all(source, unreadable)


def reject_all(source: Source, unreadable: Sequence[tuple[int, str, str]]) -> NoReturn:
    """Raise the error of a source with too many unreadable images, (index, name, reason) each.

    Raises:
        DataError: always.
    """
    raise DataError(
        f"{skipped_message(unreadable, len(source), skipped=False)}. At most {100 * MOST_UNREADABLE:g} % may be "
        "unreadable; repair or remove the files, which everymode.data.check lists"
    )


def skipped_message(unreadable: Sequence[tuple[int, str, str]], count: int, *, skipped: bool = True) -> str:
    """Return the message on unreadable images, (index, name, reason) each, of `count`, and whether they are skipped."""
    shown = "; ".join(f"{name}: {reason}" for _, name, reason in unreadable[:MOST_SHOWN])
    more = "; ..." if len(unreadable) > MOST_SHOWN else ""
    verb = "can't be read and are skipped" if skipped else "can't be read"
    return f"{len(unreadable)} of {count} images {verb} ({shown}{more})"


def enlarged_message(entry: CacheEntry) -> str:
    """Return the message on images that are enlarged a lot."""
    return (
        f"{entry.enlarged} of {entry.shape[0]} images are enlarged more than {LARGE_ENLARGEMENT:g}x "
        f"(up to {entry.largest_enlargement:g}x), which makes them blurry; choose a lower resolution"
    )
