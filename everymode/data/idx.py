"""MNIST's IDX files, plain or gzipped: a magic number with type and rank, big-endian sizes, values."""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from pathlib import Path

import numpy as np

from everymode.data.doors import MOST_RATIO, read_exactly
from everymode.data.errors import DataError
from everymode.data.label_values import labels_of_values
from everymode.data.source import Source, file_key, pixel_source
from everymode.data.words import listed

__all__ = ["idx_images_in", "idx_source", "is_idx_images", "is_idx_name", "read_idx"]

UNSIGNED_BYTE = 0x08


def is_idx_name(name: str) -> bool:
    """Return whether a file is named like an IDX file: ...-ubyte, .ubyte or .idx3, optionally with .gz."""
    return re.search(r"([-.]ubyte|[-.]idx[1-4])(\.gz)?$", name.lower()) is not None


def is_idx_images(name: str) -> bool:
    """Return whether a file is named like an IDX file of images."""
    return is_idx_name(name) and re.search("image|img", name.lower()) is not None


def idx_images_in(folder: Path) -> Path:
    """Return the IDX file of images in a folder; the one for training if there are several.

    Raises:
        DataError: if there is none, or several without exactly one that has "train" in its name.
    """
    files = sorted(path for path in folder.iterdir() if is_idx_images(path.name))
    # ignore the packed copy of a file that is also there unpacked
    files = [path for path in files if path.suffix != ".gz" or path.with_suffix("") not in files]
    training = [path for path in files if "train" in path.name.lower()]
    if len(files) == 1 or len(training) == 1:
        return files[0] if len(files) == 1 else training[0]
    names = listed([path.name for path in files]) or "none"
    raise DataError(
        f"{folder}: can't tell which IDX file of images to open ({names}); give the path of one of them"
    )


def idx_source(path: Path) -> Source:
    """Return the images of an IDX file, with labels from the file of the same name with "labels" instead of "images".

    The extensions of the two files may be spelled differently. Without such a file, images are unlabeled.

    Raises:
        DataError: if a file is damaged, or the numbers of images and labels differ.
    """
    images = read_idx(path)
    if images.ndim == 1:
        raise DataError(f'{path} holds labels; give the file of images (with "images" in its name)')
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4:
        images = images.transpose(0, 3, 1, 2)
    labels_path = _labels_beside(path)
    if labels_path is None:
        others = [each.name for each in sorted(path.parent.iterdir()) if "label" in each.name.lower()]
        notes = (
            (f"{path.name}: no file of labels has a matching name (there is {listed(others)})",)
            if others
            else ()
        )
        unlabeled = np.full(len(images), -1, np.int64)
        return pixel_source(path.name, images, unlabeled, (), file_key(path), notes=notes)
    labeling = labels_of_values(read_idx(labels_path).reshape(-1), str(labels_path))
    return pixel_source(
        path.name, images, labeling.labels, labeling.classes, file_key(path), notes=labeling.notes
    )


def _labels_beside(path: Path) -> Path | None:
    """Return the file of labels in the same folder whose name matches that of the file of images."""
    wanted = _stem(path.name)
    candidates = [
        other
        for other in sorted(path.parent.iterdir())
        if is_idx_name(other.name) and "label" in other.name.lower() and other.is_file() and other != path
    ]
    matches = [other for other in candidates if _stem(other.name) == wanted]
    exact = path.name.replace("images", "labels").replace("idx3", "idx1").removesuffix(".gz")
    matches.sort(
        key=lambda other: (other.name.removesuffix(".gz") != exact, other.suffix == ".gz", other.name)
    )
    return matches[0] if matches else None


def _stem(name: str) -> str:
    """Return the name of an IDX file without its extension and the words for its content.

    Both train-images-idx3-ubyte and train_labels.idx1-ubyte.gz give "train".
    """
    stem = re.sub(r"([-._]?idx[1-4])?([-._]?ubyte)?(\.gz)?$", "", name.lower())
    return re.sub(r"[-._]+", "-", re.sub(r"images?|imgs?|labels?", "", stem)).strip("-")


def read_idx(path: Path) -> np.ndarray:
    """Return the array of an IDX file, uint8.

    Raises:
        DataError: if it is not an IDX file of unsigned bytes, is truncated, or longer than its header declares.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            zeros, kind, rank = struct.unpack(">HBB", file.read(4))
            if zeros != 0 or kind != UNSIGNED_BYTE or not 1 <= rank <= 4:
                raise DataError(
                    f"{path} is not an IDX file of unsigned bytes; check the path, or fetch it again"
                )
            shape = struct.unpack(f">{rank}I", file.read(4 * rank))
            size = int(np.prod(shape, dtype=object))
            largest = path.stat().st_size * (MOST_RATIO if path.suffix == ".gz" else 1)
            if size > largest:
                raise DataError(
                    f"{path} is truncated, or its header is damaged: it declares {size:,} bytes, more than it can "
                    "hold; fetch it again"
                )
            data = read_exactly(file, size)
    except (OSError, EOFError, struct.error, zlib.error) as error:
        raise DataError(f"{path} can't be read ({error}); fetch it again") from None
    if len(data) != size:
        state = "truncated" if len(data) < size else "longer than its header declares"
        raise DataError(f"{path} is {state} (it should hold {size:,} values); fetch it again")
    return np.frombuffer(data, np.uint8).reshape(shape)
