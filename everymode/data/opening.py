"""`open_images` opens every kind of dataset; its reader is selected by name and file extension."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from everymode.data.arguments import image_size, request_of, require_limit
from everymode.data.arrays import array_source
from everymode.data.builtin import BUILTIN, build_named, parse_name
from everymode.data.classes import with_images_alone
from everymode.data.dataset import Dataset
from everymode.data.doors import one_sentence
from everymode.data.errors import DataError, MissingDataError, NoColumnsError, NoImagesError, NoLabelsError
from everymode.data.folder import folder_source
from everymode.data.formats import is_image_name
from everymode.data.idx import idx_images_in, idx_source, is_idx_images, is_idx_name
from everymode.data.joined_names import JOINED, joined_parts
from everymode.data.joining import union
from everymode.data.label_columns import label_columns
from everymode.data.layout import ARRAYS, Layout, has_layout, require_layout
from everymode.data.map_style import Objects, name_of, require_objects, source_of_objects
from everymode.data.paired_folders import PairFolders, pair_folders
from everymode.data.pairs import open_pairs
from everymode.data.parquet import parquet_source
from everymode.data.prepare import Request, prepare
from everymode.data.published import stl10_source, svhn_source
from everymode.data.source import Source, limited, limited_rows
from everymode.data.stacked import stacked
from everymode.data.synthetic import with_channels
from everymode.data.value_range import mask_note, require_range
from everymode.data.words import did_you_mean, listed
from everymode.data.zip_archive import zip_source
from everymode.resolution import AskedResolution

__all__ = ["image_size", "open_images", "open_source", "pairs_at", "require_limit"]

STACKED = "stacked:"
COMPOSED = (STACKED, JOINED)
"""Beginnings of names of datasets that are composed of others, which only `open_images` opens."""
PARQUET = (".parquet", ".pq")
PathOrName = str | Path


def open_images(
    path: PathOrName | Objects,
    *,
    resolution: AskedResolution | None = None,
    channels: int | None = None,
    label_column: str | None = None,
    fit: Literal["crop", "pad", "stretch"] = "crop",
    background: tuple[int, int, int] = (255, 255, 255),
    limit: int | None = None,
    labeled: bool = False,
    value_range: str | None = None,
    layout: Layout | None = None,
    cache_dir: str | Path | None = None,
    progress: bool = True,
    workers: int | None = None,
) -> Dataset:
    """Open images for training; files are decoded once, into a memory-mapped cache.

    Args:
        path: folder of images, folder of pictures and label maps (see `pair_folders`), .zip of images, .parquet, .npz,
            .npy, MNIST's IDX files, STL-10's .bin, SVHN's .mat, or a built-in name: digits, digits:train,
            digits:held-out, ring, grid, stacked-digits, two-domain-digits, shapes, textures, sample-photos (with
            options, as in "ring:modes=8,std=0.02"), stacked:PATH for triples of gray images at PATH, or
            "joined:PATH|PATH" for the union of several paths or names (see `union`). Or data in memory: a map-style
            dataset of (image, label) pairs, as torch's DataLoader takes it, images [N, ...], or a tuple (images,
            labels) (see `source_of_objects`).
        resolution: 64, "64x96" or (64, 96), height first (default: the common size of all images).
        channels: 1 (gray), 3 (color) or 4 (with alpha) (default: 1 if all images are gray, else 3).
        label_column: column (labels.csv, .parquet) or array (.npz) of the labels (default: "label" or another usual
            name); several joined by commas, as in "digit,domain", are label blocks (several labels per image).
        fit: adjustment to the aspect ratio: center "crop", "pad" with `background`, or "stretch".
        background: RGB 0 .. 255, behind transparent pixels and around padded images.
        limit: maximum number of images, a fixed random sample (default: all).
        labeled: whether to reject data without any label; image files are rejected before any is decoded.
        value_range: values of black and white: "0..1", "-1..1", "0..255" or "0..65535" (default: detected).
        layout: layout of arrays (.npy, .npz, in memory) with four axes: "NCHW" or "NHWC" (default: detected from the
            shape, and required if that is ambiguous).
        cache_dir: folder for decoded images (default: $EVERYMODE_CACHE, or ~/.cache/everymode).
        progress: whether to show a progress bar (on a terminal) or print one line (elsewhere) while decoding.
        workers: number of decoding threads (default: one per processor, at most 16).

    Returns:
        The dataset, with images uint8 [N, C, H, W] or points float32 [N, 2].

    Raises:
        FileNotFoundError: if there is no such path or built-in dataset.
        ValueError: if an argument is out of range, or a built-in dataset does not have an option.
        TypeError: if `path` is neither a path, a name nor such data, or `limit` is not an integer.
        everymode.data.DataError: if the data can't be used (empty, damaged, of several sizes, mislabeled).
    """
    request = request_of(resolution, channels, fit, background)
    require_limit(limit)
    require_range(value_range)
    require_layout(layout)
    options: dict[str, Any] = {"cache_dir": cache_dir, "progress": progress, "workers": workers}
    if isinstance(path, str) and path.startswith(COMPOSED):
        options |= {
            "resolution": resolution,
            "fit": fit,
            "background": background,
            "value_range": value_range,
        }
        options |= {"label_column": label_column, "layout": layout}
        composed = _adapted(_composed(path, channels, options), channels, limit)
        if labeled:
            _require_labels(composed)
        return with_images_alone(composed)
    if (folders := pairs_at(path)) is not None:
        _require_plain(path, labeled, label_column, value_range=value_range, layout=layout)
        options |= {"fit": fit, "background": background, "channels": channels, "limit": limit}
        opened = open_pairs(
            folders.images, folders.maps, instances=folders.instances, resolution=resolution, **options
        )
    elif isinstance(path, str | PathLike):
        opened = open_source(
            path,
            resolution=request.resolution,
            label_column=label_column,
            value_range=value_range,
            layout=layout,
        )
    else:
        choices: dict[str, Any] = {"value_range": value_range, "layout": layout, "cache_dir": cache_dir}
        opened = _objects(path, request, label_column, limit=limit, progress=progress, **choices)
    if isinstance(opened, Dataset):
        adapted = _adapted(opened, channels, limit)
        if labeled:
            _require_labels(adapted)
        return with_images_alone(adapted)
    if limit is not None:
        opened = limited(opened, limit)
    if labeled:
        _require_labels(opened)
    return with_images_alone(prepare(with_images_alone(opened), request, **options))


def _composed(name: str, channels: int | None, options: dict[str, Any]) -> Dataset:
    """Return triples of the gray images that `name` stacks, or the union of the datasets that it joins.

    Classes of joined datasets stay separate; gray datasets are opened in color if others have color.

    Raises:
        ValueError: if a layout is set for a stack, a dataset to join holds points, and as `union`.
    """
    parts = joined_parts(name)
    if parts is None:
        if options.pop("layout") is not None:
            raise ValueError(f"{name} has no layout; omit layout")
        return stacked(open_images(name.removeprefix(STACKED), channels=1, **options), name=name)
    opened = [open_images(part, channels=channels, **options) for part in parts]
    if any(each.is_points for each in opened):
        raise ValueError(
            f"{' and '.join(parts)} include points in the plane, which can't be joined with others"
        )
    most = max(each.image_shape[0] for each in opened)
    for number, (part, each) in enumerate(zip(parts, opened, strict=True)):
        if each.image_shape[0] != most:
            opened[number] = open_images(part, channels=most, **options)
    return union(opened)


def pairs_at(path: PathOrName | Objects) -> PairFolders | None:
    """Return the folders of a folder of pictures and label maps; None for all other data."""
    if not isinstance(path, str | PathLike):
        return None
    if isinstance(path, str) and (parse_name(path) is not None or joined_parts(path) is not None):
        return None
    return pair_folders(path)


def _require_plain(path: object, labeled: bool, label_column: str | None, **others: str | None) -> None:
    """Check that nothing is requested that pictures with label maps don't have."""
    if label_column is not None:
        raise NoColumnsError(f"{path} holds pictures with label maps, without columns; omit label_column")
    if labeled:
        raise NoLabelsError(f"{path} holds pictures with label maps, without a label per picture")
    for name, value in others.items():
        if value is not None:
            raise ValueError(f"{path} holds pictures with label maps, which have no {name}; omit it")


