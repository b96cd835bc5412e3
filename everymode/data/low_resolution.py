"""Super-resolution data: sharp photographs of any sizes, their low resolution, and crops of both at the same position.

Low resolution is made once per picture, not per crop, by MATLAB-like bicubic resizing, and rounded to 8 bits, as the
public benchmarks are made; crops are on its pixel grid.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from everymode.data.builtin import parse_name
from everymode.data.cache import (
    CacheEntry,
    cache_folder,
    entry_folder,
    preferred_folder,
    read_entry,
    read_or_write,
)
from everymode.data.crop_rows import CropGrid, CropRows
from everymode.data.dataset import Dataset, fingerprint_of
from everymode.data.decode import Header, flattened, read_header, turn_of
from everymode.data.errors import DataError
from everymode.data.large_images import room_for
from everymode.data.opening import open_source, require_limit
from everymode.data.paired import Paired
from everymode.data.parallel import in_order
from everymode.data.picture_files import opened_picture
from everymode.data.prepare import survey
from everymode.data.row_decoding import bombs_are_errors, reason_of, reject_unreadable
from everymode.data.sample_photos import sample_photo_files
from everymode.data.source import Source, digest_of, file_key, limited
from everymode.data.words import counted, listed
from everymode.pixels import bicubic_resize

__all__ = ["MOST_CROPS", "WholePicture", "open_sharp", "whole_pictures"]

MOST_CROPS = 2_000_000
"""Largest number of positions of crops, so that a permutation of them takes little time and memory."""
LARGEST_SCALE = 16
WHITE = (255, 255, 255)
SAMPLE_PHOTOS = "sample-photos"
FOOTER = np.dtype("<i8")


class WholePicture(NamedTuple):
    """Picture at both resolutions.

    Attributes:
        sharp: uint8 [3, H, W], cropped at the right and lower border to multiples of the scale.
        low: uint8 [3, H / scale, W / scale].
        name: name of the picture in its source.
    """

    sharp: np.ndarray
    low: np.ndarray
    name: str


def whole_pictures(
    source: str | Path,
    scale: int,
    *,
    limit: int | None = None,
    cache_dir: str | Path | None = None,
    progress: bool = True,
    workers: int | None = None,
) -> list[WholePicture]:
    """Return whole photographs and their low resolution; both are made once, into a memory-mapped cache.

    Args:
        source: folder of photographs, .zip or .parquet, or the built-in sample-photos (sample-photos:test). Gray
            pictures become RGB; transparent pixels are composited over white.
        scale: factor between the resolutions, 2 to 16.
        limit, cache_dir, progress, workers: as in `open_images`.

    Raises:
        FileNotFoundError: if there is no such path.
        ValueError: if an argument is out of range, or the source is another built-in dataset or an array.
        TypeError: if `scale` is not an integer.
        everymode.data.DataError: if there are no pictures, more than 1 % of them are unreadable, or one is smaller than
            one pixel of low resolution.
    """
    _, pictures, _ = _opened(source, scale, limit, cache_dir=cache_dir, progress=progress, workers=workers)
    return pictures


def open_sharp(
    source: str | Path,
    *,
    scale: int = 4,
    crop: int = 96,
    limit: int | None = None,
    most_crops: int = MOST_CROPS,
    cache_dir: str | Path | None = None,
    progress: bool = True,
    workers: int | None = None,
) -> Dataset:
    """Open sharp photographs of any sizes as a dataset of crops that are paired with their low resolution.

    A row is one position of a crop on the pixel grid of the low resolution, so a random row is a random crop. Rows
    overlap: hold out whole pictures, in a separate folder, not rows.

    Args:
        source, limit: as in `whole_pictures`.
        scale: factor between the resolutions, 2 to 16.
        crop: side of the sharp crops in pixels, a multiple of `scale`. Smaller pictures are left out, with a note.
        most_crops: largest number of rows; if there are more positions, a part of them is used, spread evenly.
        cache_dir, progress, workers: as in `open_images`.

    Returns:
        The unlabeled dataset, with images [N, 3, crop, crop] and `paired.pictures` [N, 3, crop / scale, crop / scale],
        both cut from the memory-mapped pictures on access.

    Raises:
        FileNotFoundError, ValueError, TypeError, everymode.data.DataError: as in `whole_pictures`, and if `crop` is not
            a positive multiple of `scale` or no picture is that large.
    """
    _require_scale(scale)
    if operator.index(crop) < scale or crop % scale:
        near = max(scale, round(crop / scale) * scale)
        raise ValueError(
            f"crop is {crop}; it must be a positive multiple of the scale {scale}, such as {near}"
        )
    if operator.index(most_crops) < 1:
        raise ValueError(f"most_crops is {most_crops}; give at least 1")
    opened, pictures, digest = _opened(
        source, scale, limit, cache_dir=cache_dir, progress=progress, workers=workers
    )
    large = [picture for picture in pictures if min(picture.sharp.shape[1:]) >= crop]
    small = [picture.name for picture in pictures if min(picture.sharp.shape[1:]) < crop]
    if not large:
        most = max(min(picture.sharp.shape[1:]) for picture in pictures)
        raise DataError(
            f"no picture of {opened.name} is as large as a crop of {crop}x{crop} pixels; give a crop of at most "
            f"{most // scale * scale}, or larger pictures"
        )
    notes = opened.notes
    if small:
        notes += (
            f"{opened.name}: {counted(len(small), 'picture')} smaller than the crop of {crop} pixels left out "
            f"({listed(small, 3)})",
        )
    low = [picture.low for picture in large]
    grid = CropGrid(
        [(each.shape[1], each.shape[2]) for each in low], (crop // scale, crop // scale), most=most_crops
    )
    notes += (
        f"{opened.name}: {counted(len(large), 'picture')} with {len(grid):,} positions of crops, "
        + ("all on the grid" if grid.stride == 1 else f"one per {grid.stride}x{grid.stride} pixels")
        + f" of the low resolution (1/{scale}, bicubic)",
    )
    key = digest_of("sharp", digest, scale, crop, grid.stride, len(grid))
    labels = np.full(len(grid), -1, np.int64)
    return Dataset(
        name=f"{opened.name} x{scale}",
        images=CropRows([picture.sharp for picture in large], grid, scale),
        labels=labels,
        classes=(),
        fingerprint=fingerprint_of(bytes.fromhex(key), labels, ()),
        notes=notes,
        paired=Paired(pictures=CropRows(low, grid)),
    )


def _require_scale(scale: int) -> None:
    if not 2 <= operator.index(scale) <= LARGEST_SCALE:
        raise ValueError(f"scale is {scale}; give an integer from 2 to {LARGEST_SCALE}")


def _source(path: str | Path) -> Source:
    """Return the photographs of a path or of the built-in name."""
    parsed = parse_name(path) if isinstance(path, str) else None
    if parsed is not None and parsed.name == SAMPLE_PHOTOS:
        photos = sample_photo_files(**{"split": "train", **parsed.options})  # pyright: ignore[reportArgumentType]
        return Source(
            name=str(path),
            items=[photo.name for photo in photos],
            open_image=lambda i: opened_picture(photos[i].path),
            labels=np.full(len(photos), -1, np.int64),
            classes=(),
            key=digest_of(*(file_key(photo.path) for photo in photos)),
        )
    opened = None if parsed is not None else open_source(path)
    if not isinstance(opened, Source) or opened.pixels is not None:
        raise ValueError(
            f"{path} holds small images of one size; super-resolution needs photographs: give a folder, a .zip or a "
            f".parquet of them, or {SAMPLE_PHOTOS}"
        )
    return opened


def _opened(
    path: str | Path,
    scale: int,
    limit: int | None,
    *,
    cache_dir: str | Path | None,
    progress: bool,
    workers: int | None,
) -> tuple[Source, list[WholePicture], str]:
    """Return the source, its pictures at both resolutions, and a digest of them."""
    _require_scale(scale)
    require_limit(limit)
    source = _source(path)
    source = source if limit is None else limited(source, limit)
    key = digest_of("low resolution 1", source.key, scale)
    cached = read_entry(entry_folder(preferred_folder(cache_dir), source.name, key))
    if cached is None:
        folder = entry_folder(cache_folder(cache_dir), source.name, key)
        cached = read_entry(folder) or _made(source, scale, folder, progress=progress, workers=workers)
    flat, entry = cached
    skipped = {index for index, _, _ in entry.unreadable}
    names = [name for i, name in enumerate(source.items) if i not in skipped]
    return source, _split(flat.reshape(-1), names, scale), entry.digest


def _split(flat: np.ndarray, names: list[str], scale: int) -> list[WholePicture]:
    """Cut stored bytes, which end with the sizes of the pictures, into pictures."""
    footer = flat[len(flat) - 2 * FOOTER.itemsize * len(names) :]
    sizes = np.frombuffer(footer.tobytes(), FOOTER).reshape(-1, 2).tolist()
    pictures, offset = [], 0
    for name, (height, width) in zip(names, sizes, strict=True):
        both = []
        for shape in ((3, height, width), (3, height // scale, width // scale)):
            both.append(flat[offset : offset + np.prod(shape)].reshape(shape))
            offset += int(np.prod(shape))
        pictures.append(WholePicture(both[0], both[1], name))
    return pictures


def _made(
    source: Source, scale: int, folder: Path, *, progress: bool, workers: int | None
) -> tuple[np.ndarray, CacheEntry]:
    """Decode all pictures, make their low resolution, and store both."""
    headers = survey(source, workers=workers, progress=False)
    bound = sum(6 * each.height * each.width for each in headers if isinstance(each, Header)) + 16 * len(
        source
    )
    total = hashlib.blake2b(digest_size=16)
    unreadable: list[tuple[int, str, str]] = []
    sizes: list[tuple[int, int]] = []

    def write() -> Iterator[np.ndarray]:
        with bombs_are_errors():
            for i, made in enumerate(
                in_order(
                    lambda numbers: _decoded(source, numbers[0], scale),
                    len(source),
                    chunk=1,
                    workers=workers,
                    progress=progress,
                    message=f"making the low resolution of {source.name}",
                )
            ):
                if isinstance(made, str):
                    unreadable.append((i, source.items[i], made))
                    reject_unreadable(source, unreadable)
                    continue
                sizes.append((made[0].shape[1], made[0].shape[2]))
                for picture in made:
                    total.update(repr(picture.shape).encode() + picture.tobytes())
                    yield picture.reshape(-1, 1, 1, 1)
        footer = np.frombuffer(np.array(sizes, FOOTER).tobytes(), np.uint8)
        yield footer.reshape(-1, 1, 1, 1)

    def finish(count: int) -> CacheEntry:
        return CacheEntry((count, 1, 1, 1), total.hexdigest(), tuple(unreadable), 0, 1.0)

    return read_or_write(folder, (bound, 1, 1, 1), write, finish)


def _decoded(source: Source, i: int, scale: int) -> tuple[np.ndarray, np.ndarray] | str:
    """Return a picture and its low resolution, or the reason why it can't be read."""
    try:
        with source.open_image(i) as image:
            read_header(image)  # raises if there are too many pixels
            turn = turn_of(image)
            with room_for(image):
                flat = flattened(image, 3, WHITE, source.value_range)
                pixels = np.asarray(flat if turn is None else flat.transpose(turn))
                height, width = (side // scale * scale for side in pixels.shape[:2])
                if not height or not width:
                    return f"{pixels.shape[0]}x{pixels.shape[1]} pixels, less than one pixel at 1/{scale}"
                sharp = np.ascontiguousarray(pixels[:height, :width].transpose(2, 0, 1))
                return sharp, bicubic_resize(sharp, (height // scale, width // scale))
    except Exception as error:  # damaged files make Pillow's readers raise nearly anything
        return reason_of(error, source.items[i])
