"""Items of a map-style dataset, read one by one into pixels of one format, and labels."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Subset
from tqdm import tqdm

from everymode.data.cache import cache_folder
from everymode.data.decode import Decoding, decoded, read_header
from everymode.data.errors import DataError
from everymode.data.label_columns import Labeling
from everymode.data.label_values import composed, labels_of_values
from everymode.data.layout import CHANNELS, Layout, channels_first
from everymode.data.prepare import IN_MEMORY_BYTES, Request
from everymode.data.source import Source, array_key, limited_rows, pixel_source
from everymode.data.value_range import RANGES, TOLERANCE, Scale, mask_note, scale_of, to_bytes

__all__ = ["ItemReader", "MapStyle", "array_of"]


class MapStyle(Protocol):
    """Map-style dataset: its length, and a pair (image, label) for each index."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


def array_of(values: Any) -> np.ndarray:
    """Return a tensor, on any device, or an array as an array."""
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        return (values.float() if values.dtype is torch.bfloat16 else values).numpy()
    return np.asarray(values)


@dataclass(frozen=True)
class _Format:
    """Format of all rows: image size, number of channels, and the range of floating-point values."""

    resolution: tuple[int, int]
    channels: int
    value_range: str


class _OtherFormatError(Exception):
    """An item shows that all items need another format."""

    def __init__(self, **changes: Any) -> None:
        super().__init__(changes)
        self.changes = changes


class ItemReader:
    """Reader of a map-style dataset, whose other arguments are those of `source_of_objects`."""

    def __init__(
        self, data: MapStyle, name: str, request: Request, value_range: str | None, layout: Layout | None
    ) -> None:
        self.data = data
        self.name = name
        self.request = request
        self.value_range = value_range
        self.layout: Layout | None = layout
        self.notes: tuple[str, ...] = ()
        """Notes on the first image whose values are clamped."""

    def source(self, limit: int | None, cache_dir: str | Path | None, *, progress: bool) -> Source:
        """Read all items, or a fixed random sample of `limit` of them."""
        count = len(self.data)
        if not count:
            raise DataError(f"{self.name} holds no images; its length is 0")
        rows = np.arange(count) if limit is None or limit >= count else limited_rows(count, limit)
        first = self._image(int(rows[0]))
        value_range = self.value_range or ("-1..1" if _is_negative(first) else "0..1")
        formatted = _Format(
            self.request.resolution or _size(first), self.request.channels or _channels(first), value_range
        )
        while True:
            try:
                pixels, labels = self._read(rows, formatted, cache_dir, progress=progress)
                break
            except _OtherFormatError as other:
                formatted = replace(formatted, **other.changes)
        labeling = self._labeling(labels)
        notes = (
            *labeling.notes,
            *self.notes,
            *mask_note(pixels, self.name),
            *self._random_note(int(rows[0]), pixels[0], formatted),
        )
        return pixel_source(
            self.name, pixels, labeling.labels, labeling.classes, array_key(pixels), notes=notes
        )

    def _read(
        self, rows: np.ndarray, formatted: _Format, cache_dir: str | Path | None, *, progress: bool
    ) -> tuple[np.ndarray, list[Any]]:
        self.notes = ()
        pixels = _empty((len(rows), formatted.channels, *formatted.resolution), cache_dir)
        labels: list[Any] = []
        message, terminal = f"reading {self.name}", sys.stderr.isatty()
        if progress and not terminal:
            print(f"{message} ({len(rows):,} images)", file=sys.stderr, flush=True)
        bar = tqdm(rows.tolist(), desc=message, unit=" images", disable=not (progress and terminal))
        for position, row in enumerate(bar):
            image, label = self._item(row)
            pixels[position] = self._pixels(image, row, formatted)
            labels.append(_plain_label(label, f"{self.name}: item {row}"))
        return pixels, labels

    def _item(self, row: int) -> tuple[Any, Any]:
        """Return the image, as a PIL image or an array [C, H, W], and the label of an item."""
        where = f"{self.name}: item {row}"
        try:
            item = self.data[row]
        except Exception as error:  # code of a user may raise anything
            raise DataError(
                f"{where} can't be read ({type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]})"
            ) from error
        if not isinstance(item, tuple | list) or len(item) != 2:
            size = f", with {len(item)} elements" if isinstance(item, tuple | list) else ""
            raise DataError(
                f"{where} is of type {type(item).__name__}{size}; each item must be a pair (image, label), with None "
                "for no label"
            )
        image, label = item
        if isinstance(image, Image.Image):
            try:
                read_header(image)
            except Exception as error:
                raise DataError(f"{where} can't be read ({error})") from error
            return image, label
        if not isinstance(image, np.ndarray | Tensor):
            raise DataError(
                f"{where}: the image is of type {type(image).__name__}; give a PIL image, a tensor or an array"
            )
        values = array_of(image)
        if not values.size:
            raise DataError(f"{where}: the image has shape {list(values.shape)}, so it is empty")
        if values.ndim == 2:
            return values[None], label
        layout = self.layout
        if layout is None and isinstance(image, Tensor) and values.ndim == 3 and values.shape[0] in CHANNELS:
            layout = "NCHW"  # torch's order, in which a small image is not ambiguous
        if values.ndim != 3:
            raise DataError(f"{where}: the image has shape {list(values.shape)}; give [C, H, W] or [H, W]")
        return channels_first(values[None], where, layout)[0], label

    def _image(self, row: int) -> Any:
        return self._item(row)[0]

    def _pixels(self, image: Any, row: int, formatted: _Format) -> np.ndarray:
        """Return an image as uint8 [C, H, W] in the format of all rows.

        Raises:
            _OtherFormatError: if all rows need another format.
        """
        where = f"{self.name}: item {row}"
        if self.request.channels is None and formatted.channels == 1 and _channels(image) > 1:
            raise _OtherFormatError(channels=3)
        if self.request.resolution is None and _size(image) != formatted.resolution:
            (height, width), (h, w) = formatted.resolution, _size(image)
            raise DataError(
                f"{where} is {h}x{w} and others are {height}x{width} (height by width), and a network needs one size; "
                "give a resolution such as 64 or 64x96"
            )
        value_range = None
        if isinstance(image, Image.Image):
            value_range = self.value_range
        else:
            image = self._bytes(image, where, formatted.value_range)
            if image.shape == (formatted.channels, *formatted.resolution):
                return image
            rows = np.ascontiguousarray(image.transpose(1, 2, 0))
            image = Image.fromarray(rows[..., 0] if rows.shape[2] == 1 else rows)
        request = self.request
        decoding = Decoding(
            formatted.resolution, formatted.channels, request.fit, request.background, value_range
        )
        try:
            return decoded(image, decoding)[0]
        except Exception as error:  # damaged files make Pillow's readers raise nearly anything
            raise DataError(f"{where} can't be read ({error})") from error

    def _bytes(self, values: np.ndarray, where: str, value_range: str) -> np.ndarray:
        """Return an array as uint8; floating-point values by the range of all rows, which they may show to be -1..1."""
        if values.dtype == np.uint8 and self.value_range is None:
            return values
        if values.dtype.kind != "f" or self.value_range is not None:
            scale = scale_of(values, where, self.value_range)
            self.notes = self.notes or scale.notes
            return to_bytes(values, scale)
        low, high = float(values.min()), float(values.max())
        black, white = RANGES[value_range]
        tolerance = TOLERANCE[value_range]
        if black - tolerance <= low and high <= white + tolerance:
            if not black <= low <= high <= white:
                self.notes = self.notes or scale_of(values, where, value_range).notes
            return to_bytes(values, Scale(-black, 255 / (white - black)))
        if value_range == "0..1" and low >= -1 - tolerance and high <= 1 + tolerance:
            raise _OtherFormatError(value_range="-1..1")
        raise DataError(
            f"{where} has values from {low:g} to {high:g}; floating-point images must be in 0..1 or -1..1: omit a "
            'normalization by mean and standard deviation, or set value_range, as in value_range="0..255"'
        )

    def _labeling(self, labels: Sequence[Any]) -> Labeling:
        """Return the labels, with the names of the attribute `classes`, if it names all numbers."""
        names = getattr(self.data.dataset if isinstance(self.data, Subset) else self.data, "classes", None)
        names = list(names) if isinstance(names, list | tuple) else []
        numbers = [label for label in labels if isinstance(label, int)]
        distinct = all(isinstance(name, str) and name for name in names) and len(
            {composed(name) for name in names}
        ) == len(names)
        usable = distinct and bool(numbers) and max(numbers) < len(names)
        return labels_of_values(labels, self.name, names=names if usable else (), nothing="None")

    def _random_note(self, row: int, before: np.ndarray, formatted: _Format) -> tuple[str, ...]:
        """Return a note if reading an item again returns other pixels."""
        try:
            again = self._pixels(self._image(row), row, formatted)
        except _OtherFormatError:
            again = None
        if again is not None and np.array_equal(again, before):
            return ()
        return (
            f"{self.name}: item {row} differs each time it is read, so its transform is random; items are read "
            "before training, not in every epoch, so omit random transforms and use the recipe's augmentation",
        )


