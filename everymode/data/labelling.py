"""Labels of images named by paths: from `labels.csv`, from StyleGAN's `dataset.json`, or from sub-folders."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from everymode.data.errors import DataError, NoColumnsError
from everymode.data.label_columns import Labelling, label_columns, side_by_side
from everymode.data.source import numbered_classes
from everymode.data.words import did_you_mean, listed

Label = TypeVar("Label", tuple[str | None, ...], int | None)

__all__ = [
    "Labelling",
    "label_images",
    "labels_from_csv",
    "labels_from_folders",
    "labels_from_json",
    "named_classes",
]

SPLIT_NAMES = frozenset(
    ("train", "training", "test", "val", "valid", "validation", "dev", "unlabeled", "unlabelled")
)


# a nearest name is looked for among at most this many images, because that takes time in proportion
MOST_COMPARED = 10_000


def label_images(
    where: str,
    names: Sequence[str],
    *,
    csv_bytes: bytes | None,
    json_bytes: bytes | None,
    label_column: str | None,
) -> Labelling:
    """Labels for `names` [N], paths with forward slashes relative to the root.

    A `labels.csv` or a `dataset.json` decides alone; without one, the first folder of each path is its class.

    Args:
        label_column: of `labels.csv`, "label" where None; several joined by commas are label blocks.

    Raises:
        DataError: both files are there, or what `labels_from_csv` and `labels_from_json` raise.
    """
    if csv_bytes is not None and json_bytes is not None:
        raise DataError(
            f"{where} holds both labels.csv and dataset.json; remove the one that should not count"
        )
    if csv_bytes is not None:
        text = decode_text(csv_bytes, f"{where}/labels.csv")
        columns = label_columns(label_column) or ("label",)
        return labels_from_csv(text, names, f"{where}/labels.csv", columns=columns)
    if label_column is not None:
        raise NoColumnsError(
            f'{where} has no labels.csv, so there is no column "{label_column}"; leave label_column out'
        )
    if json_bytes is not None:
        return labels_from_json(
            decode_text(json_bytes, f"{where}/dataset.json"), names, f"{where}/dataset.json"
        )
    return labels_from_folders(names, where)


def decode_text(data: bytes, where: str) -> str:
    """UTF-8, with or without a byte-order mark."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where} is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
        ) from None


def labels_from_folders(names: Sequence[str], where: str) -> Labelling:
    """The first folder of each path is its class; images outside any folder are unlabelled.

    Raises:
        DataError: the folders look like splits (train, test, ...), not like classes.
    """
    folders = [name.split("/", 1)[0] if "/" in name else None for name in names]
    found = {folder for folder in folders if folder is not None}
    if len(found) > 1 and {folder.lower() for folder in found} <= SPLIT_NAMES:
        raise DataError(
            f"{where} holds {listed(sorted(found))}, which look like splits, not classes; "
            f"open one of them, such as {where}/{max(found, key=folders.count)}"
        )
    labels, classes = named_classes(folders)
    notes: tuple[str, ...] = ()
    if len(classes) == 1:
        notes += (f'{where} has one class folder only ("{classes[0]}"), so labels tell nothing apart',)
    if classes and None in folders:
        notes += (
            f"{folders.count(None)} images of {where} lie outside the class folders and are unlabelled",
        )
    return Labelling(labels, classes, notes)


