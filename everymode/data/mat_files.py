"""Numeric arrays of a MATLAB file (level 5, as SVHN's are): sizes and types are checked before anything is read.

Not scipy's reader, which a damaged file can bring down together with its process.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from everymode.data.doors import MOST_RATIO, decompressed
from everymode.data.errors import DataError

__all__ = ["mat_arrays"]

HEADER = 128
MATRIX, COMPRESSED = 14, 15
HEAD = 4096
"""Bytes of a matrix in which its flags, shape and name are looked for."""
STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""Types of numbers as they are stored, often narrower than the array's own."""
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
"""Types of arrays."""
COMPLEX = 0x0800


class _Element(NamedTuple):
    """A tagged piece: its type, where its bytes begin, how many they are, and where the next one begins."""

    kind: int
    start: int
    size: int
    next: int


def mat_arrays(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """The arrays of these names that the file holds.

    Raises DataError for a file that is none of level 5 (MATLAB 5 to 7.2, `save -v7`), is damaged, or whose arrays are
    not of numbers.
    """
    data = path.read_bytes()
    if len(data) < HEADER or data[126:128] not in (b"IM", b"MI"):
        raise DataError(
            f"{path} is not a file of SVHN's cropped digits, nor any MATLAB file of level 5 (`save -v7` writes them); "
            "fetch it or save it again"
        )
    order = "<" if data[126:128] == b"IM" else ">"
    found: dict[str, np.ndarray] = {}
    for element in _elements(data, HEADER, order, path):
        body = data[element.start : element.start + element.size]
        if element.kind == COMPRESSED:
            tag = _element(decompressed(body, 8), 0, order, path, inside=False)
            if tag.kind != MATRIX or tag.size > MOST_RATIO * (element.size + 1):
                raise _damaged(path)
            head, whole = decompressed(body, 8 + min(tag.size, HEAD))[8:], None
        elif element.kind == MATRIX:
            head = whole = body
        else:
            continue
        name = _name(head, order, path)
        if name in names:
            whole = decompressed(body, 8 + tag.size, all_of_it=True)[8:] if whole is None else whole
            found[name] = _array(whole, order, path, name)
    return found


def _array(matrix: bytes, order: str, path: Path, name: str) -> np.ndarray:
    flags, shape, _, numbers = (
        each for each, _ in zip(_elements(matrix, 0, order, path), range(4), strict=False)
    )
    word = int.from_bytes(matrix[flags.start : flags.start + 4], "little" if order == "<" else "big")
    sides = _sides(matrix, shape, order)
    if word & 0xFF not in CLASSES or word & COMPLEX or numbers.kind not in STORED:
        raise DataError(f"{path}: {name} is no array of real numbers; fetch it again")
    stored = np.dtype(order + STORED[numbers.kind])
    if math.prod(sides) * stored.itemsize != numbers.size or min(sides) < 0:
        raise _damaged(path)
    values = np.frombuffer(matrix, stored, math.prod(sides), numbers.start)
    return values.astype(CLASSES[word & 0xFF], copy=False).reshape(sides, order="F")


def _name(matrix: bytes, order: str, path: Path) -> str:
    """The name of a matrix, from its first bytes."""
    parts = []
    at = 0
    for _ in range(3):
        element = _element(matrix, at, order, path)
        parts.append(element)
        at = element.next
    if parts[0].size != 8 or parts[1].kind != 5 or not 8 <= parts[1].size <= 128:
        raise _damaged(path)
    return matrix[parts[2].start : parts[2].start + parts[2].size].decode("latin-1")


def _sides(matrix: bytes, shape: _Element, order: str) -> tuple[int, ...]:
    return tuple(np.frombuffer(matrix, f"{order}i4", shape.size // 4, shape.start).tolist())


def _elements(data: bytes, at: int, order: str, path: Path) -> Iterator[_Element]:
    while at + 8 <= len(data):
        element = _element(data, at, order, path)
        yield element
        at = element.next


def _element(data: bytes, at: int, order: str, path: Path, *, inside: bool = True) -> _Element:
    """The element whose tag is at `at`; short ones have their bytes inside the tag.

    Args:
        inside: whether its bytes must be in `data` too.
    """
    if at + 8 > len(data):
        raise _damaged(path)
    first, size = np.frombuffer(data, f"{order}u4", 2, at).tolist()
    if first >> 16:
        small = first >> 16
        if small > 4:
            raise _damaged(path)
        return _Element(first & 0xFFFF, at + 4, small, at + 8)
    end = at + 8 + size
    if inside and end > len(data):
        raise _damaged(path)
    # Everything but what is compressed is filled up to eight bytes.
    return _Element(first, at + 8, size, end if first == COMPRESSED else end + -size % 8)


def _damaged(path: Path) -> DataError:
    return DataError(f"{path} is damaged: the sizes in it don't fit together; fetch it again")