def _objects(data: Objects, request: Request, label_column: str | None, **options: Any) -> Source | Dataset:
    require_objects(data)
    if label_column is not None:
        raise NoColumnsError(f"{name_of(data)} is data in memory, which has no columns; omit label_column")
    return source_of_objects(data, request, **options)


def _require_labels(source: Source | Dataset) -> None:
    if not (source.labels >= 0).any():
        raise NoLabelsError(
            f"{source.name} has no labels; add them (class sub-folders, or labels.csv with the columns file,label; in "
            'an .npz, an array "labels"; in memory, pairs or a tuple of images and labels)'
        )


def open_source(
    path_or_name: PathOrName,
    *,
    resolution: tuple[int, int] | None = None,
    label_column: str | None = None,
    value_range: str | None = None,
    layout: Layout | None = None,
) -> Source | Dataset:
    """Open a path or a name as a source still to be decoded, or as a finished dataset (built-in, or points).

    Args:
        path_or_name: as in `open_images`, except stacked:PATH and joined:PATH|PATH.
        resolution: (H, W) of built-in images.
        label_column, value_range, layout: as in `open_images`.

    Raises:
        FileNotFoundError: if there is no such path or built-in dataset.
        ValueError: if a built-in dataset does not have an option, or the type of a file is unknown.
        TypeError: if `path_or_name` is neither a path nor a name.
        DataError: if the data can't be used.
    """
    if not isinstance(path_or_name, str | PathLike):
        raise TypeError(
            f"give the path or the name of a dataset, not {type(path_or_name).__name__}; only "
            "open_images opens data in memory"
        )
    if layout is not None and not has_layout(path_or_name):
        raise ValueError(f"{path_or_name} is not an array (.npy or .npz), so it has no layout; omit layout")
    if isinstance(path_or_name, str) and (parsed := parse_name(path_or_name)) is not None:
        if Path(path_or_name).exists():
            warnings.warn(
                f'"{path_or_name}" is both a built-in dataset and a file or folder in the current directory; '
                f"the built-in one is used (write ./{path_or_name} for the other)",
                stacklevel=3,
            )
        if label_column is not None:
            raise NoColumnsError(f"{path_or_name} has no columns; omit label_column")
        if value_range is not None:
            raise ValueError(f"{path_or_name} is built in and has a fixed range; omit value_range")
        return build_named(parsed, resolution)
    path = Path(path_or_name).expanduser()
    if not path.exists():
        raise _missing(str(path_or_name), path)
    label_columns(label_column)  # a wrong argument isn't an error of the file
    with one_sentence(path):
        if path.suffix.lower() in ARRAYS and not path.is_dir():
            return array_source(path, label_column=label_column, value_range=value_range, layout=layout)
        source = _folder_source(path, label_column) if path.is_dir() else _file_source(path, label_column)
    dark = () if source.pixels is None or value_range else mask_note(source.pixels, source.name)
    return replace(source, value_range=value_range, notes=source.notes + dark)


