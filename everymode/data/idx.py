"""MNIST's IDX files, plain or gzipped: a magic number with type and rank, sizes (big-endian), values."""

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
    """Whether a file is named like an IDX file: ...-ubyte, .ubyte or .idx3, perhaps with .gz."""
    return re.search(r"([-.]ubyte|[-.]idx[1-4])(\.gz)?$", name.lower()) is not None


def is_idx_images(name: str) -> bool:
    """Whether a file is named like an IDX file of images."""
    return is_idx_name(name) and re.search("image|img", name.lower()) is not None


def idx_images_in(folder: Path) -> Path:
    """The IDX file of images in a folder; of several, the one for training.

    Raises:
        DataError: none, or several of which none or more than one says "train".
    """
    files = sorted(path for path in folder.iterdir() if is_idx_images(path.name))
    # the same file may lie there unpacked as well
    files = [path for path in files if path.suffix != ".gz" or path.with_suffix("") not in files]
    training = [path for path in files if "train" in path.name.lower()]
    if len(files) == 1 or len(training) == 1:
        return files[0] if len(files) == 1 else training[0]
    names = listed([path.name for path in files]) or "none"
    raise DataError(
        f"{folder}: can't tell which IDX file of images to open ({names}); give the path of one of them"
    )


def idx_source(path: Path) -> Source:
    """Images of an IDX file; labels from the file beside it that has "labels" for "images" in its name, whichever
    way its ending is written.

    Raises:
        DataError: a damaged file, or as many labels as images are not there.
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
            (f"{path.name}: no file of labels goes with it (there is {listed(others)})",) if others else ()
        )
        unlabeled = np.full(len(images), -1, np.int64)
        return pixel_source(path.name, images, unlabeled, (), file_key(path), notes=notes)
    found = labels_of_values(read_idx(labels_path).reshape(-1), str(labels_path))
    return pixel_source(path.name, images, found.labels, found.classes, file_key(path), notes=found.notes)


def _labels_beside(path: Path) -> Path | None:
    """The file of labels that is named like the file of images, whichever way the endings are written."""
    wanted = _stem(path.name)
    there = [
        other
        for other in sorted(path.parent.iterdir())
        if is_idx_name(other.name) and "label" in other.name.lower() and other.is_file() and other != path
    ]
    same = [other for other in there if _stem(other.name) == wanted]
    exact = path.name.replace("images", "labels").replace("idx3", "idx1").removesuffix(".gz")
    same.sort(key=lambda other: (other.name.removesuffix(".gz") != exact, other.suffix == ".gz", other.name))
    return same[0] if same else None


def _stem(name: str) -> str:
    """What is left of the name of an IDX file without its ending and without what it holds: train-images-idx3-ubyte
    and train_labels.idx1-ubyte.gz are both "train".
    """
    stem = re.sub(r"([-._]?idx[1-4])?([-._]?ubyte)?(\.gz)?$", "", name.lower())
    return re.sub(r"[-._]+", "-", re.sub(r"images?|imgs?|labels?", "", stem)).strip("-")


def read_idx(path: Path) -> np.ndarray:
    """The array of an IDX file, uint8.

    Raises:
        DataError: not an IDX file of unsigned bytes, cut short, or longer than its header says.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            zeros, kind, rank = struct.unpack(">HBB", file.read(4))
            if zeros != 0 or kind != UNSIGNED_BYTE or not 1 <= rank <= 4:
                raise DataError(f"{path} is not an IDX file of unsigned bytes; check what it is")
            shape = struct.unpack(f">{rank}I", file.read(4 * rank))
            size = int(np.prod(shape, dtype=object))
            there = path.stat().st_size * (MOST_RATIO if path.suffix == ".gz" else 1)
            if size > there:
                raise DataError(
                    f"{path} is cut short, or its header is damaged: it declares {size:,} bytes, more than it can "
                    "hold; fetch it again"
                )
            data = read_exactly(file, size)
    except (OSError, EOFError, struct.error, zlib.error) as error:
        raise DataError(f"{path} can't be read ({error}); fetch it again") from None
    if len(data) != size:
        state = "cut short" if len(data) < size else "longer than its header says"
        raise DataError(f"{path} is {state} (it should hold {size:,} values); fetch it again")
    return np.frombuffer(data, np.uint8).reshape(shape)
