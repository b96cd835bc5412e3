"""Labels of images named by paths: from `labels.csv`, from StyleGAN's `dataset.json`, or from sub-folders."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from everymode.data.class_folders import labels_from_folders
from everymode.data.errors import DataError, NoColumnsError
from everymode.data.label_columns import Labeling, label_columns, side_by_side
from everymode.data.label_rows import matched
from everymode.data.label_values import (
    NO_ROW,
    UNLABELED,
    composed,
    labels_of_values,
)
from everymode.data.words import listed

__all__ = [
    "Labeling",
    "is_table",
    "label_images",
    "labels_from_csv",
    "labels_from_folders",
    "labels_from_json",
    "others_note",
]

MAY_HOLD_LABELS = (
    ".csv",
    ".tsv",
    ".json",
    ".jsonl",
    ".ndjson",
    ".xlsx",
    ".parquet",
    ".npy",
    ".npz",
    ".mat",
    ".pkl",
)

FILE_COLUMNS = ("file", "file_name")
"""What the column of file names is called, in the order in which they are tried."""


def is_table(name: str) -> bool:
    """Whether a file of this name may hold labels: metadata.csv, or labels.csv in other letters."""
    return name != "labels.csv" and name.lower() in ("labels.csv", "metadata.csv")


def others_note(names: Sequence[str], where: str, place: str = "") -> tuple[str, ...]:
    """A note on files beside the images that may hold labels, and are not read: of other names, or in a sub-folder.

    Args:
        names: of all files that are neither images nor read as labels, relative to the root.
        place: the path of the root, where folders in it can be opened.
    """
    likely = [name for name in names if name.lower().endswith(MAY_HOLD_LABELS)]
    if not likely:
        return ()
    inside = [name.rpartition("/")[0] for name in likely if name.endswith(("/labels.csv", "/dataset.json"))]
    how = f", or open {place}/{inside[0]}" if inside and place else ""
    return (
        f"{where}: {listed(sorted(likely), 4)} may hold labels and {'is' if len(likely) == 1 else 'are'} passed over: "
        f"save them as labels.csv with the columns file,label at the top{how}",
    )


def label_images(
    where: str,
    names: Sequence[str],
    *,
    csv_bytes: bytes | None,
    json_bytes: bytes | None,
    label_column: str | None,
    tables: Mapping[str, bytes] | None = None,
    place: str | None = None,
    packed: bool = False,
    by_folders: bool = True,
) -> Labeling:
    """Labels for `names` [N], paths with forward slashes relative to the root.

    A `labels.csv` or a `dataset.json` decides alone; without one, the first folder of each path is its class; without
    folders, another table with the columns `file` (or `file_name`) and `label` is taken.

    Args:
        label_column: of a table, "label" where None; several joined by commas are label blocks.
        tables: other tables that may hold labels, by name: one of them is taken before folders where `label_column`
            asks for its column.
        place, packed: as for `labels_from_folders`.
        by_folders: whether folders are classes.

    Raises:
        DataError: both files are there, or what `labels_from_csv` and `labels_from_json` raise.
    """
    if csv_bytes is not None and json_bytes is not None:
        raise DataError(
            f"{where} holds both labels.csv and dataset.json; remove the one that should not count"
        )
    columns = label_columns(label_column) or ("label",)
    others = dict(sorted((tables or {}).items()))
    if csv_bytes is not None:
        text = decode_text(csv_bytes, f"{where}/labels.csv")
        found = labels_from_csv(text, names, f"{where}/labels.csv", columns=columns)
        return _noting(found, others, where, by_flag=False)
    folders = by_folders and any("/" in name for name in names)
    if label_column is not None or (json_bytes is None and not folders):
        for called, data in others.items():
            if _has_columns(data, columns):
                text = decode_text(data, f"{where}/{called}")
                found = labels_from_csv(text, names, f"{where}/{called}", columns=columns)
                note = f"{where}: labels are those of {called}, column {', '.join(columns)}"
                found = found._replace(notes=(note, *found.notes))
                return _noting(found, {name: data for name, data in others.items() if name != called}, where)
    if label_column is not None:
        raise NoColumnsError(
            f'{where} has no labels.csv, so there is no column "{label_column}"; leave label_column out'
        )
    if json_bytes is not None:
        text = decode_text(json_bytes, f"{where}/dataset.json")
        return _noting(labels_from_json(text, names, f"{where}/dataset.json"), others, where)
    if not by_folders:
        return _noting(Labeling(np.full(len(names), -1, np.int64), ()), others, where)
    return _noting(labels_from_folders(names, where, place=place, packed=packed), others, where)


def _noting(found: Labeling, tables: Mapping[str, bytes], where: str, *, by_flag: bool = True) -> Labeling:
    """The same labels with a note on each table that may hold labels too, and how it is taken."""
    notes = []
    for called, data in tables.items():
        header = _header(data)
        columns = [cell for cell in header if cell not in FILE_COLUMNS]
        how = (
            f"it has the columns {listed(header)}; --label-column {columns[0]} takes one as labels"
            if len(columns) < len(header) and columns and by_flag
            else "it is read once it is saved as labels.csv, with the columns file,label"
        )
        notes.append(f"{where}: {called} may hold labels and is passed over: {how}")
    return found._replace(notes=(*found.notes, *notes))


def _header(data: bytes) -> list[str]:
    """The first row of a table; [] for what is none."""
    text = data.decode("utf-8-sig", "replace").lstrip("\r\n").split("\n", 1)[0]
    try:
        rows = _rows_of(text, "")
    except DataError:
        return []
    return [composed(cell.strip()).lower() for cell in rows[0][1]] if rows else []


def _has_columns(data: bytes, columns: Sequence[str]) -> bool:
    header = _header(data)
    wanted = [composed(column).lower() for column in columns]
    return any(name in header for name in FILE_COLUMNS) and all(header.count(name) == 1 for name in wanted)


def decode_text(data: bytes, where: str) -> str:
    """UTF-8, with or without a byte-order mark."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where} is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
        ) from None


