"""One rule for the values that tables and arrays give as labels: which mean "unlabeled", are numbers, are names."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from numbers import Integral, Real
from typing import Any

import numpy as np

from everymode.data.errors import DataError
from everymode.data.label_columns import Labeling
from everymode.data.words import counted, listed

__all__ = ["MAX_CLASSES", "NO_ROW", "composed", "labels_of_values", "named_classes", "no_images_note"]

MAX_CLASSES = 1_000_000
MOST_DIGITS = 18
"""Of a number that stands in a table of texts, where it is a name."""

UNLABELED = frozenset(("", "-1", "-1.0", "nan", "NaN", "null", "None"))
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(inf|infinity)", re.IGNORECASE)
PLAIN = re.compile(r"[0-9]+")
SORTED = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?")


class _NoRow:
    """Stands for the label of an image that a table has no row of."""

    def __repr__(self) -> str:
        return "no row"


NO_ROW = _NoRow()


def composed(text: str) -> str:
    """The text with composed letters: "e" with an accent behind it and the letter with the accent are the same text."""
    return unicodedata.normalize("NFC", text)


def labels_of_values(
    values: Iterable[Any] | np.ndarray, where: str, *, names: Sequence[str] = (), nothing: str = "empty"
) -> Labeling:
    """Labels as a table, an array or a file of labels gives them -> int64 [N], the classes that occur, and notes.

    None, NaN, -1, -1.0, an empty text and the texts `UNLABELED` mean unlabeled (-1), which a note counts by spelling.
    Numbers that are whole are class numbers, however they are written, and their digits are the names of the classes;
    other texts are names. A class exists where a value names it: numbers with gaps make no classes in between.

    Args:
        values: [N].
        where: for messages.
        names: what a table calls the numbers 0, 1, ...; a note names those that no value has.
        nothing: how None is called in the note.

    Raises:
        DataError: a fraction, a number below -1 or too large to be a class, one that has no name, numbers beside names.
    """
    keys, places = _distinct(values)
    read = [_read(key, where) for key in keys]
    unlabeled = Counter[str]()
    for place, count in enumerate(np.bincount(places, minlength=len(keys)).tolist()):
        if read[place] is None:
            unlabeled[_spelling(keys[place], nothing)] += count
    found = {each for each in read if each is not None}
    texts = {each for each in found if isinstance(each, str)}
    if texts and len(texts) < len(found):
        number = next(each for each in found if not isinstance(each, str))
        raise DataError(
            f'{where}: some labels are numbers ({number}) and some are names ("{min(texts)}"); write all of them in '
            "one way"
        )
    if texts:
        spelled = _as_names(texts, where)
        called = set(spelled.values())
        classes = tuple(sorted(called, key=_order(called)))
        position = {name: place for place, name in enumerate(classes)}
        number_of: dict[int | str, int] = {text: position[name] for text, name in spelled.items()}
        notes: tuple[str, ...] = ()
    else:
        numbers = sorted(found)
        _require_class_numbers(numbers, where)
        classes, notes = _called(numbers, names, where)
        number_of = {number: place for place, number in enumerate(numbers)}
    table = np.array([-1 if each is None else number_of[each] for each in read], dtype=np.int64)
    if unlabeled:
        notes = (_unlabeled_note(unlabeled, where), *notes)
    return Labeling(table[places] if len(table) else np.zeros(0, np.int64), classes, notes)


def named_classes(labels: Sequence[str | None]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Names as they are (None = unlabeled) -> int64 [N], and the names sorted, by value if all of them are numbers.

    Letters are composed, so that two ways to write the same name are one class.
    """
    spelled = [None if label is None else composed(label) for label in labels]
    found = {label for label in spelled if label is not None}
    classes = tuple(sorted(found, key=_order(found)))
    number_of = {label: number for number, label in enumerate(classes)}
    numbers = [-1 if label is None else number_of[label] for label in spelled]
    return np.array(numbers, dtype=np.int64), classes


def _distinct(values: Iterable[Any] | np.ndarray) -> tuple[list[Any], np.ndarray]:
    """The values that differ, and which of them each one is, int64 [N]. All NaN are one."""
    if isinstance(values, np.ndarray):
        found, places = np.unique(values, return_inverse=True)
        return found.tolist(), places.reshape(-1)
    number_of: dict[Any, int] = {}
    keys: list[Any] = []
    places = []
    for value in values:
        key = (type(value), value if value.__hash__ and value == value else repr(value))
        if key not in number_of:
            number_of[key] = len(keys)
            keys.append(value)
        places.append(number_of[key])
    return keys, np.array(places, dtype=np.int64)


def _read(value: Any, where: str) -> int | str | None:
    """One value: a number, a text, or None for unlabeled."""
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
        if math.isfinite(value) and value == int(value):
            return int(value)
        raise DataError(f"{where}: a label is {_shown(value)}; a label must be a whole number or a name")
    raise DataError(f"{where}: a label is {_shown(value)}; it must be a whole number, a name or null")


def _as_names(texts: set[str], where: str) -> dict[str, str]:
    """What each text is called: itself; where all of them are numbers, the whole number without a point."""
    if not all(NUMBER.fullmatch(text) for text in texts) or not any(text[-1:].isdigit() for text in texts):
        return {text: text for text in texts}
    called = {text: text if PLAIN.fullmatch(text) else _whole(text, where) for text in texts}
    for name in called.values():
        if name.startswith("-"):
            raise DataError(f"{where}: a label is {name}; class numbers start at 0, and -1 means unlabeled")
        if len(name) > MOST_DIGITS:
            raise DataError(
                f"{where}: a label is {_shown(name)}, too large for a class number (at most {MOST_DIGITS} digits); "
                "number the classes from 0, or give them names"
            )
    return called


def _whole(text: str, where: str) -> str:
    if (plain := re.fullmatch(r"\+?([0-9]+)\.0*", text)) is not None:
        return plain[1]
    try:
        value = Decimal(text)
    except InvalidOperation:  # an exponent beyond all bounds
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


def _called(
    numbers: Sequence[int], names: Sequence[str], where: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of these class numbers, and the note on names that none of them has."""
    if not names:
        return tuple(map(str, numbers)), ()
    if numbers and numbers[-1] >= len(names):
        raise DataError(f"{where}: a label is {numbers[-1]}, but the table names {len(names)} classes")
    kept = set(numbers)
    called = [composed(names[number]) for number in numbers]
    if len(set(called)) < len(called):
        twice = next(name for name in called if called.count(name) > 1)
        raise DataError(f'{where}: two classes are named "{twice}"; give each its own name')
    empty = [name for number, name in enumerate(names) if number not in kept]
    notes = (no_images_note(where, empty),) if empty and numbers else ()
    return tuple(called), notes


def no_images_note(where: str, names: Sequence[str]) -> str:
    """That classes which are named have no image, and are left out."""
    return (
        f"{where}: {counted(len(names), 'class that is named has', 'classes that are named have')} no image and "
        f"{'is' if len(names) == 1 else 'are'} left out: {listed(names)}"
    )


def _order(names: set[str]) -> Any:
    """The key by which names are sorted: their value where all of them are numbers."""
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
