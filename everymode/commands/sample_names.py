"""What the files of samples are called: a file of its own for each sample, whatever the classes are called."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from everymode.commands.drawing import Wanted

__all__ = ["file_words", "stem"]

MOST_BYTES = 200
"""Of a class in a file name: with what stands around it, disks take 255."""


def stem(wanted: Wanted, words: Sequence[dict[str, str]]) -> str:
    """The file name of a sample, without its ending: seed0003, label-cat-seed0003.

    Args:
        words: `file_words` of the classes; a dict for each label of an image, where there are several.
    """
    if wanted.label is None:
        return f"seed{wanted.seed:04d}"
    # a class whose own name has a comma is one label
    pieces = [wanted.label] if len(words) == 1 else [piece.strip() for piece in wanted.label.split(",")]
    called = [known.get(piece, piece) for piece, known in zip(pieces, words, strict=True)]
    return f"label-{'-'.join(called)}-seed{wanted.seed:04d}"


def file_words(classes: Sequence[str], num_labels: int | tuple[int, ...]) -> list[dict[str, str]]:
    """What stands for each class in a file name: its own name where it can, else a number that no other class has.

    Args:
        classes: names, label blocks in order; () if they have none.
        num_labels: of each block, where there are several labels an image.
    """
    sizes = num_labels if isinstance(num_labels, tuple) else (len(classes),)
    if sum(sizes) != len(classes):
        return [{} for _ in sizes]
    starts = [sum(sizes[:block]) for block in range(len(sizes))]
    # hyphens stand between the labels of an image
    allowed = r"[\w.-]+" if len(sizes) == 1 else r"[\w.]+"
    return [_words(classes[start : start + size], allowed) for start, size in zip(starts, sizes, strict=True)]


def _words(names: Sequence[str], allowed: str) -> dict[str, str]:
    """The first of several names that a disk takes for one keeps it."""
    taken: dict[str, str] = {}
    for name in names:
        if re.fullmatch(allowed, name) and len(name.encode("utf-8", "surrogateescape")) <= MOST_BYTES:
            taken.setdefault(_as_disks_see_it(name), name)
    words = {name: name for name in taken.values()}
    for number, name in enumerate(names):
        if name in words:
            continue
        free = number
        if (
            str(number) in taken
        ):  # it is the name of another class; those from len(names) on are nobody's number
            free = next(each for each in range(len(names), 3 * len(names) + 1) if str(each) not in taken)
        words[name] = taken.setdefault(str(free), str(free))
    return words


def _as_disks_see_it(name: str) -> str:
    """Some disks tell neither upper from lower case nor composed from decomposed letters."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
