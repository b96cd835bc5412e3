"""Labels as people ask for them, by name or number, one an image or one of each label block, as tensors of numbers."""

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
"""A whole number, as the name of a class."""

Label = int | str | None
"""A class by name or number; None in one of several label blocks: any."""

Asked = Label | Sequence[Label] | Sequence[Sequence[Label]] | Tensor
"""One label (or combination of labels) for all images, or one for each."""


def label_numbers(
    asked: Asked,
    n: int,
    num_labels: int | tuple[int, ...],
    classes: Sequence[str] = (),
    *,
    by_position: bool = False,
) -> Tensor | None:
    """What was asked for as int64 labels: [n], or [n, blocks] for several labels an image; None for None.

    Args:
        asked: a class by name or number for all images, or one for each. With several label blocks a combination, as
            "circle,red,large" or ("circle", 1, None), or one for each image; a place that is empty, None or -1 is left
            open, and is UNLABELED in the answer.
        n: number of images.
        num_labels: classes; a tuple for several label blocks; 0 where there are none.
        classes: their names, blocks in order; () if they have none. Where all names (of a block) are whole numbers, a
            number means the class of that name, else the class at that place, from 0.
        by_position: numbers always mean places.

    Raises ValueError for a label that is not known, for labels where there are none, and for a wrong number of them;
    TypeError for what is neither a label nor a sequence of labels.
    """
    if asked is None:
        return None
    if num_labels == 0:
        raise ValueError(f"this generator knows no labels, so it can't draw label {asked!r}: leave it out")
    if by_position:
        classes = ()
    listed: Any = asked.tolist() if hasattr(asked, "tolist") else asked
    if isinstance(num_labels, tuple):
        names = _names_of_blocks(num_labels, classes)
        one_for_all = _is_combination(listed, classes)
    else:
        names = [tuple(classes)]
        one_for_all = isinstance(listed, (int, str, Integral))
    if not one_for_all and not isinstance(listed, Iterable):
        raise TypeError(
            f"label is a class by number or name, or a sequence of one for each image, not {asked!r}"
        )
    several = [listed] * n if one_for_all else list(listed)
    if len(several) != n:
        raise ValueError(f"{len(several)} labels for {n} images: give one label for all, or one for each")
    if isinstance(num_labels, tuple):
        return torch.tensor([_combination(each, num_labels, names) for each in several])
    return torch.tensor([_number(each, num_labels, names[0]) for each in several])


def _names_of_blocks(sizes: tuple[int, ...], classes: Sequence[str]) -> list[tuple[str, ...]]:
    if len(classes) != sum(sizes):
        return [()] * len(sizes)
    starts = [sum(sizes[:block]) for block in range(len(sizes))]
    return [tuple(classes[start : start + size]) for start, size in zip(starts, sizes, strict=True)]


def _is_combination(asked: Any, classes: Sequence[str]) -> bool:
    """Whether it is one combination of labels, and not a sequence of them."""
    if asked is None or isinstance(asked, (str, Integral)):
        return True
    return isinstance(asked, Sequence) and all(
        each is None or isinstance(each, Integral) or (isinstance(each, str) and _is_one(each, classes))
        for each in asked
    )


def _is_one(text: str, classes: Sequence[str]) -> bool:
    return "," not in text or text in classes


def _combination(asked: Any, sizes: tuple[int, ...], names: list[tuple[str, ...]]) -> list[int]:
    pieces = asked
    if isinstance(asked, str):
        pieces = [piece.strip() or None for piece in asked.split(",")]
    elif asked is None or isinstance(asked, Integral):
        pieces = [asked]
    if len(pieces) != len(sizes):
        known = ", ".join(
            " or ".join(block[:3]) + (" ..." if len(block) > 3 else "") for block in names if block
        )
        example = f" ({known})" if known else f" ({', '.join(f'0 to {size - 1}' for size in sizes)})"
        raise ValueError(
            f"{asked!r} is no label of each of {len(sizes)} kinds{example}: join them by commas, and leave a place "
            "empty to have any"
        )
    return [
        UNLABELED if piece is None or piece == "" or piece == UNLABELED else _number(piece, size, block)
        for piece, size, block in zip(pieces, sizes, names, strict=True)
    ]


def _number(label: Any, count: int, names: tuple[str, ...]) -> int:
    if isinstance(label, str) and (found := _place(label, names)) is not None:
        return found
    if isinstance(label, str) and WHOLE.fullmatch(label.strip()):
        label = int(float(label))
    if isinstance(label, Integral):
        if names and all(WHOLE.fullmatch(name) for name in names):
            same = [place for place, name in enumerate(names) if int(float(name)) == label]
            found = _place(str(label), names)
            if found is not None or len(same) == 1:
                return same[0] if found is None else found
        elif 0 <= label < count:
            return int(label)
    raise ValueError(f"there is no label {label!r}: this generator knows {_known(count, names)}")


def _place(label: str, names: tuple[str, ...]) -> int | None:
    """Which of the names it is, however its letters are composed."""
    if label in names:
        return names.index(label)
    composed = unicodedata.normalize("NFC", label)
    return next(
        (place for place, name in enumerate(names) if unicodedata.normalize("NFC", name) == composed), None
    )


def _known(count: int, names: tuple[str, ...]) -> str:
    shown = f"{', '.join(names[:20])}{', ...' if len(names) > 20 else ''}"
    if names and all(WHOLE.fullmatch(name) for name in names):
        return shown
    return f"0 to {count - 1}" + (f" ({shown})" if names else "")
