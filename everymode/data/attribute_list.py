"""CelebA's list of attributes, `list_attr_celeba.txt`: two-valued columns, each of which becomes a label block."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from everymode.data.errors import DataError
from everymode.data.label_columns import Labeling, label_columns, side_by_side
from everymode.data.label_values import composed
from everymode.data.words import counted, did_you_mean, listed

__all__ = ["LIST_NAMES", "find_attribute_list", "labels_from_attributes", "unused_list_note"]

LIST_NAMES = ("list_attr_celeba.txt", "list_attr_celeba.csv")
"""Names of the file: as CelebA distributes it, and as a table with commas whose first column is image_id."""
VALUES = {"1": 1, "+1": 1, "-1": 0}


def find_attribute_list(root: Path) -> Path | None:
    """Return the list in a folder of images, beside it, or in the folder Anno beside it; None if there is none."""
    beside = root.absolute().parent
    folders = (root, root / "Anno", beside, beside / "Anno")
    return next(
        (folder / name for folder in folders for name in LIST_NAMES if (folder / name).is_file()), None
    )


def unused_list_note(path: Path, where: str) -> str:
    """Return the note on a list that is not read, because no column is chosen."""
    return f"{where}: {path.name} is ignored; --label-column Male,Young (or other attributes) reads labels from it"


def labels_from_attributes(path: Path, names: Sequence[str], where: str, *, label_column: str) -> Labeling:
    """Read attributes from a list: the number of images, the names of the attributes, then one line per image.

    A line has the name of an image and one value per attribute, 1 = present and -1 = absent. Lines are matched by path,
    else by file name, else by file name without extension, so PNG files converted from JPEG match, too; the list may
    name more images than there are. An image without a line is unlabeled.

    Args:
        path: the list.
        names: paths of the images relative to their root.
        where: name of the data in messages.
        label_column: attributes, joined by commas; several are label blocks. Letter case doesn't matter.

    Returns:
        Labels int64 [N] or [N, blocks], 0 = absent, 1 = present; the classes of attribute Male are "not Male" and
        "Male".

    Raises:
        ValueError: if `label_column` has an empty or repeated name.
        DataError: if the list can't be parsed, lacks an attribute, or names none of the images.
    """
    wanted = label_columns(label_column)
    header, rows = _parsed(path)
    number_of = {composed(name).lower(): number for number, name in enumerate(header)}
    for name in wanted:
        if composed(name).lower() not in number_of:
            raise DataError(
                f'{path} has no attribute "{name}"{did_you_mean(name, header)}; it has {listed(header, 50)}'
            )
    columns = [number_of[composed(name).lower()] for name in wanted]
    values: dict[str, tuple[int, ...]] = {}
    for number, name, cells in rows:
        try:
            row = tuple(VALUES[cells[column]] for column in columns)
        except KeyError as error:
            raise DataError(
                f"{path}, line {number} ({name}): a value is {error.args[0]}; attributes are 1 (present) or -1 (absent)"
            ) from None
        if values.setdefault(name, row) != row:
            raise DataError(f'{path}: "{name}" occurs twice, with different values; remove one line')
    table = _matched(values, names, len(columns))
    missing = int((table[:, 0] < 0).sum())
    if missing == len(names):
        raise DataError(
            f"{path} names none of the images of {where} (it names {listed(list(values), 3)}, and images are "
            f"{listed(list(names), 3)}); move the list elsewhere, or rename the images"
        )
    attributes = [header[column] for column in columns]
    labeling = side_by_side(
        [(table[:, block], (f"not {name}", name)) for block, name in enumerate(attributes)],
        attributes,
        str(path),
    )
    notes = [f"{where}: labels are from {path.name}, {listed(attributes)}"]
    if missing:
        notes.append(f"{where}: {counted(missing, 'image')} without a line in {path.name} unlabeled")
    return labeling._replace(notes=tuple(notes))


def _parsed(path: Path) -> tuple[list[str], list[tuple[int, str, list[str]]]]:
    """Return the names of the attributes, and of each line its number, the name of the image and the values."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} can't be read ({error}); download it again") from None
    separator = "," if path.suffix == ".csv" else None
    filled = [
        (number, [cell.strip() for cell in line.split(separator)])
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]
    announced = None
    if separator is None:
        first = filled.pop(0)[1] if filled else []
        if len(first) != 1 or not first[0].isdecimal():
            raise DataError(
                f"{path} must begin with the number of images, and its first line is {listed(first, 3) or 'empty'}; "
                "download it again"
            )
        announced = int(first[0])
    if not filled:
        raise DataError(f"{path} has no line with the names of the attributes; download it again")
    header = filled.pop(0)[1][0 if separator is None else 1 :]
    if announced is not None and announced != len(filled):
        raise DataError(
            f"{path} announces {announced:,} images and has lines for {len(filled):,}; download it again"
        )
    for number, cells in filled:
        if len(cells) != len(header) + 1:
            raise DataError(
                f"{path}, line {number} ({cells[0]}) has {len(cells) - 1} values for {len(header)} attributes; "
                "correct it"
            )
    return header, [(number, cells[0], cells[1:]) for number, cells in filled]


def _matched(values: dict[str, tuple[int, ...]], names: Sequence[str], blocks: int) -> np.ndarray:
    """Return the values of each image, int64 [N, blocks]; -1 where it has none."""
    by_stem = {str(PurePosixPath(name).with_suffix("")): row for name, row in values.items()}
    nothing = (-1,) * blocks
    rows = []
    for name in names:
        path = PurePosixPath(name)
        found = values.get(name) or values.get(path.name)
        rows.append(found or by_stem.get(str(path.with_suffix(""))) or by_stem.get(path.stem, nothing))
    return np.array(rows, np.int64).reshape(len(names), blocks)
