"""Labels from one column of a table, or from several, which are then label blocks: several labels an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from everymode.data.errors import DataError

__all__ = ["Labeling", "label_columns", "side_by_side"]


class Labeling(NamedTuple):
    """labels int64 [N], or [N, blocks] (-1 = unlabeled); class names, blocks in order; sentences a user should see;
    the class names of each block, where there are several.
    """

    labels: np.ndarray
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()
    label_blocks: tuple[tuple[str, ...], ...] = ()


def label_columns(text: str | None) -> tuple[str, ...]:
    """The columns that are asked for: "digit, domain" -> ("digit", "domain"); () for None.

    Raises:
        ValueError: an empty name, or a name that is there twice.
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
    """Columns of labels, int64 [N] with their class names (and notes) each, as one label an image or, if several, as
    blocks.

    Args:
        columns: at least one.
        names: what they are called.
        where: for messages.

    Raises:
        DataError: of several columns one holds no label at all.
    """
    found = [Labeling(*column) for column in columns]
    if len(found) == 1:
        return found[0]
    for name, each in zip(names, found, strict=True):
        if not each.classes:
            raise DataError(f'{where}: column "{name}" holds no label; leave it out')
    blocks = tuple(each.classes for each in found)
    return Labeling(
        np.stack([each.labels for each in found], axis=1),
        tuple(label for classes in blocks for label in classes),
        tuple(note for each in found for note in each.notes),
        label_blocks=blocks,
    )
