"""NumPy files: .npz with images and labels, .npy with images only (or points in the plane)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
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
from everymode.data.layout import Layout, channels_first
from everymode.data.source import Source, array_key, digest_of, file_key, pixel_source
from everymode.data.synthetic import in_memory
from everymode.data.value_range import Scale, chunks, scale_of, to_bytes
from everymode.data.words import listed

__all__ = ["array_source", "source_of_arrays"]

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
"""Names of the arrays of images and of labels, in the order in which they are tried."""
LABEL_NAMES = ("labels", "label", "y", "Y", "targets", "target", "class", "y_train", "train_labels")
"""Names of label arrays that are tried if the array paired with the images is missing."""
CLASSES_PREFIX = "classes"
CONVERTED_BYTES = 2**30
"""Largest array that is converted to uint8 in memory; larger ones are converted image by image."""


class _Labels(NamedTuple):
    """One array of labels, the class names of its numbers (() = their digits), and notes."""

    values: np.ndarray
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class _Arrays(NamedTuple):
    """The array of images, the arrays of labels by name, the name of the array of images, and notes on other arrays."""

    images: np.ndarray
    labels: Mapping[str, _Labels]
    images_name: str
    notes: tuple[str, ...] = ()


def array_source(
    path: Path,
    *,
    label_column: str | None = None,
    value_range: str | None = None,
    layout: Layout | None = None,
) -> Source | Dataset:
    """Return the images of a NumPy file, or a finished dataset if the array holds points [N, 2].

    Args:
        path: .npz with images under a usual name (images, x, X, data, x_train, train_images, arr_0) and
            optionally labels under the matching name; .npy with images only.
        label_column: name of the array of labels; several names joined by commas are label blocks.
        value_range: key of RANGES, the values of black and white; detected from the values if None (see `scale_of`).
        layout: layout of the array of images, if it has four axes; detected from its shape if None.

    Raises:
        DataError: if there are no such arrays, a shape is not that of images, or values lie outside the ranges.
    """
    arrays = _read(path, label_columns(label_column))
    return _source(arrays, path.name, lambda: file_key(path), value_range, layout)


def source_of_arrays(
    name: str,
    images: np.ndarray,
    labels: np.ndarray | None,
    *,
    value_range: str | None = None,
    layout: Layout | None = None,
) -> Source | Dataset:
    """Return the images of arrays in memory, by the same rules as those of `array_source`.

    Args:
        name: short name of the data.
        images: images or points.
        labels: one label per image; None if all images are unlabeled.
        value_range, layout: as in `array_source`.

    Raises:
        DataError: as in `array_source`.
    """
    arrays = _Arrays(images, {} if labels is None else {"labels": _Labels(labels)}, "the array of images")
    return _source(arrays, name, lambda: array_key(images), value_range, layout)


def _source(
    arrays: _Arrays, name: str, key_of: Callable[[], str], value_range: str | None, layout: Layout | None
) -> Source | Dataset:
    images, labels, images_name, ignored_notes = arrays
    where = f"{name}: {images_name}"
    if images.ndim == 2 and images.shape[1] == 2 and images.dtype.kind == "f":
        if value_range is not None:
            raise DataError(f"{where} holds points, which have no black and white; omit value_range")
        if layout is not None:
            raise DataError(f"{where} holds points, which have no layout; omit it")
        return _points(name, images, labels)
    images, notes = (
        _single_image_as_batch(images, labels, where) if layout is None else (images, tuple[str, ...]())
    )
    images = images if notes else channels_first(images, where, layout)
    labeling = _labeling(labels, len(images), name)
    scale = scale_of(images, where, value_range)
    choices = [choice for choice in (value_range, layout) if choice is not None]
    key = digest_of(key_of(), *choices) if choices else key_of()
    if images.size <= CONVERTED_BYTES or (images.dtype == np.uint8 and scale.factor == 1):
        pixels = _as_bytes(images, scale)
        source = pixel_source(
            name, pixels, labeling.labels, labeling.classes, key, label_blocks=labeling.label_blocks
        )
    else:
        source = _row_by_row(name, images, scale, labeling, key)
    return replace(source, notes=(*notes, *ignored_notes, *scale.notes, *labeling.notes))


def _read(path: Path, columns: tuple[str, ...]) -> _Arrays:
    """Read the arrays of images and labels of a file."""
    try:
        require_sizes(path)
        loaded = np.load(path, mmap_mode="r" if path.suffix.lower() == ".npy" else None, allow_pickle=False)
        if not isinstance(loaded, np.ndarray):
            return _select_arrays(loaded, path, columns)
    except (DataError, PermissionError):
        raise
    except Exception as error:  # numpy parses a header as Python, so a damaged one raises nearly anything
        raise DataError(
            f"{path} can't be read as NumPy arrays ({error}); save it again without Python objects"
        ) from None
    if columns:
        raise DataError(f"{path.name} is one array without labels; omit label_column, or save an .npz")
    return _Arrays(loaded, {}, "the array")


def _select_arrays(loaded: Mapping[str, np.ndarray], path: Path, columns: tuple[str, ...]) -> _Arrays:
    names = list(loaded)
    pairs = [pair for pair in NAME_PAIRS if pair[0] in names]
    if not pairs:
        raise DataError(
            f'{path.name} has no array "images" (it has {listed(names) or "none"}); save the images under that name'
        )
    for column in columns:
        if column not in names:
            raise DataError(f'{path.name} has no array "{column}"; choose from {listed(names)}')
    images_name = pairs[0][0]
    paired = [label for image, label in pairs if image == images_name and label in names]
    usual = tuple(paired or _unpaired_labels(loaded, images_name))[:1]
    labels = {
        column: _Labels(loaded[column], *_class_names(loaded, column, path)) for column in columns or usual
    }
    notes = _ignored_note(names, images_name, labels, path.name)
    return _Arrays(loaded[images_name], labels, images_name, notes)


def _class_names(
    loaded: Mapping[str, np.ndarray], column: str, path: Path
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the class names of an array of labels, and a note if the array of class names can't be used.

    The names of `labels` are in `classes` (those of `labels_0` in `classes_0`), as `everymode sample` writes them;
    () if there is no such array.
    """
    suffix = re.fullmatch(r"labels?(_\d+)?", column)
    classes_name = f"classes{suffix[1] or ''}" if suffix else ""
    if classes_name not in loaded or loaded[column].dtype.kind not in "iubf":
        return (), ()
    table = loaded[classes_name]
    names = tuple(map(str, table.tolist())) if table.ndim == 1 and table.dtype.kind == "U" else ()
    if not names or len({composed(name) for name in names}) < len(names) or "" in names:
        return (), (f'{path.name}: ignored "{classes_name}", which is not a list of distinct class names',)
    return names, ()


