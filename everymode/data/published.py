"""Datasets in the formats of their authors: STL-10 (.bin) and SVHN (.mat)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from everymode.data.errors import DataError
from everymode.data.mat_files import mat_arrays
from everymode.data.rows import join_rows
from everymode.data.source import Source, digest_of, file_key, pixel_source

__all__ = ["stl10_source", "svhn_source"]

STL10_SHAPE = (3, 96, 96)
STL10_NAMES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
SVHN_NAMES = tuple("0123456789")


def stl10_source(path: Path) -> Source:
    """Return STL-10 from `train_X.bin`, `test_X.bin` or `unlabeled_X.bin`, with labels from the `_y.bin`, if any.

    For a folder, these are its training images followed by its unlabeled images (label -1), of those that exist.

    Raises:
        DataError: if the size of a file is not a multiple of an image's size, or labels are outside 1 .. 10.
    """
    files, notes = [path], ()
    if path.is_dir():
        files = [
            path / f"{split}_X.bin" for split in ("train", "unlabeled") if (path / f"{split}_X.bin").is_file()
        ]
        if not files:
            raise DataError(
                f"{path} has neither train_X.bin nor unlabeled_X.bin; give the path of one .bin file"
            )
        if (path / "test_X.bin").is_file():
            notes = (f"{path.name}: ignored test_X.bin; open it by its path",)
    images = [_stl10_images(file) for file in files]
    labels = [_stl10_labels(file, len(rows)) for file, rows in zip(files, images, strict=True)]
    classes = _stl10_names(files[0].parent) if any((each >= 0).any() for each in labels) else ()
    return pixel_source(
        path.name,
        images[0] if len(images) == 1 else join_rows(images),
        np.concatenate(labels),
        classes,
        digest_of("stl10", *(file_key(file) for file in files)),
        notes=notes,
    )


def _stl10_images(file: Path) -> np.ndarray:
    size = file.stat().st_size
    if size == 0 or size % np.prod(STL10_SHAPE) or not file.name.endswith("_X.bin"):
        raise DataError(
            f"{file} is not a file of STL-10 images (named ..._X.bin, {np.prod(STL10_SHAPE):,} bytes per "
            "image); fetch it again"
        )
    # each channel is stored column after column
    columns = np.memmap(file, np.uint8, "r").reshape(-1, *STL10_SHAPE)
    return columns.transpose(0, 1, 3, 2)


def _stl10_labels(file: Path, count: int) -> np.ndarray:
    labels_path = file.with_name(file.name.replace("_X.bin", "_y.bin"))
    if not labels_path.is_file():
        return np.full(count, -1, np.int64)
    labels = np.fromfile(labels_path, np.uint8)
    if len(labels) != count or not count or labels.min() < 1 or labels.max() > len(STL10_NAMES):
        raise DataError(
            f"{labels_path} should hold {count} labels 1 .. {len(STL10_NAMES)}, one byte each; fetch it again"
        )
    return labels.astype(np.int64) - 1


def _stl10_names(folder: Path) -> tuple[str, ...]:
    file = folder / "class_names.txt"
    try:
        names = tuple(file.read_text("utf-8").split()) if file.is_file() else STL10_NAMES
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8 ({error.reason}); save it as UTF-8, or remove it") from None
    return names if len(names) == len(STL10_NAMES) else STL10_NAMES


def svhn_source(path: Path) -> Source:
    """Return SVHN's cropped digits from X [32, 32, 3, N] and y [N, 1], where 10 denotes the digit 0.

    Raises:
        DataError: if it is not such a file, or labels are outside 1 .. 10.
    """
    stored = mat_arrays(path, ("X", "y"))
    if stored.keys() != {"X", "y"}:
        raise DataError(
            f"{path} is not a file of SVHN's cropped digits, with the arrays X and y; fetch it again"
        )
    images, labels = stored["X"], stored["y"].reshape(-1)
    if not np.isfinite(labels).all() or (labels != np.round(labels)).any():
        raise DataError(f"{path}: labels must be whole numbers 1 .. 10; fetch it again")
    labels = labels.astype(np.int64)
    if images.ndim != 4 or images.dtype != np.uint8 or images.shape[2] != 3 or images.shape[3] != len(labels):
        raise DataError(
            f"{path}: X is {images.dtype} {list(images.shape)} and y has {len(labels)} labels; "
            f"expected uint8 [H, W, 3, N] and N labels; fetch it again"
        )
    if len(labels) and (labels.min() < 1 or labels.max() > 10):
        raise DataError(
            f"{path}: labels run from {labels.min()} to {labels.max()}; expected 1 .. 10, "
            "where 10 denotes the digit 0; fetch it again"
        )
    return pixel_source(path.name, images.transpose(3, 2, 0, 1), labels % 10, SVHN_NAMES, file_key(path))