def _missing(text: str, path: Path) -> Exception:
    if re.search(r"[/\\.~]", text):
        return MissingDataError(
            f"there is no file or folder {path} (absolute path {path.absolute()}); check the spelling and "
            "that the disk is mounted"
        )
    near = did_you_mean(text.split(":")[0], BUILTIN)
    return MissingDataError(
        f'"{text}" is neither a file or folder in {Path.cwd()} nor a built-in dataset{near}; '
        f"built-in datasets are {listed(sorted(BUILTIN))}, stacked:PATH, and joined:PATH|PATH"
    )


def _folder_source(path: Path, label_column: str | None) -> Source:
    names = [entry.name for entry in path.iterdir() if entry.is_file() and not entry.name.startswith(".")]
    if any(name.endswith("_X.bin") for name in names):
        return _without_columns(stl10_source, path, label_column)
    if any(is_idx_name(name) for name in names):
        images = idx_images_in(path)
        source = _without_columns(idx_source, images, label_column)
        unpacked = images.name.removesuffix(".gz")
        others = sorted(
            name for name in names if is_idx_images(name) and name.removesuffix(".gz") != unpacked
        )
        note = f"{path.name}: opened {images.name} and ignored {listed(others)}; open these by their paths"
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
    """Return the parquet files of the only sub-folder with any, as in a downloaded repository with shards in `data`.

    Raises:
        DataError: if several sub-folders hold some, or a folder is named by a column value (label=cat), which would be
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
        kind = "folders named by the values of a column" if columns else "several folders"
        shown = listed([str(folder.relative_to(root)) for folder in folders])
        raise DataError(
            f"{root} holds tables in {kind} ({shown}); open one of them, such as {folders[0]}, or write them as one "
            "table"
        )
    return shards


def _file_source(path: Path, label_column: str | None) -> Source:
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
    problem = "is a single image" if is_image_name(name) else "is of an unknown type"
    raise ValueError(
        f"{path} {problem}; give a folder of images, or a .zip, .parquet, .npz, .npy, IDX (-ubyte, .gz), "
        f"STL-10 .bin or SVHN .mat file"
    )


def _without_columns(read: Callable[[Path], Source], path: Path, label_column: str | None) -> Source:
    if label_column is not None:
        raise NoColumnsError(f"{path} has no columns; omit label_column")
    return read(path)


def _adapted(dataset: Dataset, channels: int | None, limit: int | None) -> Dataset:
    """Convert a finished dataset to a number of channels, and limit its rows."""
    if channels is not None and dataset.is_points:
        raise ValueError(f"{dataset.name} holds points in the plane, which have no channels; omit channels")
    if channels is not None and channels != dataset.image_shape[0]:
        dataset = with_channels(dataset, channels)
    if limit is not None and limit < len(dataset):
        dataset = dataset.subset(limited_rows(len(dataset), limit))
    return dataset
