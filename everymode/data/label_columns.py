"""Labels from one column of a table, or from several columns, which become label blocks (several labels per image)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from everymode.data.errors import DataError

__all__ = ["Labeling", "label_columns", "side_by_side"]


class Labeling(NamedTuple):
    """Labels of the images of a source.

    Attributes:
        labels: int64 [N], or [N, blocks]; -1 = unlabeled.
        classes: class names, blocks in order.
        notes: remarks for the user.
        label_blocks: class names of each block; () unless there are several blocks.
    """

    labels: np.ndarray
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()
    label_blocks: tuple[tuple[str, ...], ...] = ()


def label_columns(text: str | None) -> tuple[str, ...]:
    """Parse the names of label columns: "digit, domain" -> ("digit", "domain"); () for None.

    Raises:
        ValueError: if a name is empty, or occurs twice.
    """
    if text is None:
        return ()
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise ValueError(
            f'label_column is "{text}"; give the name of a column, or several joined by commas, as in "digit,domain"'
        )
    if len(set(names)) < len(names):
        raise ValueError(f'label_column is "{text}"; name each column once')
    return names


def side_by_side(columns: Sequence[Sequence[Any]], names: Sequence[str], where: str) -> Labeling:
    """Combine columns of labels: a single one is returned unchanged, several become label blocks.

    Args:
        columns: at least one; each with labels int64 [N], class names and optionally notes.
        names: names of the columns.
        where: name of the data in error messages.

    Raises:
        DataError: if one of several columns holds no label.
    """
    labelings = [Labeling(*column) for column in columns]
    if len(labelings) == 1:
        return labelings[0]
    for name, each in zip(names, labelings, strict=True):
        if not each.classes:
            raise DataError(f'{where}: column "{name}" holds no label; omit it')
    blocks = tuple(each.classes for each in labelings)
    return Labeling(
        np.stack([each.labels for each in labelings], axis=1),
        tuple(label for classes in blocks for label in classes),
        tuple(note for each in labelings for note in each.notes),
        label_blocks=blocks,
    )
