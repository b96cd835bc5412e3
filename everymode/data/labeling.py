"""Labels of images that are identified by paths: from `labels.csv`, StyleGAN's `dataset.json`, or sub-folders."""

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
from everymode.data.label_values import NO_ROW, UNLABELED, composed, labels_of_values
from everymode.data.words import listed

__all__ = [
    "Labeling",
    "has_columns",
    "is_table",
    "is_unrelated_json",
    "label_images",
    "labels_from_csv",
    "labels_from_folders",
    "labels_from_json",
    "others_note",
]

MAY_HOLD_LABELS = (
    *(".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".xlsx"),
    *(".parquet", ".npy", ".npz", ".mat", ".pkl"),
)
"""Extensions of files that may hold labels."""

FILE_COLUMNS = ("file", "file_name")
"""Names of the column of file names, in the order in which they are tried."""


def is_table(name: str) -> bool:
    """Return whether a file of this name may be read as labels: metadata.csv, or labels.csv in another case."""
    return name != "labels.csv" and name.lower() in ("labels.csv", "metadata.csv")


def others_note(names: Sequence[str], where: str, root: str = "") -> tuple[str, ...]:
    """Return a note on files that may hold labels but are not read, because of their name or in a sub-folder.

    Args:
        names: names of all files that are neither images nor read as labels, relative to the root.
        where: name of the data in the note.
        root: path of the root if its sub-folders can be opened, else "".
    """
    likely = [name for name in names if name.lower().endswith(MAY_HOLD_LABELS)]
    if not likely:
        return ()
    subfolders = [
        name.rpartition("/")[0] for name in likely if name.endswith(("/labels.csv", "/dataset.json"))
    ]
    alternative = f", or open {root}/{subfolders[0]}" if subfolders and root else ""
    return (
        f"{where}: {listed(sorted(likely), 4)} may hold labels but {'is' if len(likely) == 1 else 'are'} ignored; "
        f"save the labels as labels.csv in the top folder, with the columns file,label{alternative}",
    )


def label_images(
    where: str,
    names: Sequence[str],
    *,
    csv_bytes: bytes | None,
    json_bytes: bytes | None,
    label_column: str | None,
    tables: Mapping[str, bytes] | None = None,
    root: str | None = None,
    packed: bool = False,
    by_folders: bool = True,
    undecodable: Sequence[str] = (),
) -> Labeling:
    """Label the images `names` [N].

    A `labels.csv` or `dataset.json` takes precedence; without them, the first folder of each path is its class; without
    folders, another table with the columns `file` (or `file_name`) and `label` is used. Another tool's `dataset.json`
    is ignored, with a note (see `is_unrelated_json`).

    Args:
        where: name of the data in messages.
        names: paths of the images with forward slashes, relative to the root.
        csv_bytes, json_bytes: content of labels.csv and dataset.json; None if there is no such file.
        label_column: column of the table (default: "label"); several columns joined by commas are label blocks.
        tables: content of other tables that may hold labels, by name; if `label_column` is set, a table with that
            column takes precedence over folders.
        root, packed: as in `labels_from_folders`.
        by_folders: whether folders are classes.
        undecodable: paths of images in formats that can't be read here (see `is_undecodable`), for error messages.

    Raises:
        DataError: if there is both a labels.csv and a dataset.json, or as in `labels_from_csv`, `labels_from_json` and
            `labels_from_folders`.
    """
    if json_bytes is not None and is_unrelated_json(json_bytes):
        labeling = label_images(
            where,
            names,
            csv_bytes=csv_bytes,
            json_bytes=None,
            label_column=label_column,
            tables=tables,
            root=root,
            packed=packed,
            by_folders=by_folders,
            undecodable=undecodable,
        )
        note = f'{where}: dataset.json has no "labels", so it is ignored'
        return labeling._replace(notes=(note, *labeling.notes))
    if csv_bytes is not None and json_bytes is not None:
        raise DataError(f"{where} holds both labels.csv and dataset.json; remove one of them")
    columns = label_columns(label_column) or ("label",)
    others = dict(sorted((tables or {}).items()))
    if csv_bytes is not None:
        text = decode_text(csv_bytes, f"{where}/labels.csv")
        labeling = labels_from_csv(
            text, names, f"{where}/labels.csv", columns=columns, undecodable=undecodable
        )
        return _with_table_notes(labeling, others, where, by_flag=False)
    folders = by_folders and any("/" in name for name in names)
    if label_column is not None or (json_bytes is None and not folders):
        table = next((table for table, data in others.items() if has_columns(data, columns)), None)
        if table is not None:
            text = decode_text(others.pop(table), f"{where}/{table}")
            labeling = labels_from_csv(
                text, names, f"{where}/{table}", columns=columns, undecodable=undecodable
            )
            note = f"{where}: labels are from {table}, column {', '.join(columns)}"
            return _with_table_notes(labeling._replace(notes=(note, *labeling.notes)), others, where)
    if label_column is not None:
        raise NoColumnsError(
            f'{where} has no labels.csv, so there is no column "{label_column}"; omit label_column'
        )
    if json_bytes is not None:
        text = decode_text(json_bytes, f"{where}/dataset.json")
        labeling = labels_from_json(text, names, f"{where}/dataset.json", undecodable=undecodable)
        return _with_table_notes(labeling, others, where)
    if not by_folders:
        return _with_table_notes(Labeling(np.full(len(names), -1, np.int64), ()), others, where)
    labeling = labels_from_folders(names, where, root=root, packed=packed, undecodable=undecodable)
    return _with_table_notes(labeling, others, where)


def _with_table_notes(
    labeling: Labeling, tables: Mapping[str, bytes], where: str, *, by_flag: bool = True
) -> Labeling:
    """Add a note on each unused table that may hold labels, and how to use it."""
    notes = []
    for table, data in tables.items():
        header = _header(data)
        columns = [cell for cell in header if cell not in FILE_COLUMNS]
        advice = (
            f"it has the columns {listed(header)} (--label-column {columns[0]} reads labels from one)"
            if len(columns) < len(header) and columns and by_flag
            else "save it as labels.csv with the columns file,label to use it"
        )
        notes.append(f"{where}: {table} may hold labels but is ignored; {advice}")
    return labeling._replace(notes=(*labeling.notes, *notes))


def _header(data: bytes) -> list[str]:
    """Return the first row of a table, in lower case; [] if it can't be parsed."""
    text = data.decode("utf-8-sig", "replace").lstrip("\r\n").split("\n", 1)[0]
    try:
        rows = _rows_of(text, "")
    except DataError:
        return []
    return [composed(cell.strip()).lower() for cell in rows[0][1]] if rows else []


def has_columns(data: bytes, columns: Sequence[str]) -> bool:
    """Return whether the first row of a table has a column of file names and each of `columns` once."""
    header = _header(data)
    wanted = [composed(column).lower() for column in columns]
    return any(name in header for name in FILE_COLUMNS) and all(header.count(name) == 1 for name in wanted)


def decode_text(data: bytes, where: str) -> str:
    """Decode UTF-8, with or without a byte-order mark.

    Raises:
        DataError: if the data are not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where} is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
        ) from None


def labels_from_csv(
    text: str,
    names: Sequence[str],
    where: str,
    *,
    columns: Sequence[str] = ("label",),
    undecodable: Sequence[str] = (),
) -> Labeling:
    """Read labels from a table with a header row, a column `file` (or `file_name`) and the label columns.

    The separator is a comma, or a semicolon or tab if the header has no comma. Labels follow the rules of
    `labels_of_values`; an image without a row is unlabeled.

    Args:
        text: content of the table.
        names: paths of the images relative to the root.
        where: name of the table in messages.
        columns: label columns; several are label blocks. Other columns are ignored.
        undecodable: as in `label_images`.

    Raises:
        DataError: if a column is missing, or one of several is empty; a row has more cells than the header; a row names
            an image that doesn't exist or is outside the root; or two rows label one image differently.
    """
    rows = _rows_of(text, where)
    header = [composed(cell.strip()).lower() for cell in rows[0][1]] if rows else []
    file_column = next((name for name in FILE_COLUMNS if name in header), FILE_COLUMNS[0])
    for wanted in (file_column, *(composed(column).lower() for column in columns)):
        if header.count(wanted) != 1:
            raise DataError(
                f'{where} needs one column "{wanted}", but its first row is {listed(header) or "empty"}; '
                f'begin with a row such as "file,{",".join(columns)}"'
            )
    file_cell = header.index(file_column)
    label_cells = [header.index(composed(column).lower()) for column in columns]
    entries: list[tuple[str, tuple[str, ...]]] = []
    for number, row in rows[1:]:
        if len(row) <= file_cell or not row[file_cell].strip():
            raise DataError(f"{where}, row {number} has no file name; add it, or remove the row")
        if any(cell.strip() for cell in row[len(header) :]):
            raise DataError(
                f"{where}, row {number} ({row[file_cell].strip()}) has {len(row)} cells and the first row "
                f'{len(header)}; quote names that contain the separator, as in "New York, USA"'
            )
        cells = (row[cell].strip() if cell < len(row) else "" for cell in label_cells)
        entries.append((row[file_cell], tuple(cells)))
    by_name = matched(entries, names, where, undecodable=undecodable)
    no_row = (NO_ROW,) * len(columns)
    rows_of_names = [by_name.get(name, no_row) for name in names]
    labelings = [
        labels_of_values(
            [labels[block] for labels in rows_of_names],
            where if len(columns) == 1 else f'{where}, column "{column}"',
        )
        for block, column in enumerate(columns)
    ]
    return side_by_side(labelings, columns, where)


def _rows_of(text: str, where: str) -> list[tuple[int, list[str]]]:
    """Return the rows of a table that are not empty, with their numbers from 1."""
    first_line = text.lstrip("\r\n").split("\n", 1)[0]
    separator = next((mark for mark in (",", ";", "\t") if mark in first_line), ",")
    lines = io.StringIO(text, newline="")
    try:
        # skipinitialspace: a quotation mark after a space still opens a quoted cell
        rows = list(csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True))
    except csv.Error as error:
        raise DataError(f"{where} can't be read as a table ({error}); save it again as CSV") from None
    return [(number, row) for number, row in enumerate(rows, 1) if any(cell.strip() for cell in row)]


def is_unrelated_json(data: bytes) -> bool:
    """Return whether a dataset.json is not a label file but another tool's: a JSON object without "labels"."""
    try:
        stored = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(stored, dict) and "labels" not in stored


def labels_from_json(
    text: str, names: Sequence[str], where: str, *, undecodable: Sequence[str] = ()
) -> Labeling:
    """Read labels from StyleGAN's {"labels": [["path", number], ...]}, or null instead of the list.

    Images without an entry, or whose number is null or -1, are unlabeled.

    Raises:
        DataError: if the structure differs, a label is not a whole number, an entry names an image that doesn't exist
            or is outside the root, or two entries label one image differently.
    """
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is not JSON ({error}); save it again") from None
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
    by_name = matched(entries, names, where, undecodable=undecodable)
    return labels_of_values([by_name.get(name, NO_ROW) for name in names], where, nothing="null")


def _may_be_number(label: object) -> bool:
    """Return whether a label is a whole number (such as 1.0), or means unlabeled."""
    if isinstance(label, float):
        return label != label or label.is_integer()
    if isinstance(label, str):
        return label.strip() in UNLABELED
    return label is None or (isinstance(label, int) and not isinstance(label, bool))


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
