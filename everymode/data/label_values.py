"""One rule for label values in tables and arrays: which of them mean "unlabeled", are numbers, or are names."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from numbers import Integral, Real
from typing import Any, SupportsInt, cast

import numpy as np

from everymode.data.errors import DataError
from everymode.data.label_columns import Labeling
from everymode.data.words import counted, listed

__all__ = ["MAX_CLASSES", "NO_ROW", "composed", "labels_of_values", "named_classes", "no_images_note"]

MAX_CLASSES = 1_000_000
MOST_DIGITS = 18
"""Largest number of digits of a class number in a table of texts."""

UNLABELED = frozenset(("", "-1", "-1.0", "nan", "NaN", "null", "None"))
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(inf|infinity)", re.IGNORECASE)
PLAIN = re.compile(r"[0-9]+")
SORTED = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?")


class _NoRow:
    """Label of an image that has no row in a table."""

    def __repr__(self) -> str:
        return "no row"


NO_ROW = _NoRow()


def composed(text: str) -> str:
    """Return the text in Unicode's composed form (NFC), in which "e" plus a combining accent is one letter."""
    return unicodedata.normalize("NFC", text)


def labels_of_values(
    values: Iterable[Any] | np.ndarray, where: str, *, names: Sequence[str] = (), nothing: str = "empty"
) -> Labeling:
    """Convert the label values of a table, an array or a label file to int64 [N], class names and notes.

    None, NaN, -1, -1.0, an empty text and the texts `UNLABELED` mean unlabeled (-1); a note counts them by spelling.
    Whole numbers in any notation are class numbers, whose digits are the class names; other texts are class names.
    Only values that occur are classes: gaps between numbers create no classes.

    Args:
        values: [N].
        where: name of the data in messages.
        names: class names of the numbers 0, 1, ...; a note lists those that don't occur.
        nothing: word for None in the note.

    Raises:
        DataError: if a label is a fraction, below -1, too large for a class number, or has no name in `names`; or if
            some labels are numbers and others names.
    """
    distinct, positions = _distinct(values)
    parsed = [_parse(value, where) for value in distinct]
    unlabeled = Counter[str]()
    for value, label, count in zip(
        distinct, parsed, np.bincount(positions, minlength=len(distinct)).tolist(), strict=True
    ):
        if label is None:
            unlabeled[_spelling(value, nothing)] += count
    numbers = sorted({label for label in parsed if isinstance(label, int)})
    texts = {label for label in parsed if isinstance(label, str)}
    if texts and numbers:
        raise DataError(
            f'{where}: some labels are numbers ({numbers[0]}) and some are names ("{min(texts)}"); use numbers only, '
            "or names only"
        )
    if texts:
        name_of = _as_names(texts, where)
        distinct_names = set(name_of.values())
        classes = tuple(sorted(distinct_names, key=_order(distinct_names)))
        class_number = {name: number for number, name in enumerate(classes)}
        number_of: dict[int | str, int] = {text: class_number[name] for text, name in name_of.items()}
        notes: tuple[str, ...] = ()
    else:
        _require_class_numbers(numbers, where)
        classes, notes = _names_of_numbers(numbers, names, where)
        number_of = {number: position for position, number in enumerate(numbers)}
    table = np.array([-1 if label is None else number_of[label] for label in parsed], dtype=np.int64)
    if unlabeled:
        notes = (_unlabeled_note(unlabeled, where), *notes)
    return Labeling(table[positions] if len(table) else np.zeros(0, np.int64), classes, notes)


