"""Numeric arrays of a MATLAB level-5 file, such as SVHN's: sizes and types are checked before anything is read.

This replaces scipy's reader, which a damaged file can crash together with its process.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from everymode.data.doors import MOST_RATIO, decompressed
from everymode.data.errors import DataError

__all__ = ["mat_arrays"]

HEADER_BYTES = 128
MATRIX, COMPRESSED = 14, 15
HEAD_BYTES = 4096
"""Number of leading bytes of a matrix that contain its flags, shape and name."""
STORED_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""Stored number types, often narrower than the type of the array."""
MX_TYPES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
"""Types of arrays, by MATLAB's mxClassID."""
COMPLEX_FLAG = 0x0800


class _Element(NamedTuple):
    """Tagged data element: its type, the offset and number of its bytes, and the offset of the next element."""

    kind: int
    start: int
    size: int
    next: int


def mat_arrays(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """Return the arrays with these names that the file holds.

    Raises:
        DataError: if the file is not of level 5 (MATLAB 5 to 7.2, `save -v7`) or damaged, or an array is not numeric.
    """
    data = path.read_bytes()
    if len(data) < HEADER_BYTES or data[126:128] not in (b"IM", b"MI"):
        raise DataError(
            f"{path} is not a file of SVHN's cropped digits, nor any MATLAB level-5 file (as `save -v7` writes); "
            "fetch it or save it again"
        )
    order = "<" if data[126:128] == b"IM" else ">"
    arrays: dict[str, np.ndarray] = {}
    for element in _elements(data, HEADER_BYTES, order, path):
        body = data[element.start : element.start + element.size]
        size = element.size
        if element.kind == COMPRESSED:
            tag = _element(decompressed(body, 8), 0, order, path, within_data=False)
            size = tag.size
            if tag.kind != MATRIX or size > MOST_RATIO * (element.size + 1):
                raise _damaged(path)
            head = decompressed(body, 8 + min(size, HEAD_BYTES))[8:]
        elif element.kind == MATRIX:
            head = body
        else:
            continue
        name = _name(head, order, path)
        if name in names:
            is_packed = element.kind == COMPRESSED
            matrix = decompressed(body, 8 + size, complete=True)[8:] if is_packed else body
            arrays[name] = _array(matrix, order, path, name)
    return arrays


def _array(matrix: bytes, order: str, path: Path, name: str) -> np.ndarray:
    elements = list(islice(_elements(matrix, 0, order, path), 4))
    if len(elements) < 4:
        raise _damaged(path)
    flags, shape, _, numbers = elements
    word = int.from_bytes(matrix[flags.start : flags.start + 4], "little" if order == "<" else "big")
    sides = _sides(matrix, shape, order)
    if word & 0xFF not in MX_TYPES or word & COMPLEX_FLAG or numbers.kind not in STORED_TYPES:
        raise DataError(f"{path}: {name} is not an array of real numbers; fetch the file again")
    stored = np.dtype(order + STORED_TYPES[numbers.kind])
    if math.prod(sides) * stored.itemsize != numbers.size or min(sides) < 0:
        raise _damaged(path)
    values = np.frombuffer(matrix, stored, math.prod(sides), numbers.start)
    return values.astype(MX_TYPES[word & 0xFF], copy=False).reshape(sides, order="F")


def _name(matrix: bytes, order: str, path: Path) -> str:
    """Return the name of a matrix, from its first bytes."""
    elements: list[_Element] = []
    offset = 0
    for _ in range(3):
        elements.append(_element(matrix, offset, order, path))
        offset = elements[-1].next
    flags, shape, name = elements
    if flags.size != 8 or shape.kind != 5 or not 8 <= shape.size <= 128:
        raise _damaged(path)
    return matrix[name.start : name.start + name.size].decode("latin-1")


def _sides(matrix: bytes, shape: _Element, order: str) -> tuple[int, ...]:
    return tuple(np.frombuffer(matrix, f"{order}i4", shape.size // 4, shape.start).tolist())


def _elements(data: bytes, offset: int, order: str, path: Path) -> Iterator[_Element]:
    while offset + 8 <= len(data):
        element = _element(data, offset, order, path)
        yield element
        offset = element.next


def _element(data: bytes, offset: int, order: str, path: Path, *, within_data: bool = True) -> _Element:
    """Return the element whose tag is at `offset`; short elements have their bytes inside the tag.

    Args:
        within_data: whether its bytes must be in `data`, too.
    """
    if offset + 8 > len(data):
        raise _damaged(path)
    first, size = np.frombuffer(data, f"{order}u4", 2, offset).tolist()
    if first >> 16:
        small = first >> 16
        if small > 4:
            raise _damaged(path)
        return _Element(first & 0xFFFF, offset + 4, small, offset + 8)
    end = offset + 8 + size
    if within_data and end > len(data):
        raise _damaged(path)
    # all elements but compressed ones are padded to a multiple of eight bytes
    return _Element(first, offset + 8, size, end if first == COMPRESSED else end + -size % 8)


def _damaged(path: Path) -> DataError:
    return DataError(f"{path} is damaged: its sizes are inconsistent; fetch it again")
