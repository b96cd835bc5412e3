"""NumPy files: .npz with images and labels, .npy with images alone (or points in the plane)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from everymode.data.dataset import Dataset
from everymode.data.doors import require_sizes
from everymode.data.errors import DataError
from everymode.data.label_columns import Labeling, label_columns, side_by_side
from everymode.data.label_values import composed, labels_of_values
from everymode.data.source import Source, digest_of, file_key, pixel_source
from everymode.data.synthetic import in_memory
from everymode.data.value_range import Scale, brought_to_bytes, chunks, scale_of
from everymode.data.words import listed

__all__ = ["array_source", "channels_first"]

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
LABEL_NAMES = ("labels", "label", "y", "Y", "targets", "target", "class", "y_train", "train_labels")
"""Arrays of labels whose name does not go with that of the images."""
NAMES_OF_CLASSES = "classes"
CHANNELS = (1, 3, 4)
CONVERTED_BYTES = 2**30


class _Labels(NamedTuple):
    """One array of labels, what its numbers are called (() = their digits), and notes."""

    values: np.ndarray
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class _Arrays(NamedTuple):
    """The array of images, those of labels by name, what the first is called, and notes on others."""

    images: np.ndarray
    labels: Mapping[str, _Labels]
    called: str
    notes: tuple[str, ...] = ()


def array_source(
    path: Path, *, label_column: str | None = None, value_range: str | None = None
) -> Source | Dataset:
    """Images of a NumPy file, or a finished data set where the array holds points [N, 2].

    Args:
        path: .npz with images under a usual name (images, x, X, data, x_train, train_images, arr_0) and
            perhaps labels under the matching one; .npy with images only.
        label_column: the name of the array of labels; several joined by commas are label blocks.
        value_range: a key of RANGES: the numbers of black and white; None finds them (`scale_of`).

    Raises:
        DataError: no such arrays, a shape that is not of images, or values outside the stated ranges.
    """
    images, labels, called, passed_over = _read(path, label_columns(label_column))
    where = f"{path.name}: {called}"
    if images.ndim == 2 and images.shape[1] == 2 and images.dtype.kind == "f":
        if value_range is not None:
            raise DataError(f"{where} holds points, which have no black and white: leave the value range out")
        return _points(path.name, images, labels)
    images, notes = _several(images, labels, where)
    images = images if notes else channels_first(images, where)
    found = _labeling(labels, len(images), path.name)
    scale = scale_of(images, where, value_range)
    key = file_key(path) if value_range is None else digest_of(file_key(path), value_range)
    if images.size <= CONVERTED_BYTES or (images.dtype == np.uint8 and scale.factor == 1):
        pixels = _as_bytes(images, scale)
        source = pixel_source(
            path.name, pixels, found.labels, found.classes, key, label_blocks=found.label_blocks
        )
    else:
        source = _row_by_row(path, images, scale, found, key)
    return replace(source, notes=(*notes, *passed_over, *scale.notes, *found.notes))


def _read(path: Path, columns: tuple[str, ...]) -> _Arrays:
    """The arrays of a file that matter."""
    try:
        require_sizes(path)
        loaded = np.load(path, mmap_mode="r" if path.suffix.lower() == ".npy" else None, allow_pickle=False)
        if not isinstance(loaded, np.ndarray):
            return _pick(loaded, path, columns)
    except (DataError, PermissionError):
        raise
    except Exception as error:  # a damaged header is parsed as Python, and raises nearly anything
        raise DataError(
            f"{path} can't be read as NumPy arrays ({error}); save it again without objects"
        ) from None
    if columns:
        raise DataError(f"{path.name} is one array without labels; leave label_column out, or use .npz")
    return _Arrays(loaded, {}, "the array")


def _pick(loaded: Mapping[str, np.ndarray], path: Path, columns: tuple[str, ...]) -> _Arrays:
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
    paired = [label for image, label in pairs if image == called and label in names]
    usual = tuple(paired or _other_labels(loaded, called))[:1]
    labels = {
        column: _Labels(loaded[column], *_class_names(loaded, column, path)) for column in columns or usual
    }
    return _Arrays(loaded[called], labels, called, _passed_over(names, called, labels, path.name))


def _class_names(
    loaded: Mapping[str, np.ndarray], column: str, path: Path
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What `classes` beside `labels` (or `classes_0` beside `labels_0`) calls the numbers, as `everymode sample` writes
    it; () without one. And a note, where an array of that name is something else.
    """
    ending = re.fullmatch(r"labels?(_\d+)?", column)
    called = f"classes{ending[1] or ''}" if ending else ""
    if called not in loaded or loaded[column].dtype.kind not in "iubf":
        return (), ()
    table = loaded[called]
    names = tuple(map(str, table.tolist())) if table.ndim == 1 and table.dtype.kind == "U" else ()
    if not names or len({composed(name) for name in names}) < len(names) or "" in names:
        return (), (f'{path.name}: "{called}" is no list of names of the classes, each once: passed over',)
    return names, ()


