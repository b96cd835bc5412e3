"""Parquet tables as on the Hugging Face hub: a column of encoded images and optionally a column of labels."""

from __future__ import annotations

import bisect
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from everymode.data.errors import DataError
from everymode.data.label_columns import Labeling, label_columns, side_by_side
from everymode.data.label_values import labels_of_values
from everymode.data.picture_files import opened_picture
from everymode.data.shards import shards_of_one
from everymode.data.source import Source, digest_of, file_key
from everymode.data.words import did_you_mean, listed
from everymode.machine.installing import install_command

if TYPE_CHECKING:
    import pyarrow.parquet

__all__ = ["parquet_source"]

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMNS = ("label", "labels")
LIKE_LABELS = re.compile(r"label|class|categor|target|species|(^|_)y($|_)|digit", re.IGNORECASE)
CACHED_BYTES = 2**30
"""Size above which the oldest row groups are dropped from memory."""


def parquet_source(paths: Sequence[Path], *, name: str, label_column: str | None = None) -> Source:
    """Return the rows of one or more tables (the shards of one split, in the order of their numbers).

    Args:
        paths: files with a column `image` or `img`, a struct with `bytes` or plain bytes.
        name: name of the data in messages.
        label_column: column of labels (default: `label` or `labels`, if present), with whole numbers or names; a
            missing label is -1. Several columns joined by commas are label blocks.

    Raises:
        ImportError: if pyarrow is not installed.
        DataError: if columns are missing or of the wrong type, or the files are not shards of one table.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ImportError(f"opening .parquet files needs pyarrow: {install_command('parquet')}") from None
    paths, notes = shards_of_one(paths, name)
    try:
        files = [_opened(path, parquet) for path in paths]
        images = _image_column([file.schema_arrow for file in files], paths, name)
        schemas = [file.schema_arrow for file in files]
        columns = _label_columns(schemas, label_columns(label_column), name)
        labeling = _labeling(files, paths, columns, name)
        notes += _ignored_note(files[0].schema_arrow, {images, *columns}, label_column, name)
        notes += _schemas_note(schemas, paths, name)
        rows = _RowGroups(files, images)
    except (pyarrow.ArrowException, OSError, KeyError, UnicodeDecodeError) as error:
        raise _unreadable(name, error) from None

    def open_image(i: int) -> Image.Image:
        data = rows[i]
        if data is None:
            raise ValueError("no bytes in this row (images stored outside the table are not supported)")
        return opened_picture(data)

    return Source(
        name=name,
        items=[f"row {i}" for i in range(len(rows))],
        open_image=open_image,
        labels=labeling.labels,
        classes=labeling.classes,
        label_blocks=labeling.label_blocks,
        key=digest_of("parquet", images, *(file_key(path) for path in paths)),
        notes=(*labeling.notes, *notes),
    )


def _opened(path: Path, parquet: Any) -> pyarrow.parquet.ParquetFile:
    import pyarrow

    try:
        return parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _unreadable(source: object, error: Exception) -> DataError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return DataError(f"{source} can't be read as parquet ({reason}); fetch it again")


class _RowGroups:
    """Encoded images by row number; recent row groups are cached, because rows are read nearly in order."""

    def __init__(self, files: Sequence[pyarrow.parquet.ParquetFile], column: str) -> None:
        self.column = column
        self.groups = [(file, group) for file in files for group in range(file.num_row_groups)]
        sizes = [file.metadata.row_group(group).num_rows for file, group in self.groups]
        self.ends = np.cumsum(sizes).tolist()
        self.cached: OrderedDict[int, Any] = OrderedDict()
        self.lock = threading.Lock()

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def __getitem__(self, i: int) -> bytes | None:
        number = bisect.bisect_right(self.ends, i)
        first = self.ends[number - 1] if number else 0
        with self.lock:
            if number not in self.cached:
                file, group = self.groups[number]
                self.cached[number] = file.read_row_group(group, columns=[self.column]).column(self.column)
                while (
                    len(self.cached) > 1
                    and sum(group.nbytes for group in self.cached.values()) > CACHED_BYTES
                ):
                    self.cached.popitem(last=False)
            self.cached.move_to_end(number)
            column = self.cached[number]
        value = column[i - first].as_py()
        return value.get("bytes") if isinstance(value, dict) else value


def _image_column(schemas: Sequence[Any], paths: Sequence[Path], name: str) -> str:
    """Return the name of the column of images.

    Raises:
        DataError: if a shard lacks it, or it doesn't hold image files.
    """
    column = next((each for each in IMAGE_COLUMNS if each in schemas[0].names), None)
    if column is None:
        raise DataError(
            f'{name} has no column "image" or "img" (it has {listed(schemas[0].names)}); rename the column of images'
        )
    for schema, path in zip(schemas, paths, strict=True):
        if column not in schema.names:
            raise DataError(
                f'{path.name} has no column "{column}", which {paths[0].name} has (it has {listed(schema.names)}), so '
                "they are not shards of one table; give the path of one file"
            )
        kind = schema.field(column).type
        if _is("struct", kind) and kind.get_field_index("bytes") >= 0:
            kind = kind.field("bytes").type
        if not _is("binary", _plain(kind)) and not (_is("null", kind) and path != paths[0]):
            raise DataError(
                f'{name}: column "{column}" is of type {kind}; it must hold the bytes of image files'
            )
    return column


def _plain(kind: Any) -> Any:
    """Return the type of a column's values, also for a column that is encoded by a dictionary."""
    return kind.value_type if _is("dictionary", kind) else kind