def labels_from_csv(
    text: str, names: Sequence[str], where: str, *, columns: Sequence[str] = ("label",)
) -> Labelling:
    """A table with a header row and the columns `file` and `columns`, each a label block; others are ignored.

    Commas separate, or else semicolons or tabs. An empty label or -1 means unlabelled, and so does an
    image without a row. Classes are the distinct labels, sorted (as numbers where all of them are).

    Raises:
        DataError: a column is missing or, of several, empty; a row names an image that is not there or lies outside
            the root; or two rows of one image disagree.
    """
    first_line = text.lstrip("\r\n").split("\n", 1)[0]
    separator = next((mark for mark in (",", ";", "\t") if mark in first_line), ",")
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise DataError(f"{where} can't be read as a table ({error}); save it again as CSV") from None
    rows = [(number, row) for number, row in enumerate(rows, 1) if any(cell.strip() for cell in row)]
    header = [cell.strip().lower() for cell in rows[0][1]] if rows else []
    for wanted in ("file", *(column.lower() for column in columns)):
        if header.count(wanted) != 1:
            raise DataError(
                f'{where} needs one column "{wanted}", its first row is {listed(header) or "empty"}; '
                f'start it with a row such as "file,{",".join(columns)}"'
            )
    file_cell = header.index("file")
    label_cells = [header.index(column.lower()) for column in columns]
    entries: list[tuple[str, tuple[str | None, ...]]] = []
    for number, row in rows[1:]:
        if len(row) <= file_cell or not row[file_cell].strip():
            raise DataError(f"{where}, row {number}: no file is named; fill it in or remove the row")
        cells = [row[cell].strip() if cell < len(row) else "" for cell in label_cells]
        entries.append(
            (row[file_cell].strip(), tuple(None if cell in ("", "-1") else cell for cell in cells))
        )
    by_name = _matched(entries, names, where)
    unlabelled = (None,) * len(columns)
    rows_of_names = [by_name.get(name, unlabelled) for name in names]
    found = [named_classes([labels[block] for labels in rows_of_names]) for block in range(len(columns))]
    return side_by_side(found, columns, where)


def labels_from_json(text: str, names: Sequence[str], where: str) -> Labelling:
    """StyleGAN's {"labels": [["path", number], ...]}, or null; images without an entry are unlabelled.

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
    entries: list[tuple[str, int | None]] = []
    for pair in labels or ():
        if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)):
            raise DataError(f'{where}: {_short(pair)} is not a pair such as ["00000/img0.png", 3]')
        name, label = pair
        if isinstance(label, bool) or not isinstance(label, int | None):
            raise DataError(
                f"{where}: the label of {name} is {_short(label)}; it must be a whole number or null"
            )
        entries.append((name, label))
    by_name = _matched(entries, names, where)
    return Labelling(*numbered_classes([by_name.get(name) for name in names], where))


def _matched(entries: Sequence[tuple[str, Label]], names: Sequence[str], where: str) -> dict[str, Label]:
    """Label by image name, once every entry is known to mean one of the images."""
    known = set(names)
    by_name: dict[str, Label] = {}
    missing: list[str] = []
    for written, label in entries:
        name = written if written in known else written.replace("\\", "/").removeprefix("./")
        if name not in known:
            if name.startswith("/") or ".." in name.split("/") or re.match(r"[A-Za-z]:", name):
                raise DataError(
                    f'{where}: "{written}" points outside the data set; name files relative to its root'
                )
            missing.append(written)
        elif name in by_name and by_name[name] != label:
            raise DataError(
                f'{where}: "{name}" is there twice, labelled {_shown(by_name[name])} and {_shown(label)}; keep one'
            )
        else:
            by_name[name] = label
    if missing:
        near = did_you_mean(missing[0], names) if len(names) <= MOST_COMPARED else ""
        raise DataError(
            f"{where} names {len(missing)} files that are not among the images: {listed(missing, 3)}{near}; "
            f"correct or remove these rows"
        )
    return by_name


def named_classes(labels: Sequence[str | None]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels by name (None = unlabelled) -> int64 [N], and the names sorted, as numbers if all are."""
    found = {label for label in labels if label is not None}
    numeric = all(re.fullmatch(r"[0-9]{1,18}", label) for label in found)
    classes = sorted(found, key=(lambda label: (int(label), label)) if numeric else None)
    number_of = {label: number for number, label in enumerate(classes)}
    numbers = [-1 if label is None else number_of[label] for label in labels]
    return np.array(numbers, dtype=np.int64), tuple(classes)


def _shown(label: tuple[str | None, ...] | int | None) -> str:
    return ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