def _other_labels(loaded: Mapping[str, np.ndarray], called: str) -> list[str]:
    """Arrays whose name and shape say that they hold a label for each image, though not the usual name beside it."""
    named = [name for name in LABEL_NAMES if name in loaded and name != called]
    count = len(loaded[called]) if named and loaded[called].ndim else 0
    return [name for name in named if loaded[name].shape in ((count,), (count, 1))]


def _passed_over(
    names: Sequence[str], called: str, labels: Mapping[str, _Labels], where: str
) -> tuple[str, ...]:
    """A note on the arrays that are neither the images nor the labels."""
    others = [
        name for name in names if name not in (called, *labels) and not name.startswith(NAMES_OF_CLASSES)
    ]
    if not others:
        return ()
    how = "" if labels else f"; all images are unlabeled, and --label-column {others[0]} takes one as labels"
    return (f"{where}: passed over the arrays {listed(others)} beside {listed([called, *labels])}{how}",)


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


def _several(
    images: np.ndarray, labels: Mapping[str, _Labels], where: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """One image [H, W, 3] or [H, W, 4] as a set of one, with a note; other arrays as they are.

    Where there is a label for each row, the array is [N, H, W] all the same.
    """
    rows_labeled = any(len(each.values) == len(images) for each in labels.values() if each.values.ndim)
    if images.ndim != 3 or images.shape[2] not in (3, 4) or not len(images) or rows_labeled:
        return images, ()
    height, width, channels = images.shape
    return images.transpose(2, 0, 1)[None], (
        f"{where} has shape {list(images.shape)} and is taken for one image of {height}x{width} with {channels} "
        "channels; save gray images as [N, 1, H, W]",
    )


def _as_bytes(images: np.ndarray, scale: Scale) -> np.ndarray:
    if images.dtype == np.uint8 and scale.factor == 1:
        return images
    return np.concatenate(
        [brought_to_bytes(part, scale) for part in chunks(images)] or [images.astype(np.uint8)]
    )


def _row_by_row(path: Path, images: np.ndarray, scale: Scale, found: Labeling, key: str) -> Source:
    """A source that brings each image to bytes when it is read, for arrays larger than memory may be."""

    def open_image(i: int) -> Image.Image:
        row = np.ascontiguousarray(brought_to_bytes(images[i], scale).transpose(1, 2, 0))
        return Image.fromarray(row[..., 0] if row.shape[2] == 1 else row)

    names = [f"image {i}" for i in range(len(images))]
    return Source(
        name=path.name,
        items=names,
        open_image=open_image,
        labels=found.labels,
        classes=found.classes,
        key=key,
        label_blocks=found.label_blocks,
    )


def _labeling(labels: Mapping[str, _Labels], count: int, where: str) -> Labeling:
    if not labels:
        return Labeling(np.full(count, -1, np.int64), ())
    several = len(labels) > 1
    columns = [
        _labels(each, count, f'{where}, array "{name}"' if several else where)
        for name, each in labels.items()
    ]
    found = side_by_side(columns, tuple(labels), where)
    return found._replace(notes=(*found.notes, *(note for each in labels.values() for note in each.notes)))


def _labels(given: _Labels, count: int, where: str) -> Labeling:
    labels = given.values
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (count,) or labels.dtype.kind not in "iubfUS":
        raise DataError(
            f"{where}: labels are {labels.dtype} {list(labels.shape)}; give one whole number or one name "
            f"for each of the {count} images"
        )
    return labels_of_values(labels, where, names=given.names)


def _points(name: str, points: np.ndarray, labels: Mapping[str, _Labels]) -> Dataset:
    if not len(points) or not np.isfinite(points).all():
        raise DataError(f"{name}: points must be finite numbers, and there must be some")
    found = _labeling(labels, len(points), name)
    opened = in_memory(
        name, points.astype(np.float32), found.labels, found.classes, label_blocks=found.label_blocks
    )
    return replace(opened, notes=found.notes)
