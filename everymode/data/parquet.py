"""Parquet tables as the Hugging Face hub keeps them: a column of encoded images, perhaps one of labels."""

from __future__ import annotations

import bisect
import io
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from everymode.data.decode import FORMATS
from everymode.data.errors import DataError
from everymode.data.label_columns import Labelling, label_columns, side_by_side
from everymode.data.labelling import named_classes
from everymode.data.source import Source, digest_of, file_key, numbered_classes
from everymode.data.words import did_you_mean, listed

if TYPE_CHECKING:
    import pyarrow.parquet

__all__ = ["parquet_source"]

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMNS = ("label", "labels")
KEPT_BYTES = 2**30


def parquet_source(paths: Sequence[Path], *, name: str, label_column: str | None = None) -> Source:
    """The rows of one or more tables (the shards of one split, in the order of their names).

    Args:
        paths: files with a column `image` or `img`, a struct with `bytes` or plain bytes.
        name: for messages.
        label_column: the column of labels; by default `label` or `labels`, if there is one. Whole numbers
            or names; a missing label is -1. Several columns joined by commas are label blocks.

    Raises:
        ImportError: pyarrow is not installed.
        DataError: no such columns, columns of another kind, or shards of several splits.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ImportError("opening .parquet files needs pyarrow: pip install everymode[parquet]") from None
    splits = {re.sub(r"-\d+-of-\d+.*$", "", path.stem) for path in paths}
    if len(splits) > 1:
        raise DataError(
            f"{name} holds tables that are not parts of one ({listed(sorted(splits))}); give the path of "
            "one file"
        )
    try:
        files = [parquet.ParquetFile(path) for path in paths]
        images = _image_column(files[0].schema_arrow, name)
        columns = _label_columns(files[0].schema_arrow, label_columns(label_column), name)
        labelling = _labelling(files, columns, name)
        rows = _RowGroups(files, images)
    except (pyarrow.ArrowException, OSError, KeyError) as error:
        raise DataError(
            f"{name} can't be read as parquet ({str(error).splitlines()[0]}); fetch it again"
        ) from None

    def open_image(i: int) -> Image.Image:
        data = rows[i]
        if data is None:
            raise ValueError("no bytes in this row (images kept outside the table are not followed)")
        return Image.open(io.BytesIO(data), formats=FORMATS)

    return Source(
        name=name,
        items=[f"row {i}" for i in range(len(rows))],
        open_image=open_image,
        labels=labelling.labels,
        classes=labelling.classes,
        label_blocks=labelling.label_blocks,
        key=digest_of("parquet", images, *(file_key(path) for path in paths)),
    )


class _RowGroups:
    """Encoded images by row number; the last row groups are kept, as rows are asked for nearly in order."""

    def __init__(self, files: Sequence[pyarrow.parquet.ParquetFile], column: str) -> None:
        self.column = column
        self.groups = [(file, group) for file in files for group in range(file.num_row_groups)]
        sizes = [file.metadata.row_group(group).num_rows for file, group in self.groups]
        self.ends = np.cumsum(sizes).tolist()
        self.kept: OrderedDict[int, Any] = OrderedDict()
        self.lock = threading.Lock()

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def __getitem__(self, i: int) -> bytes | None:
        number = bisect.bisect_right(self.ends, i)
        first = self.ends[number - 1] if number else 0
        with self.lock:
            if number not in self.kept:
                file, group = self.groups[number]
                self.kept[number] = file.read_row_group(group, columns=[self.column]).column(self.column)
                while len(self.kept) > 1 and sum(group.nbytes for group in self.kept.values()) > KEPT_BYTES:
                    self.kept.popitem(last=False)
            self.kept.move_to_end(number)
            column = self.kept[number]
        value = column[i - first].as_py()
        return value.get("bytes") if isinstance(value, dict) else value


def _image_column(schema: Any, name: str) -> str:
    from pyarrow import types

    for column in IMAGE_COLUMNS:
        if column in schema.names:
            kind = schema.field(column).type
            if types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
                kind = kind.field("bytes").type
            if types.is_binary(kind) or types.is_large_binary(kind):
                return column
            raise DataError(f'{name}: column "{column}" is {kind}, not the bytes of image files')
    raise DataError(
        f'{name} has no column "image" or "img" (it has {listed(schema.names)}); rename the column of images'
    )


def _label_columns(schema: Any, wanted: tuple[str, ...], name: str) -> tuple[str, ...]:
    for column in wanted:
        if column not in schema.names:
            near = did_you_mean(column, schema.names)
            raise DataError(f'{name} has no column "{column}"{near}; it has {listed(schema.names)}')
    return wanted or tuple(column for column in LABEL_COLUMNS if column in schema.names)[:1]


def _labelling(
    files: Sequence[pyarrow.parquet.ParquetFile], columns: tuple[str, ...], name: str
) -> Labelling:
    if not columns:
        return Labelling(np.full(sum(file.metadata.num_rows for file in files), -1, np.int64), ())
    return side_by_side([_labels(files, column, name) for column in columns], columns, name)


def _labels(
    files: Sequence[pyarrow.parquet.ParquetFile], column: str, name: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    from pyarrow import types

    values = [value for file in files for value in file.read(columns=[column]).column(column).to_pylist()]
    kind = files[0].schema_arrow.field(column).type
    if types.is_string(kind) or types.is_large_string(kind):
        return named_classes([value or None for value in values])
    if not types.is_integer(kind):
        raise DataError(f'{name}: column "{column}" is {kind}; labels must be whole numbers or names')
    numbers, classes = numbered_classes(values, f'{name}, column "{column}"')
    names = _names_in_metadata(files[0].schema_arrow.metadata, column)
    if names and len(names) < len(classes):
        raise DataError(
            f'{name}, column "{column}": a label is {len(classes) - 1}, but the table names {len(names)} '
            "classes"
        )
    return numbers, names or classes


def _names_in_metadata(metadata: dict[bytes, bytes] | None, column: str) -> tuple[str, ...]:
    """Class names as the `datasets` library stores them beside the schema; () where there are none."""
    try:
        names = json.loads((metadata or {})[b"huggingface"])["info"]["features"][column]["names"]
        return tuple(str(name) for name in names)
    except (KeyError, TypeError, ValueError):
        return ()
