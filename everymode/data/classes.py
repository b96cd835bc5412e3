"""Classes of a dataset: removing those without images, and renumbering them as in another dataset."""

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
    """Remove the classes that have no image, which a note lists; return `data` itself if every class has one.

    Raises:
        DataError: if, with several label blocks, no image has a label in one of them.
    """
    blocks = data.label_blocks or (data.classes,)
    columns = data.labels.reshape(len(data.labels), len(blocks))
    used = [np.unique(column[column >= 0]) for column in columns.T]
    if all(len(numbers) == len(names) for numbers, names in zip(used, blocks, strict=True)):
        return data
    if data.label_blocks and not all(map(len, used)):
        empty = next(names for numbers, names in zip(used, blocks, strict=True) if not len(numbers))
        raise DataError(
            f"{data.name}: no image has a label in one label block ({listed(empty, 4)}); use more images, or omit "
            "that column"
        )
    labels = np.full_like(columns, -1)
    for block, (numbers, column) in enumerate(zip(used, columns.T, strict=True)):
        labels[column >= 0, block] = np.searchsorted(numbers, column[column >= 0])
    used_names = [
        tuple(names[number] for number in numbers) for numbers, names in zip(used, blocks, strict=True)
    ]
    unused_names = [
        name
        for numbers, names in zip(used, blocks, strict=True)
        for number, name in enumerate(names)
        if number not in set(numbers.tolist())
    ]
    classes = tuple(name for names in used_names for name in names)
    changed = {
        "labels": labels.reshape(data.labels.shape),
        "classes": classes,
        "label_blocks": tuple(used_names) if data.label_blocks else (),
        "notes": (*data.notes, no_images_note(data.name, unused_names)),
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
    """Renumber labels by class name: the classes `blocks` as the classes of the same names in `wanted`.

    Args:
        labels: int64 [N], or [N, blocks]; -1 = unlabeled.
        blocks: class names of each label block of `labels`. Classes of `wanted` may be missing, and all of them if
            every image is unlabeled.
        wanted: class names of each label block of the result.
        this, other: names of the two datasets in error messages.

    Returns:
        The renumbered labels, int64 [N], or [N, blocks].

    Raises:
        DataError: if the number of labels per image differs, or `wanted` lacks a class.
    """
    if (labels < 0).all():
        shape = (len(labels),) if len(wanted) == 1 else (len(labels), len(wanted))
        return np.full(shape, -1, np.int64)
    if len(blocks) != len(wanted):
        raise DataError(
            f"{this} has {len(blocks)} labels per image and {other} has {len(wanted)}; choose the same label columns "
            "(--label-column)"
        )
    columns = labels.reshape(len(labels), len(blocks))
    numbered = np.full_like(columns, -1)
    for block, (names, into) in enumerate(zip(blocks, wanted, strict=True)):
        number_of = {composed(name): number for number, name in enumerate(into)}
        lacking = [name for name in names if composed(name) not in number_of]
        if lacking:
            raise DataError(
                f"{this} has classes that {other} lacks ({listed(lacking, 5)}); classes are matched by name, so use "
                f"data whose classes are among {listed(list(into), 5) or 'none'}"
            )
        # the last element is for the label -1
        table = np.array([*(number_of[composed(name)] for name in names), -1], dtype=np.int64)
        numbered[:, block] = table[columns[:, block]]
    return numbered.reshape(labels.shape)
