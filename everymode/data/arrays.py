"""NumPy files: .npz with images and labels, .npy with images alone (or points in the plane)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from everymode.data.dataset import Dataset
from everymode.data.errors import DataError
from everymode.data.label_columns import Labelling, label_columns, side_by_side
from everymode.data.labelling import named_classes
from everymode.data.source import Source, file_key, numbered_classes, pixel_source
from everymode.data.synthetic import in_memory
from everymode.data.words import listed

__all__ = ["array_source", "byte_scale", "channels_first"]

# pairs of names for images and their labels, in the order in which they are tried
NAME_PAIRS = (
    ("images", "labels"),
    ("image", "label"),
    ("x", "y"),
    ("X", "y"),
    ("X", "Y"),
    ("data", "labels"),
    ("data", "target"),
    ("data", "targets"),
    ("x_train", "y_train"),
    ("train_images", "train_labels"),
    ("arr_0", "arr_1"),
)
CHANNELS = (1, 3, 4)
CHUNK = 4096
CONVERTED_BYTES = 2**30


def array_source(path: Path, *, label_column: str | None = None) -> Source | Dataset:
    """Images of a NumPy file, or a finished data set where the array holds points [N, 2].

    Args:
        path: .npz with images under a usual name (images, x, X, data, x_train, train_images, arr_0) and
            perhaps labels under the matching one; .npy with images only.
        label_column: the name of the array of labels; several joined by commas are label blocks.

    Raises:
        DataError: no such arrays, a shape that is not of images, or values outside the stated ranges.
    """
    try:
        loaded = np.load(path, mmap_mode="r" if path.suffix.lower() == ".npy" else None, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            images, labels, called = loaded, {}, "the array"
            if label_column is not None:
                raise DataError(
                    f"{path.name} is one array without labels; leave label_column out, or use .npz"
                )
        else:
            images, labels, called = _pick(loaded, path, label_columns(label_column))
    except DataError:
        raise
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} can't be read as NumPy arrays ({error}); save it again without objects"
        ) from None
    where = f"{path.name}: {called}"
    if images.ndim == 2 and images.shape[1] == 2 and images.dtype.kind == "f":
        return _points(path.name, images, labels)
    images = channels_first(images, where)
    found = _labelling(labels, len(images), path.name)
    scale = byte_scale(images, where)
    if images.dtype == np.uint8:
        return pixel_source(
            path.name, images, found.labels, found.classes, file_key(path), label_blocks=found.label_blocks
        )
    if images.size <= CONVERTED_BYTES:
        pixels = np.concatenate(
            [_bytes_of(chunk, scale) for chunk in _chunks(images)] or [images.astype(np.uint8)]
        )
        return pixel_source(
            path.name, pixels, found.labels, found.classes, file_key(path), label_blocks=found.label_blocks
        )
    return _row_by_row(path, images, scale, found)


def _pick(
    loaded: Mapping[str, np.ndarray], path: Path, columns: tuple[str, ...]
) -> tuple[np.ndarray, dict[str, np.ndarray], str]:
    """The array of images, those of labels by name, and the name of the first."""
    names = list(loaded)
    pairs = [pair for pair in NAME_PAIRS if pair[0] in names]
    if not pairs:
        raise DataError(
            f'{path.name} has no array "images" (it has {listed(names) or "none"}); save one under that name'
        )
    for column in columns:
        if column not in names:
            raise DataError(f'{path.name} has no array "{column}" (it has {listed(names)})')
    called = pairs[0][0]
    usual = tuple(label for image, label in pairs if image == called and label in names)[:1]
    return loaded[called], {column: loaded[column] for column in columns or usual}, called


def channels_first(images: np.ndarray, where: str) -> np.ndarray:
    """[N, H, W], [N, H, W, C] or [N, C, H, W] with 1, 3 or 4 channels -> a view [N, C, H, W]."""
    if images.ndim == 3:
        return images[:, None]
    if images.ndim == 4:
        first, last = images.shape[1] in CHANNELS, images.shape[3] in CHANNELS
        if first != last:
            return images if first else images.transpose(0, 3, 1, 2)
    raise DataError(
        f"{where} has shape {list(images.shape)}; images must be [N, H, W], [N, H, W, C] or [N, C, H, W] "
        f"with 1, 3 or 4 channels, and points [N, 2] with fractions"
    )


def byte_scale(images: np.ndarray, where: str) -> tuple[float, float]:
    """(shift, factor) that bring all values v to 0 .. 255 by (v + shift) * factor.

    uint8 stays. bool: 1 -> 255. uint16: 65,535 -> 255. Other whole numbers must lie in 0 .. 255 already.
    Fractions are taken for 0 .. 1 or, with any negative value, for -1 .. 1, and for 0 .. 255 where any is
    above 1.

    Raises:
        DataError: values in none of these ranges, or not finite.
    """
    if images.dtype == np.uint8:
        return 0.0, 1.0
    if images.dtype == np.bool_:
        return 0.0, 255.0
    if images.dtype == np.uint16:
        return 0.0, 255 / 65535
    if images.dtype.kind not in "iuf":
        raise DataError(f"{where} is of type {images.dtype}; save uint8 or float")
    low, high = _value_range(images)
    if images.dtype.kind == "f" and low >= 0 and high <= 1:
        return 0.0, 255.0
    if images.dtype.kind == "f" and -1 <= low < 0 and high <= 1:
        return 1.0, 127.5
    if low >= 0 and high <= 255:
        return 0.0, 1.0
    raise DataError(
        f"{where} has values from {low:g} to {high:g}; fractions must lie in 0 .. 1, -1 .. 1 or 0 .. 255, "
        f"whole numbers in 0 .. 255"
    )


def _value_range(images: np.ndarray) -> tuple[float, float]:
    """Smallest and largest value, (nan, nan) where any is not a number; chunk by chunk, for memory maps."""
    ranges = [(float(chunk.min()), float(chunk.max())) for chunk in _chunks(images) if chunk.size]
    lows, highs = zip(*ranges, strict=True) if ranges else ((0.0,), (0.0,))
    return float(np.min(lows)), float(np.max(highs))


def _chunks(images: np.ndarray) -> Iterator[np.ndarray]:
    return (images[start : start + CHUNK] for start in range(0, len(images), CHUNK))


def _bytes_of(images: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    shift, factor = scale
    return np.rint((images.astype(np.float64) + shift) * factor).astype(np.uint8)


def _row_by_row(path: Path, images: np.ndarray, scale: tuple[float, float], found: Labelling) -> Source:
    """A source that brings each image to bytes when it is read, for arrays larger than memory may be."""

    def open_image(i: int) -> Image.Image:
        row = np.ascontiguousarray(_bytes_of(images[i], scale).transpose(1, 2, 0))
        return Image.fromarray(row[..., 0] if row.shape[2] == 1 else row)

    names = [f"image {i}" for i in range(len(images))]
    return Source(
        name=path.name,
        items=names,
        open_image=open_image,
        labels=found.labels,
        classes=found.classes,
        key=file_key(path),
        label_blocks=found.label_blocks,
    )


def _labelling(labels: Mapping[str, np.ndarray], count: int, where: str) -> Labelling:
    if not labels:
        return Labelling(np.full(count, -1, np.int64), ())
    return side_by_side([_labels(each, count, where) for each in labels.values()], tuple(labels), where)


def _labels(labels: np.ndarray, count: int, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (count,) or labels.dtype.kind not in "iubU":
        raise DataError(
            f"{where}: labels are {labels.dtype} {list(labels.shape)}; give one whole number or one name "
            f"for each of the {count} images"
        )
    if labels.dtype.kind == "U":
        return named_classes([str(label) or None for label in labels])
    return numbered_classes(labels.tolist(), where)


def _points(name: str, points: np.ndarray, labels: Mapping[str, np.ndarray]) -> Dataset:
    if not len(points) or not np.isfinite(points).all():
        raise DataError(f"{name}: points must be finite numbers, and there must be some")
    found = _labelling(labels, len(points), name)
    return in_memory(
        name, points.astype(np.float32), found.labels, found.classes, label_blocks=found.label_blocks
    )
