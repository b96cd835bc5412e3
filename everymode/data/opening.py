"""`open_images`: one door to every kind of dataset, where names and endings choose what is called."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np

from everymode.data.arrays import array_source
from everymode.data.builtin import BUILTIN, build_named, parse_name
from everymode.data.classes import with_images_alone
from everymode.data.dataset import Dataset
from everymode.data.decode import FITS, is_image_name
from everymode.data.doors import one_sentence
from everymode.data.errors import DataError, MissingDataError, NoColumnsError, NoImagesError, NoLabelsError
from everymode.data.folder import folder_source
from everymode.data.idx import idx_images_in, idx_source, is_idx_images, is_idx_name
from everymode.data.parquet import parquet_source
from everymode.data.prepare import Wish, prepare
from everymode.data.published import stl10_source, svhn_source
from everymode.data.source import Source, limited, limited_rows
from everymode.data.stacked import stacked
from everymode.data.synthetic import with_channels
from everymode.data.value_range import mask_note, require_range
from everymode.data.words import did_you_mean, listed
from everymode.data.zip_archive import zip_source
from everymode.resolution import AskedResolution, height_and_width, parse_resolution

__all__ = ["ARRAYS_INSTEAD", "image_size", "open_images", "open_source", "require_limit"]

STACKED = "stacked:"
PARQUET = (".parquet", ".pq")
MAX_SIDE = 16384
ARRAYS_INSTEAD = (
    "save arrays in an .npz, as images and labels, and give its path, or make a Dataset of them by "
    "everymode.data.synthetic.in_memory(name, images, labels, classes) and train on that"
)
"""For those who have arrays or tensors at hand where a path is wanted."""

PathOrName = str | Path


def open_images(
    path: PathOrName,
    *,
    resolution: AskedResolution | None = None,
    channels: int | None = None,
    label_column: str | None = None,
    fit: Literal["crop", "pad", "stretch"] = "crop",
    background: tuple[int, int, int] = (255, 255, 255),
    limit: int | None = None,
    labeled: bool = False,
    value_range: str | None = None,
    cache_dir: str | Path | None = None,
    progress: bool = True,
    workers: int | None = None,
) -> Dataset:
    """Open images for training; files are decoded once, into a cache that is memory-mapped from then on.

    Args:
        path: a folder of images, a .zip of one, .parquet, .npz, .npy, MNIST's IDX files, STL-10's .bin, SVHN's .mat,
            or a built-in name: digits, digits:train, digits:held-out, ring, grid, stacked-digits, two-domain-digits,
            shapes (with options, as in "ring:modes=8,std=0.02"), or stacked:PATH for triples of gray images at PATH.
        resolution: 64, "64x96" or (64, 96), height first; None keeps the size that all images share.
        channels: 1 (gray), 3 or 4 (with alpha); None gives 1 where all images are gray, else 3.
        label_column: the column (labels.csv, .parquet) or array (.npz) that holds the labels, if not "label"; several
            joined by commas, as in "digit,domain", are label blocks: several labels an image.
        fit: how an image of another aspect is fitted: center "crop", "pad" with background, or "stretch".
        background: RGB 0 .. 255, behind transparent pixels and around padded images.
        limit: keep a fixed random choice of at most this many images.
        labeled: refuse data without a single label, before anything is decoded.
        value_range: "0..1", "-1..1", "0..255" or "0..65535": the numbers of black and white; None finds them.
        cache_dir: where decoded images are kept; by default $EVERYMODE_CACHE or ~/.cache/everymode.
        progress: show a bar on a terminal, or one line elsewhere, while decoding.
        workers: threads that decode; by default one for each processor, at most 16.

    Returns: the dataset, images uint8 [N, C, H, W] or points float32 [N, 2].

    Raises:
        FileNotFoundError: nothing at this path or of this name.
        ValueError: an argument outside its range, or an option that a built-in dataset does not have.
        TypeError: something else than a path or a name, or a limit that is no whole number.
        everymode.data.DataError: the data can't be used (empty, damaged, of several sizes, mislabeled).
    """
    _require_known(channels, fit)
    require_limit(limit)
    require_range(value_range)
    wish = Wish(image_size(resolution), channels, fit, _color(background))
    how: dict[str, Any] = {"cache_dir": cache_dir, "progress": progress, "workers": workers}
    if isinstance(path, str) and path.startswith(STACKED):
        how |= {"resolution": resolution, "fit": fit, "background": background, "value_range": value_range}
        digits = open_images(path.removeprefix(STACKED), channels=1, label_column=label_column, **how)
        return with_images_alone(_as_wished(stacked(digits, name=path), channels, limit))
    opened = open_source(path, resolution=wish.resolution, label_column=label_column, value_range=value_range)
    if isinstance(opened, Dataset):
        return with_images_alone(_as_wished(opened, channels, limit))
    if limit is not None:
        opened = limited(opened, limit)
    if labeled:
        _require_labels(opened)
    return with_images_alone(prepare(with_images_alone(opened), wish, **how))


def _require_labels(source: Source) -> None:
    if not (source.labels >= 0).any():
        raise NoLabelsError(
            f"{source.name} has no labels: add them (class sub-folders, or labels.csv with the columns file,label)"
        )


def _require_known(channels: int | None, fit: str) -> None:
    if channels not in (None, 1, 3, 4):
        raise ValueError(f"channels is {channels}; choose 1 (gray), 3 (color), 4 (with alpha) or None")
    if fit not in FITS:
        raise ValueError(f'fit is "{fit}"; choose one of {", ".join(FITS)}')


def open_source(
    path_or_name: PathOrName,
    *,
    resolution: tuple[int, int] | None = None,
    label_column: str | None = None,
    value_range: str | None = None,
) -> Source | Dataset:
    """What a path or a name stands for: a source still to be decoded, or a finished built-in dataset.

    Raises:
        FileNotFoundError: nothing at this path or of this name.
        ValueError: an option that a built-in dataset does not have.
        TypeError: something else than a path or a name.
        DataError: a dataset that can't be understood.
    """
    if not isinstance(path_or_name, str | PathLike):
        raise TypeError(
            f"give the path or the name of a dataset, not {type(path_or_name).__name__}: {ARRAYS_INSTEAD}"
        )
    if isinstance(path_or_name, str) and (parsed := parse_name(path_or_name)) is not None:
        if Path(path_or_name).exists():
            warnings.warn(
                f'"{path_or_name}" is both a built-in dataset and a file or folder here; the built-in '
                "one is used "
                f"(write ./{path_or_name} for the other)",
                stacklevel=3,
            )
        if label_column is not None:
            raise NoColumnsError(f"{path_or_name} has no columns; leave label_column out")
        if value_range is not None:
            raise ValueError(f"{path_or_name} is built in and has a range; leave the value range out")
        return build_named(parsed, resolution)
    path = Path(path_or_name).expanduser()
    if not path.exists():
        raise _missing(str(path_or_name), path)
    with one_sentence(path):
        if path.suffix.lower() in (".npz", ".npy") and not path.is_dir():
            return array_source(path, label_column=label_column, value_range=value_range)
        found = _folder_source(path, label_column) if path.is_dir() else _file_source(path, label_column)
    if isinstance(found, Dataset):
        return found
    dark = () if found.pixels is None or value_range else mask_note(np.asarray(found.pixels), found.name)
    return replace(found, value_range=value_range, notes=found.notes + dark)


def require_limit(limit: int | None) -> None:
    """Raise TypeError or ValueError if `limit` is neither None nor a whole number from 1 on."""
    if limit is not None and not isinstance(limit, Integral):
        raise TypeError(f"limit is {limit!r}; give a whole number of images, or leave it out")
    if limit is not None and limit < 1:
        raise ValueError(f"limit is {limit}; give at least 1, or leave it out")


def image_size(resolution: AskedResolution | None) -> tuple[int, int] | None:
    """64, "64", "64x96" or (64, 96) -> (H, W).

    Raises:
        ValueError: anything else, or a side outside 1 .. 16384.
    """
    if resolution is None:
        return None
    size = height_and_width(parse_resolution(resolution))
    if not all(1 <= side <= MAX_SIDE for side in size):
        raise ValueError(f"a resolution has sides of 1 to {MAX_SIDE} pixels, not {resolution!r}")
    return size


def _color(background: Sequence[int]) -> tuple[int, int, int]:
    values = tuple(background)
    if len(values) != 3 or not all(isinstance(v, int | np.integer) and 0 <= v <= 255 for v in values):
        raise ValueError(f"background is {background!r}; give three numbers 0 .. 255 such as (255, 255, 255)")
    return int(values[0]), int(values[1]), int(values[2])


def _missing(text: str, path: Path) -> Exception:
    if re.search(r"[/\\.~]", text):
        return MissingDataError(
            f"there is no file or folder {path} (looked for {path.absolute()}); check the spelling and "
            "the disk"
        )
    near = did_you_mean(text.split(":")[0], BUILTIN)
    return MissingDataError(
        f'"{text}" is neither a file or folder here ({Path.cwd()}) nor a built-in dataset{near}; '
        f"built in are {listed(sorted(BUILTIN))}, and stacked:PATH"
    )


def _folder_source(path: Path, label_column: str | None) -> Source | Dataset:
    names = [entry.name for entry in path.iterdir() if entry.is_file() and not entry.name.startswith(".")]
    if any(name.endswith("_X.bin") for name in names):
        return _without_columns(stl10_source, path, label_column)
    if any(is_idx_name(name) for name in names):
        images = idx_images_in(path)
        source = _without_columns(idx_source, images, label_column)
        same = images.name.removesuffix(".gz")
        others = sorted(name for name in names if is_idx_images(name) and name.removesuffix(".gz") != same)
        note = f"{path.name}: opened {images.name} and passed over {listed(others)}, which open by their own path"
        return replace(source, notes=(*source.notes, note)) if others else source
    shards = sorted(path / name for name in names if name.lower().endswith(PARQUET))
    if shards and not any(is_image_name(name) for name in names):
        return parquet_source(shards, name=path.name, label_column=label_column)
    try:
        return folder_source(path, label_column=label_column)
    except NoImagesError:
        shards = _tables_below(path)
        if not shards:
            raise
    return parquet_source(shards, name=path.name, label_column=label_column)


def _tables_below(root: Path) -> list[Path]:
    """The parquet files in the one sub-folder that holds any, as in a downloaded repository with its shards in `data`.

    Raises:
        DataError: several sub-folders hold some, or a folder is named by a column (label=cat), whose values would be
            lost.
    """
    shards = [
        path
        for path in sorted(root.rglob("*"))
        if path.name.lower().endswith(PARQUET)
        and path.is_file()
        and not any(part.startswith((".", "_")) for part in path.relative_to(root).parts)
    ]
    folders = list(dict.fromkeys(path.parent for path in shards))
    columns = [folder for folder in folders if "=" in str(folder.relative_to(root))]
    if len(folders) > 1 or columns:
        what = "are named by the values of a column" if columns else "are several"
        named = listed([str(folder.relative_to(root)) for folder in folders])
        raise DataError(
            f"{root} holds tables in folders that {what} ({named}); open one of them, such as {folders[0]}, or write "
            "them as one table"
        )
    return shards


def _file_source(path: Path, label_column: str | None) -> Source | Dataset:
    name = path.name.lower()
    if name.endswith(".zip"):
        return zip_source(path, label_column=label_column)
    if name.endswith(PARQUET):
        return parquet_source([path], name=path.name, label_column=label_column)
    if is_idx_name(name):
        return _without_columns(idx_source, path, label_column)
    if name.endswith(".bin"):
        return _without_columns(stl10_source, path, label_column)
    if name.endswith(".mat"):
        return _without_columns(svhn_source, path, label_column)
    what = "is one image" if is_image_name(name) else "is of a kind that is not known"
    raise ValueError(
        f"{path} {what}; give a folder of images, or a .zip, .parquet, .npz, .npy, IDX (-ubyte, .gz), "
        f"STL-10 .bin or SVHN .mat file"
    )


def _without_columns(read: Callable[[Path], Source], path: Path, label_column: str | None) -> Source:
    if label_column is not None:
        raise NoColumnsError(f"{path} has no columns; leave label_column out")
    return read(path)


def _as_wished(dataset: Dataset, channels: int | None, limit: int | None) -> Dataset:
    """A finished dataset with another number of channels, or fewer rows."""
    if channels is not None and dataset.is_points:
        raise ValueError(f"{dataset.name} holds points in the plane, which have no channels; leave them out")
    if channels is not None and channels != dataset.image_shape[0]:
        dataset = with_channels(dataset, channels)
    if limit is not None and limit < len(dataset):
        dataset = dataset.subset(limited_rows(len(dataset), limit))
    return dataset