def _unpaired_labels(loaded: Mapping[str, np.ndarray], images_name: str) -> list[str]:
    """Return the arrays named like labels that hold one value per image, though their name isn't paired with it."""
    named = [name for name in LABEL_NAMES if name in loaded and name != images_name]
    count = len(loaded[images_name]) if named and loaded[images_name].ndim else 0
    return [name for name in named if loaded[name].shape in ((count,), (count, 1))]


def _ignored_note(
    names: Sequence[str], images_name: str, labels: Mapping[str, _Labels], where: str
) -> tuple[str, ...]:
    """Return a note on the arrays that are neither the images nor the labels."""
    others = [
        name for name in names if name not in (images_name, *labels) and not name.startswith(CLASSES_PREFIX)
    ]
    if not others:
        return ()
    advice = "" if labels else f"; all images are unlabeled (--label-column {others[0]} reads labels from it)"
    return (f"{where}: ignored the arrays {listed(others)}; read {listed([images_name, *labels])}{advice}",)


def _single_image_as_batch(
    images: np.ndarray, labels: Mapping[str, _Labels], where: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return one image [H, W, 3] or [H, W, 4] as a batch of one, with a note; other arrays unchanged.

    An array with one label per row is [N, H, W] in any case.
    """
    rows_labeled = any(len(each.values) == len(images) for each in labels.values() if each.values.ndim)
    if images.ndim != 3 or images.shape[2] not in (3, 4) or not len(images) or rows_labeled:
        return images, ()
    height, width, channels = images.shape
    return images.transpose(2, 0, 1)[None], (
        f"{where} has shape {list(images.shape)} and is read as one image of {height}x{width} with {channels} "
        "channels; save gray images as [N, 1, H, W]",
    )


def _as_bytes(images: np.ndarray, scale: Scale) -> np.ndarray:
    if images.dtype == np.uint8 and scale.factor == 1:
        return images
    return np.concatenate([to_bytes(rows, scale) for rows in chunks(images)] or [images.astype(np.uint8)])


def _row_by_row(name: str, images: np.ndarray, scale: Scale, labeling: Labeling, key: str) -> Source:
    """Return a source that converts each image to uint8 when it is read, for arrays that may not fit in memory."""

    def open_image(i: int) -> Image.Image:
        row = np.ascontiguousarray(to_bytes(images[i], scale).transpose(1, 2, 0))
        return Image.fromarray(row[..., 0] if row.shape[2] == 1 else row)

    names = [f"image {i}" for i in range(len(images))]
    return Source(
        name=name,
        items=names,
        open_image=open_image,
        labels=labeling.labels,
        classes=labeling.classes,
        key=key,
        label_blocks=labeling.label_blocks,
    )


def _labeling(labels: Mapping[str, _Labels], count: int, where: str) -> Labeling:
    if not labels:
        return Labeling(np.full(count, -1, np.int64), ())
    several = len(labels) > 1
    columns = [
        _labels(each, count, f'{where}, array "{name}"' if several else where)
        for name, each in labels.items()
    ]
    labeling = side_by_side(columns, tuple(labels), where)
    notes = (*labeling.notes, *(note for each in labels.values() for note in each.notes))
    return labeling._replace(notes=notes)


def _labels(array: _Labels, count: int, where: str) -> Labeling:
    labels = array.values
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (count,) or labels.dtype.kind not in "iubfUS":
        raise DataError(
            f"{where}: labels are {labels.dtype} {list(labels.shape)}; give one integer or one name "
            f"for each of the {count} images"
        )
    return labels_of_values(labels, where, names=array.names)


def _points(name: str, points: np.ndarray, labels: Mapping[str, _Labels]) -> Dataset:
    if not len(points) or not np.isfinite(points).all():
        raise DataError(f"{name}: points must be finite, and there must be at least one")
    labeling = _labeling(labels, len(points), name)
    dataset = in_memory(
        name, points.astype(np.float32), labeling.labels, labeling.classes, label_blocks=labeling.label_blocks
    )
    return replace(dataset, notes=labeling.notes)