def named_classes(labels: Sequence[str | None]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Number class names (None = unlabeled).

    Names are compared in Unicode's composed form, so that two encodings of the same name are one class.

    Returns:
        Labels int64 [N], and the class names in sorted order (by value if all of them are numbers).
    """
    names = [None if label is None else composed(label) for label in labels]
    distinct = {name for name in names if name is not None}
    classes = tuple(sorted(distinct, key=_order(distinct)))
    number_of = {name: number for number, name in enumerate(classes)}
    numbers = [-1 if name is None else number_of[name] for name in names]
    return np.array(numbers, dtype=np.int64), classes


def _distinct(values: Iterable[Any] | np.ndarray) -> tuple[list[Any], np.ndarray]:
    """Return the distinct values, and the position of each value among them, int64 [N]. All NaN are equal."""
    if isinstance(values, np.ndarray):
        distinct, positions = np.unique(values, return_inverse=True)
        return distinct.tolist(), positions.reshape(-1)
    position_of: dict[Any, int] = {}
    first_values: list[Any] = []
    value_positions: list[int] = []
    for value in values:
        key = (type(value), value if value.__hash__ and value == value else repr(value))
        if key not in position_of:
            position_of[key] = len(first_values)
            first_values.append(value)
        value_positions.append(position_of[key])
    return first_values, np.array(value_positions, dtype=np.int64)


def _parse(value: Any, where: str) -> int | str | None:
    """Convert one value to a number, a text, or None for unlabeled."""
    if value is None or value is NO_ROW:
        return None
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError:
            raise DataError(
                f"{where}: the label {_shown(value)} is not UTF-8 text; save it as UTF-8"
            ) from None
    if isinstance(value, str):
        text = composed(value.strip())
        return None if text in UNLABELED else text
    if isinstance(value, Integral):
        return None if int(value) == -1 else int(value)
    if isinstance(value, Real | Decimal):
        if math.isnan(value) or value == -1:
            return None
        # a finite Real or Decimal converts to int, though the type Real declares only __trunc__
        if math.isfinite(value) and value == (whole := int(cast(SupportsInt, value))):
            return whole
        raise DataError(f"{where}: a label is {_shown(value)}; a label must be a whole number or a name")
    raise DataError(f"{where}: a label is {_shown(value)}; a label must be a whole number, a name or null")


def _as_names(texts: set[str], where: str) -> dict[str, str]:
    """Return the class name of each text: the text itself, or its integer digits if all texts are numbers."""
    if not all(NUMBER.fullmatch(text) for text in texts) or not any(text[-1:].isdigit() for text in texts):
        return {text: text for text in texts}
    name_of = {text: text if PLAIN.fullmatch(text) else _whole(text, where) for text in texts}
    for name in name_of.values():
        if name.startswith("-"):
            raise DataError(f"{where}: a label is {name}; class numbers start at 0, and -1 means unlabeled")
        if len(name) > MOST_DIGITS:
            raise DataError(
                f"{where}: a label is {_shown(name)}, too large for a class number (at most {MOST_DIGITS} digits); "
                "number the classes from 0, or give them names"
            )
    return name_of


def _whole(text: str, where: str) -> str:
    if (plain := re.fullmatch(r"\+?([0-9]+)\.0*", text)) is not None:
        return plain[1]
    try:
        value = Decimal(text)
    except InvalidOperation:  # an exponent too large for Decimal
        value = Decimal("nan")
    if not value.is_finite() or abs(value.adjusted()) > 40 or value != int(value):
        raise DataError(f'{where}: a label is "{_shown(text)}"; a label must be a whole number or a name')
    return str(int(value))


def _require_class_numbers(numbers: Sequence[int], where: str) -> None:
    if numbers and numbers[0] < -1:
        raise DataError(
            f"{where}: a label is {_shown(numbers[0])}; class numbers start at 0, and -1 means unlabeled"
        )
    if numbers and numbers[-1] >= MAX_CLASSES:
        raise DataError(
            f"{where}: a label is {_shown(numbers[-1])}, too large for a class number (below {MAX_CLASSES:,}); "
            "number the classes from 0"
        )


def _names_of_numbers(
    numbers: Sequence[int], names: Sequence[str], where: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the class names of these numbers, and a note on the names that don't occur."""
    if not names:
        return tuple(map(str, numbers)), ()
    if numbers and numbers[-1] >= len(names):
        raise DataError(f"{where}: a label is {numbers[-1]}, but the table names {len(names)} classes")
    used = set(numbers)
    used_names = [composed(names[number]) for number in numbers]
    if len(set(used_names)) < len(used_names):
        twice = next(name for name in used_names if used_names.count(name) > 1)
        raise DataError(f'{where}: two classes are named "{twice}"; give each a different name')
    unused_names = [name for number, name in enumerate(names) if number not in used]
    notes = (no_images_note(where, unused_names),) if unused_names and numbers else ()
    return tuple(used_names), notes


def no_images_note(where: str, names: Sequence[str]) -> str:
    """Return the note on classes that are omitted because they have no image."""
    return (
        f"{where}: {counted(len(names), 'class has', 'classes have')} no image and "
        f"{'is' if len(names) == 1 else 'are'} omitted: {listed(names)}"
    )


def _order(names: set[str]) -> Any:
    """Return the sort key of class names: their value if all of them are numbers, else None (alphabetical order)."""
    if names and all(SORTED.fullmatch(name) for name in names):
        return lambda name: (Decimal(name), name)
    return None


def _spelling(value: Any, nothing: str) -> str:
    if value is None:
        return nothing
    if value is NO_ROW:
        return repr(value)
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if isinstance(value, str):
        return f'"{value.strip()}"' if value.strip() else "empty"
    return "NaN" if value != value else str(value)


def _unlabeled_note(spellings: Counter[str], where: str) -> str:
    total = spellings.total()
    each = listed([f"{count:,} {spelling}" for spelling, count in spellings.most_common()])
    return f"{where}: {counted(total, 'row is', 'rows are')} unlabeled ({each})"


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, bytes) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
