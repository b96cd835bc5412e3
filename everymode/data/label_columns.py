"""Labels from one column of a table, or from several, which are then label blocks: several labels an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from everymode.data.errors import DataError

__all__ = ["Labelling", "label_columns", "side_by_side"]


class Labelling(NamedTuple):
    """labels int64 [N], or [N, blocks] (-1 = unlabelled); class names, blocks in order; sentences a user should see;
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


def side_by_side(
    columns: Sequence[tuple[np.ndarray, tuple[str, ...]]], names: Sequence[str], where: str
) -> Labelling:
    """Columns of labels, int64 [N] with their class names each, as one label an image or, if several, as blocks.

    Args:
        columns: at least one.
        names: what they are called.
        where: for messages.

    Raises:
        DataError: of several columns one holds no label at all.
    """
    if len(columns) == 1:
        return Labelling(*columns[0])
    for name, (_, classes) in zip(names, columns, strict=True):
        if not classes:
            raise DataError(f'{where}: column "{name}" holds no label; leave it out')
    blocks = tuple(classes for _, classes in columns)
    return Labelling(
        np.stack([numbers for numbers, _ in columns], axis=1),
        tuple(label for classes in blocks for label in classes),
        label_blocks=blocks,
    )