def _size(image: Any) -> tuple[int, int]:
    if isinstance(image, Image.Image):
        return read_header(image)[:2]
    return image.shape[1], image.shape[2]


def _channels(image: Any) -> int:
    """Return 1 for a gray image, else 3."""
    gray = read_header(image).gray if isinstance(image, Image.Image) else image.shape[0] == 1
    return 1 if gray else 3


def _is_negative(image: Any) -> bool:
    """Return whether an image has floating-point values below the range 0..1."""
    return not isinstance(image, Image.Image) and image.dtype.kind == "f" and image.min() < -TOLERANCE["0..1"]


def _plain_label(label: Any, where: str) -> int | str | float | None:
    """Return a label as a number, a text or None."""
    if isinstance(label, Tensor | np.ndarray | np.generic):
        if np.prod(label.shape, dtype=int) != 1:
            raise DataError(
                f"{where}: the label has shape {list(label.shape)}; give one integer per image, or None for no label"
            )
        label = label.item() if isinstance(label, Tensor | np.generic) else label.reshape(-1)[0].item()
    if label is None or isinstance(label, int | float | str):
        return label
    raise DataError(
        f"{where}: the label is of type {type(label).__name__}; give one integer per image, or None for no label"
    )


def _empty(shape: tuple[int, ...], cache_dir: str | Path | None) -> np.ndarray:
    """Return an array for the pixels: in memory, or if it is large in a temporary file that disappears with it."""
    size = int(np.prod(shape, dtype=np.int64))
    if size <= IN_MEMORY_BYTES:
        return np.empty(shape, np.uint8)
    folder = cache_folder(cache_dir)
    free = shutil.disk_usage(folder).free
    if 2 * size > free:  # of the file and of the cache entry made of it
        raise DataError(
            f"reading needs {2 * size / 1e9:.1f} GB in {folder}, where {free / 1e9:.1f} GB are free; set "
            "EVERYMODE_CACHE to a larger disk, or lower the resolution"
        )
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, np.uint8, "w+", shape=shape)