def labels_from_csv(
    text: str, names: Sequence[str], where: str, *, columns: Sequence[str] = ("label",)
) -> Labeling:
    """A table with a header row and the columns `file` (or `file_name`) and `columns`, each a label block; others are
    ignored.

    Commas separate, or else semicolons or tabs. Labels are read by the rule of `labels_of_values`; an image without a
    row is unlabeled.

    Raises:
        DataError: a column is missing or, of several, empty; a row has more cells than the header; a row names an image
            that is not there or lies outside the root; or two rows of one image disagree.
    """
    rows = _rows_of(text, where)
    header = [composed(cell.strip()).lower() for cell in rows[0][1]] if rows else []
    file_column = next((name for name in FILE_COLUMNS if name in header), FILE_COLUMNS[0])
    for wanted in (file_column, *(composed(column).lower() for column in columns)):
        if header.count(wanted) != 1:
            raise DataError(
                f'{where} needs one column "{wanted}", its first row is {listed(header) or "empty"}; '
                f'start it with a row such as "file,{",".join(columns)}"'
            )
    file_cell = header.index(file_column)
    label_cells = [header.index(composed(column).lower()) for column in columns]
    entries: list[tuple[str, tuple[str, ...]]] = []
    for number, row in rows[1:]:
        if len(row) <= file_cell or not row[file_cell].strip():
            raise DataError(f"{where}, row {number}: no file is named; fill it in or remove the row")
        if any(cell.strip() for cell in row[len(header) :]):
            raise DataError(
                f"{where}, row {number} has {len(row)} cells and the first row {len(header)}; put names that hold the "
                f'separator in quotation marks, as in "New York, USA" ({row[file_cell].strip()})'
            )
        cells = (row[cell].strip() if cell < len(row) else "" for cell in label_cells)
        entries.append((row[file_cell], tuple(cells)))
    by_name = matched(entries, names, where)
    no_row = (NO_ROW,) * len(columns)
    rows_of_names = [by_name.get(name, no_row) for name in names]
    found = [
        labels_of_values(
            [labels[block] for labels in rows_of_names],
            where if len(columns) == 1 else f'{where}, column "{column}"',
        )
        for block, column in enumerate(columns)
    ]
    return side_by_side(found, columns, where)


def _rows_of(text: str, where: str) -> list[tuple[int, list[str]]]:
    """The rows of a table that are not empty, with their numbers."""
    first_line = text.lstrip("\r\n").split("\n", 1)[0]
    separator = next((mark for mark in (",", ";", "\t") if mark in first_line), ",")
    lines = io.StringIO(text, newline="")
    try:
        # a space before a quotation mark does not make it part of the cell
        rows = list(csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True))
    except csv.Error as error:
        raise DataError(f"{where} can't be read as a table ({error}); save it again as CSV") from None
    return [(number, row) for number, row in enumerate(rows, 1) if any(cell.strip() for cell in row)]


def labels_from_json(text: str, names: Sequence[str], where: str) -> Labeling:
    """StyleGAN's {"labels": [["path", number], ...]}, or null; images without an entry are unlabeled, and so are those
    whose number is null or -1.

    Raises:
        DataError: another structure, a label that is no whole number, or the faults of `labels_from_csv`.
    """
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is not JSON ({error})") from None
    labels = stored.get("labels") if isinstance(stored, dict) else stored
    if not isinstance(stored, dict) or not isinstance(labels, list | None):
        raise DataError(f'{where} must be {{"labels": [["path", number], ...]}} or {{"labels": null}}')
    if labels is None:
        return Labeling(np.full(len(names), -1, np.int64), ())
    entries: list[tuple[str, Any]] = []
    for pair in labels:
        if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)):
            raise DataError(f'{where}: {_short(pair)} is not a pair such as ["00000/img0.png", 3]')
        name, label = pair
        if not _may_be_number(label):
            raise DataError(
                f"{where}: the label of {name} is {_short(label)}; it must be a whole number or null"
            )
        entries.append((name, label))
    by_name = matched(entries, names, where)
    return labels_of_values([by_name.get(name, NO_ROW) for name in names], where, nothing="null")


def _may_be_number(label: object) -> bool:
    """Whether it is a whole number (1.0 is one), or says that there is no label."""
    if isinstance(label, float):
        return label != label or label.is_integer()
    if isinstance(label, str):
        return label.strip() in UNLABELED
    return label is None or (isinstance(label, int) and not isinstance(label, bool))


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
