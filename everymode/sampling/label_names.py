"""Conversion of requested labels (names or numbers, one per image or one of each label block) to tensors of numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from everymode.game import UNLABELED

WHOLE = re.compile(r"-?[0-9]{1,15}(\.0*)?")
"""Pattern of a class name that is an integer."""

Label = int | str | None
"""A class by name or number; in one of several label blocks, None means any class."""

RequestedLabels = Label | Sequence[Label] | Sequence[Sequence[Label]] | Tensor
"""One label (or combination of labels) for all images, or one for each."""


def label_numbers(
    requested: RequestedLabels,
    n: int,
    num_labels: int | tuple[int, ...],
    classes: Sequence[str] = (),
    *,
    by_position: bool = False,
) -> Tensor | None:
    """Return the requested labels as int64 numbers: [n], or [n, blocks] for several labels per image; None for None.

    Args:
        requested: a class by name or number for all images, or one for each. With several label blocks a combination,
            as "circle,red,large" or ("circle", 1, None), or one for each image; a position that is empty, None or -1
            becomes UNLABELED.
        n: number of images.
        num_labels: number of classes; a tuple for several label blocks; 0 if there are none.
        classes: class names, blocks in order; () if the classes have no names. If all names (of a block) are integers,
            a number means the class of that name, otherwise the class at that index, counted from 0.
        by_position: whether numbers always mean indices.

    Raises:
        ValueError: if a label is unknown, if the generator has no labels, or if there are not n labels.
        TypeError: if `requested` is neither a label nor a sequence of labels.
    """
    if requested is None:
        return None
    if num_labels == 0:
        raise ValueError(
            f"this generator has no labels, so it can't draw label {requested!r}: omit the label"
        )
    if by_position:
        classes = ()
    arrays: Any = requested
    values = arrays.tolist() if hasattr(arrays, "tolist") else arrays
    if isinstance(num_labels, tuple):
        names = _names_of_blocks(num_labels, classes)
        one_for_all = _is_combination(values, classes)
    else:
        names = [tuple(classes)]
        one_for_all = isinstance(values, (int, str, Integral))
    if not one_for_all and not isinstance(values, Iterable):
        raise TypeError(
            f"label is a class by number or name, or a sequence of one class per image, not {requested!r}"
        )
    labels = [values] * n if one_for_all else list(values)
    if len(labels) != n:
        raise ValueError(f"{len(labels)} labels for {n} images: pass one label for all, or one per image")
    if isinstance(num_labels, tuple):
        return torch.tensor([_combination(each, num_labels, names) for each in labels])
    return torch.tensor([_number(each, num_labels, names[0]) for each in labels])


def _names_of_blocks(sizes: tuple[int, ...], classes: Sequence[str]) -> list[tuple[str, ...]]:
    if len(classes) != sum(sizes):
        return [()] * len(sizes)
    starts = [sum(sizes[:block]) for block in range(len(sizes))]
    return [tuple(classes[start : start + size]) for start, size in zip(starts, sizes, strict=True)]


def _is_combination(requested: Any, classes: Sequence[str]) -> bool:
    """Return whether this is one combination of labels, and not a sequence of combinations."""
    if requested is None or isinstance(requested, (str, Integral)):
        return True
    return isinstance(requested, Sequence) and all(
        each is None or isinstance(each, Integral) or (isinstance(each, str) and _is_one(each, classes))
        for each in requested
    )


def _is_one(text: str, classes: Sequence[str]) -> bool:
    return "," not in text or text in classes


def _combination(requested: Any, sizes: tuple[int, ...], names: list[tuple[str, ...]]) -> list[int]:
    pieces = requested
    if isinstance(requested, str):
        pieces = [piece.strip() or None for piece in requested.split(",")]
    elif requested is None or isinstance(requested, Integral):
        pieces = [requested]
    if len(pieces) != len(sizes):
        known = ", ".join(
            " or ".join(block[:3]) + (" ..." if len(block) > 3 else "") for block in names if block
        )
        example = f" ({known})" if known else f" ({', '.join(f'0 to {size - 1}' for size in sizes)})"
        raise ValueError(
            f"{requested!r} does not name one label of each of {len(sizes)} kinds{example}: join labels by commas; an "
            "empty position means any"
        )
    return [
        UNLABELED if piece is None or piece == "" or piece == UNLABELED else _number(piece, size, block)
        for piece, size, block in zip(pieces, sizes, names, strict=True)
    ]


def _number(label: Any, count: int, names: tuple[str, ...]) -> int:
    if isinstance(label, str) and (index := _index(label, names)) is not None:
        return index
    if isinstance(label, str) and WHOLE.fullmatch(label.strip()):
        label = int(float(label))
    if isinstance(label, Integral):
        if names and all(WHOLE.fullmatch(name) for name in names):
            equal = [index for index, name in enumerate(names) if int(float(name)) == label]
            exact = _index(str(label), names)
            if exact is not None or len(equal) == 1:
                return equal[0] if exact is None else exact
        elif 0 <= int(label) < count:
            return int(label)
    raise ValueError(f"there is no label {label!r}: this generator knows {_known(count, names)}")


def _index(label: str, names: tuple[str, ...]) -> int | None:
    """Return the index of a name, compared in Unicode's composed form; None if there is no such name."""
    if label in names:
        return names.index(label)
    composed = unicodedata.normalize("NFC", label)
    return next(
        (index for index, name in enumerate(names) if unicodedata.normalize("NFC", name) == composed), None
    )


def _known(count: int, names: tuple[str, ...]) -> str:
    listing = f"{', '.join(names[:20])}{', ...' if len(names) > 20 else ''}"
    if names and all(WHOLE.fullmatch(name) for name in names):
        return listing
    return f"0 to {count - 1}" + (f" ({listing})" if names else "")
