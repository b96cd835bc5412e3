"""File names of samples, unique for each sample whatever the classes are called."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from everymode.commands.drawing import Wanted

__all__ = ["class_numbers", "file_words", "stem"]

MOST_BYTES = 200
"""Longest class name in a file name, in bytes; file systems allow 255 for the whole name."""


def stem(wanted: Wanted, words: Sequence[dict[str, str]]) -> str:
    """Return the file name of a sample without its ending, such as seed0003 or label-cat-seed0003.

    Args:
        wanted: label and seed of the sample.
        words: `file_words` of the classes, a dict per label block.
    """
    if wanted.label is None:
        return f"seed{wanted.seed:04d}"
    # with one label per image, a label with a comma is a class name
    labels = [wanted.label] if len(words) == 1 else [label.strip() for label in wanted.label.split(",")]
    pieces = [block.get(label, label) for label, block in zip(labels, words, strict=True)]
    return f"label-{'-'.join(pieces)}-seed{wanted.seed:04d}"


def file_words(classes: Sequence[str], num_labels: int | tuple[int, ...]) -> list[dict[str, str]]:
    """Return the text for each class in a file name, a dict per label block.

    It is the class name, or a unique number if the name can't be part of a file name, or equals another one on a
    case-insensitive file system.

    Args:
        classes: class names of all label blocks, in order; () if they have none.
        num_labels: number of labels; of each block, with several labels per image.
    """
    sizes = num_labels if isinstance(num_labels, tuple) else (len(classes),)
    if sum(sizes) != len(classes):
        return [{} for _ in sizes]
    starts = [sum(sizes[:block]) for block in range(len(sizes))]
    # hyphens separate the labels of an image
    allowed = r"[\w.-]+" if len(sizes) == 1 else r"[\w.]+"
    return [_words(classes[start : start + size], allowed) for start, size in zip(starts, sizes, strict=True)]


def class_numbers(labels: Sequence[str], classes: Sequence[Sequence[str]]) -> list[str]:
    """Return each label with the index of its class instead of the name; one of each block, if there are several."""
    numbers = []
    for label in labels:
        pieces = [label] if len(classes) < 2 else [piece.strip() for piece in label.split(",")]
        blocks = classes if len(classes) == len(pieces) else [()] * len(pieces)
        numbers.append(
            ",".join(
                str([*names].index(piece)) if piece in names else piece
                for piece, names in zip(pieces, blocks, strict=True)
            )
        )
    return numbers


def _words(names: Sequence[str], allowed: str) -> dict[str, str]:
    """Return the text for each name. Of several names that are equal to a file system, the first keeps its name."""
    used: dict[str, str] = {}
    for name in names:
        if re.fullmatch(allowed, name) and len(name.encode("utf-8", "surrogateescape")) <= MOST_BYTES:
            used.setdefault(_normalized(name), name)
    words = {name: name for name in used.values()}
    for index, name in enumerate(names):
        if name in words:
            continue
        free = index
        if str(index) in used:  # another class has this name; numbers from len(names) on are no class's index
            free = next(each for each in range(len(names), 3 * len(names) + 1) if str(each) not in used)
        words[name] = used.setdefault(str(free), str(free))
    return words


def _normalized(name: str) -> str:
    """Return a name as file systems compare it that ignore case and the composition of letters."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