def _is(family: str, kind: Any) -> bool:
    """Return whether a type is of a family: "binary" or "string" (also large and view types), "integer", ..."""
    from pyarrow import types

    members: dict[str, tuple[str, ...]] = {
        "binary": ("binary", "large_binary", "binary_view", "fixed_size_binary"),
        "string": ("string", "large_string", "string_view"),
    }
    tests = (getattr(types, f"is_{member}", None) for member in members.get(family, (family,)))
    return any(test is not None and test(kind) for test in tests)


def _label_columns(schemas: Sequence[Any], wanted: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Return the columns of labels: `wanted`, or else the usual one, if any shard has it."""
    names = list(dict.fromkeys(column for schema in schemas for column in schema.names))
    for column in wanted:
        if column not in names:
            near = did_you_mean(column, names)
            raise DataError(f'{name} has no column "{column}"{near}; it has {listed(names)}')
    return wanted or tuple(column for column in LABEL_COLUMNS if column in names)[:1]


def _schemas_note(schemas: Sequence[Any], paths: Sequence[Path], name: str) -> tuple[str, ...]:
    """Return a note on shards whose columns or column types differ from those of the first shard."""
    kinds = [{field.name: str(field.type) for field in schema} for schema in schemas]
    differing = [path.name for path, kind in zip(paths, kinds, strict=True) if kind != kinds[0]]
    if not differing:
        return ()
    return (
        f"{name}: the columns of {listed(differing, 4)}, or their types, differ from those of {paths[0].name}; labels "
        "and images are read nevertheless",
    )


def _ignored_note(schema: Any, used: set[str], label_column: str | None, name: str) -> tuple[str, ...]:
    """Return a note on unused columns that may hold labels; () if the user selected columns."""
    others = [column for column in schema.names if column not in used and _may_be_labels(schema, column)]
    likely = [column for column in others if LIKE_LABELS.search(column)]
    if label_column is not None or not (likely or (others and len(used) == 1)):
        return ()
    columns = likely or others
    consequence = ", so all images are unlabeled" if len(used) == 1 else ""
    return (
        f"{name}: ignored the columns {listed(columns)}{consequence} (--label-column {columns[0]} reads labels from "
        "one)",
    )


def _may_be_labels(schema: Any, column: str) -> bool:
    kind = _plain(schema.field(column).type)
    return any(_is(each, kind) for each in ("integer", "string", "boolean", "floating"))


def _labeling(
    files: Sequence[pyarrow.parquet.ParquetFile], paths: Sequence[Path], columns: tuple[str, ...], name: str
) -> Labeling:
    if not columns:
        return Labeling(np.full(sum(file.metadata.num_rows for file in files), -1, np.int64), ())
    return side_by_side([_labels(files, paths, column, name) for column in columns], columns, name)


def _labels(
    files: Sequence[pyarrow.parquet.ParquetFile], paths: Sequence[Path], column: str, name: str
) -> Labeling:
    values: list[Any] = []
    kinds: dict[str, str] = {}
    names: tuple[str, ...] = ()
    for file, path in zip(files, paths, strict=True):
        schema = file.schema_arrow
        if column not in schema.names:
            raise DataError(
                f'{path.name} has no column "{column}", which other shards have; fetch it again, or remove the shard'
            )
        kind = _plain(schema.field(column).type)
        if not _is("null", kind):  # the column has no value in this shard, so its type is irrelevant
            kinds.setdefault(_kind_of_labels(kind, f'{path.name}: column "{column}"'), path.name)
            named = _names_in_metadata(schema.metadata, column)
            if names and named and named != names:
                raise DataError(
                    f'{path.name} names the classes of column "{column}" differently from the shards before it '
                    f"({listed(named, 4)} instead of {listed(names, 4)}), so they are not shards of one table; give "
                    "the path of one file"
                )
            names = names or named
        values += file.read(columns=[column]).column(column).to_pylist()
    if len(kinds) > 1:
        each = " and ".join(f"{kind} in {path}" for kind, path in kinds.items())
        raise DataError(f'{name}: column "{column}" holds {each}; use one of them in all shards')
    return labels_of_values(values, f'{name}, column "{column}"', names=names, nothing="null")


def _kind_of_labels(kind: Any, where: str) -> str:
    if any(_is(each, kind) for each in ("string", "binary")):
        return "names"
    if any(_is(each, kind) for each in ("integer", "boolean", "floating", "decimal")):
        return "numbers"
    raise DataError(f"{where} is of type {kind}; labels must be whole numbers or names")


def _names_in_metadata(metadata: dict[bytes, bytes] | None, column: str) -> tuple[str, ...]:
    """Return class names from the metadata that the `datasets` library stores with the schema; () if there are none."""
    try:
        names = json.loads((metadata or {})[b"huggingface"])["info"]["features"][column]["names"]
        return tuple(str(name) for name in names)
    except (KeyError, TypeError, ValueError):
        return ()
