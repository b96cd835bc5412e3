"""Data in memory: arrays, and map-style datasets of (image, label) pairs as torch's DataLoader takes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, Subset

from everymode.data.arrays import source_of_arrays
from everymode.data.dataset import Dataset
from everymode.data.items import ItemReader, MapStyle, array_of
from everymode.data.layout import Layout
from everymode.data.prepare import Request
from everymode.data.source import Source, pixel_source

__all__ = ["MapStyle", "Objects", "name_of", "require_objects", "source_of_objects"]


Objects = MapStyle | np.ndarray | Tensor | tuple[Any, ...]
"""Data other than a path or a name: a map-style dataset, images [N, ...], or (images, labels)."""


def require_objects(data: object) -> None:
    """Check that data other than a path or a name has a type that can be opened.

    Raises:
        TypeError: if it is neither a map-style dataset nor an array, or it is a DataLoader.
    """
    if isinstance(data, DataLoader):
        raise TypeError("data is a DataLoader, which makes batches; give its dataset instead, loader.dataset")
    sized = hasattr(data, "__len__") and hasattr(data, "__getitem__")
    if not sized or isinstance(data, str | bytes | Mapping | IterableDataset):
        raise TypeError(
            f"give the path or the name of a dataset, not {type(data).__name__}; images in memory are given as a "
            "map-style dataset of (image, label) pairs, with __len__ and __getitem__, or as arrays (images, labels)"
        )


def name_of(data: object) -> str:
    """Return a short name: that of a Dataset, "arrays", or the name of the type of a map-style dataset."""
    if isinstance(data, Dataset):
        return data.name
    if isinstance(data, np.ndarray | Tensor) or _is_pair_of_arrays(data):
        return "arrays"
    return name_of(data.dataset) if isinstance(data, Subset) else type(data).__name__


def source_of_objects(
    data: Objects,
    request: Request,
    *,
    limit: int | None = None,
    value_range: str | None = None,
    layout: Layout | None = None,
    cache_dir: str | Path | None = None,
    progress: bool = True,
) -> Source | Dataset:
    """Return the images of arrays or of a map-style dataset; points [N, 2] are a finished dataset.

    Items of a map-style dataset are read in order, in the calling thread, into memory (above 1 GB into a file in the
    cache folder). An image is a PIL image, or a tensor or array [C, H, W], [H, W, C] or [H, W]: uint8, or
    floating-point in 0..1 or -1..1. A label is an integer, a text, or None for unlabeled. The names in an attribute
    `classes` are class names. An item that can't be read is an error.

    Args:
        data: arrays or a map-style dataset.
        request: format of the images of a map-style dataset (arrays are converted by `prepare`).
        limit: as in `open_images`; images of arrays are not limited here.
        value_range, layout, cache_dir, progress: as in `open_images`.

    Raises:
        TypeError: as in `require_objects`.
        ValueError: if a Dataset is given a value range or layout, or, if it has paired rows, another resolution.
        DataError: if there are no images, sizes differ and no resolution is requested, or an image or label has another
            type, shape or range.
    """
    require_objects(data)
    if isinstance(data, Dataset):
        if value_range is not None or layout is not None:
            raise ValueError(f"{data.name} is a Dataset of uint8 [N, C, H, W]; omit value_range and layout")
        if data.is_points or request.resolution in (None, data.image_shape[1:]):
            return data
        if data.paired is not None:
            height, width = data.image_shape[1:]
            raise ValueError(
                f"the images of {data.name} are paired with maps or pictures at {height}x{width} (height by width) and "
                "can't be resized alone; omit resolution, or open the files at the new one"
            )
        blocks = {"label_blocks": data.label_blocks, "notes": data.notes}
        return pixel_source(data.name, data.images, data.labels, data.classes, data.fingerprint, **blocks)
    if isinstance(data, np.ndarray | Tensor):
        data = (data,)
    if _is_pair_of_arrays(data):
        images, labels = (*cast(tuple[Any, ...], data), None)[:2]
        return source_of_arrays(
            "arrays",
            array_of(images),
            None if labels is None else array_of(labels),
            value_range=value_range,
            layout=layout,
        )
    reader = ItemReader(cast(MapStyle, data), name_of(data), request, value_range, layout)
    return reader.source(limit, cache_dir, progress=progress)


def _is_pair_of_arrays(data: object) -> bool:
    """Return whether data is (images,) or (images, labels) with arrays, not two items of a map-style dataset."""
    if not isinstance(data, tuple) or not 1 <= len(data) <= 2:
        return False
    images, labels = (*data, None)[:2]
    return isinstance(images, np.ndarray | Tensor) and (
        labels is None or isinstance(labels, np.ndarray | Tensor | list)
    )
