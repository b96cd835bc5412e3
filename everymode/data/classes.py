"""Classes of a data set: those that have an image, and the same classes numbered as another data set numbers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from everymode.data.dataset import Dataset
from everymode.data.errors import DataError
from everymode.data.label_values import composed, no_images_note
from everymode.data.source import Source, digest_of
from everymode.data.words import listed

__all__ = ["numbered_as", "with_images_alone"]

Data = TypeVar("Data", Source, Dataset)


def with_images_alone(data: Data) -> Data:
    """The same data without the classes that have no image, which a note names; unchanged where every class has one.

    Raises:
        DataError: of several labels an image, a kind that no image has.
    """
    blocks = data.label_blocks or (data.classes,)
    columns = data.labels.reshape(len(data.labels), len(blocks))
    found = [np.unique(column[column >= 0]) for column in columns.T]
    if all(len(numbers) == len(names) for numbers, names in zip(found, blocks, strict=True)):
        return data
    if data.label_blocks and not all(map(len, found)):
        empty = next(names for numbers, names in zip(found, blocks, strict=True) if not len(numbers))
        raise DataError(
            f"{data.name}: no image has a label of one kind ({listed(empty, 4)}); take more images, or leave that "
            "column out"
        )
    labels = np.full_like(columns, -1)
    for block, (numbers, column) in enumerate(zip(found, columns.T, strict=True)):
        labels[column >= 0, block] = np.searchsorted(numbers, column[column >= 0])
    kept = [tuple(names[number] for number in numbers) for numbers, names in zip(found, blocks, strict=True)]
    lost = [
        name
        for numbers, names in zip(found, blocks, strict=True)
        for number, name in enumerate(names)
        if number not in set(numbers.tolist())
    ]
    classes = tuple(name for names in kept for name in names)
    changed = {
        "labels": labels.reshape(data.labels.shape),
        "classes": classes,
        "label_blocks": tuple(kept) if data.label_blocks else (),
        "notes": (*data.notes, no_images_note(data.name, lost)),
    }
    if isinstance(data, Dataset):
        changed["fingerprint"] = digest_of(data.fingerprint, "classes with images", *classes)
    return replace(data, **changed)


def numbered_as(
    labels: np.ndarray,
    blocks: Sequence[Sequence[str]],
    wanted: Sequence[Sequence[str]],
    *,
    this: str,
    other: str,
) -> np.ndarray:
    """Labels [N] or [N, blocks] of the classes `blocks` as numbers of the classes of the same names in `wanted`.

    `blocks` may lack classes of `wanted`, and all of them where nothing has a label.

    Args:
        this, other: what the two are called, for the error.

    Raises:
        DataError: another number of labels an image, or a class that `wanted` lacks.
    """
    if (labels < 0).all():
        shape = (len(labels),) if len(wanted) == 1 else (len(labels), len(wanted))
        return np.full(shape, -1, np.int64)
    if len(blocks) != len(wanted):
        raise DataError(
            f"{this} has {len(blocks)} labels an image and {other} has {len(wanted)}: give data with labels of the "
            "same kinds (--label-column)"
        )
    columns = labels.reshape(len(labels), len(blocks))
    numbered = np.full_like(columns, -1)
    for block, (names, into) in enumerate(zip(blocks, wanted, strict=True)):
        number_of = {composed(name): number for number, name in enumerate(into)}
        lacking = [name for name in names if composed(name) not in number_of]
        if lacking:
            raise DataError(
                f"{this} has classes that {other} lacks ({listed(lacking, 5)}): give data of the classes "
                f"{listed(list(into), 5) or 'of none'}, which are matched by name"
            )
        # one more place at the end, where the label -1 points
        table = np.array([*(number_of[composed(name)] for name in names), -1], dtype=np.int64)
        numbered[:, block] = table[columns[:, block]]
    return numbered.reshape(labels.shape)
