"""Matching of the rows of a label file with the images that they name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from everymode.data.errors import DataError
from everymode.data.formats import remedy
from everymode.data.label_values import composed
from everymode.data.words import counted, did_you_mean, listed

__all__ = ["matched"]

Label = TypeVar("Label")

MOST_COMPARED = 10_000
"""Largest number of images among which a similar name is searched, because the search takes linear time."""


def matched(
    entries: Sequence[tuple[str, Label]],
    names: Sequence[str],
    where: str,
    *,
    undecodable: Sequence[str] = (),
) -> dict[str, Label]:
    """Return the labels by image name, after checking that every entry matches one of the images.

    A name matches the image of exactly that name, or else the image whose name differs only in surrounding spaces, the
    kind of slash or the Unicode composition of its letters.

    Args:
        entries: names as written in the label file, and their labels.
        names: names of the images.
        where: name of the label file in error messages.
        undecodable: names of files that are images in formats that can't be read here.

    Raises:
        DataError: if a name matches no image or several, leads out of the root, or has two different labels.
    """
    known = set(names)
    by_composed = _by_composed_name(names)
    by_name: dict[str, Label] = {}
    missing: list[str] = []
    for written, label in entries:
        plain = written.strip().replace("\\", "/").removeprefix("./")
        name = next((each for each in (written, written.strip(), plain) if each in known), "")
        if not name:
            candidates = by_composed.get(composed(plain), ())
            if len(candidates) > 1:
                raise DataError(
                    f'{where}: "{plain}" matches {len(candidates)} images whose names differ only in the Unicode '
                    "composition of their letters; rename all but one"
                )
            name = candidates[0] if candidates else plain
        if name not in known:
            if name.startswith("/") or ".." in name.split("/") or re.match(r"[A-Za-z]:", name):
                raise DataError(
                    f'{where}: "{written}" is outside the dataset; name files relative to its root'
                )
            missing.append(written.strip())
        elif name in by_name and by_name[name] != label:
            raise DataError(
                f'{where}: "{name}" occurs twice, labeled {_shown(by_name[name])} and {_shown(label)}; remove one row'
            )
        else:
            by_name[name] = label
    unread = {composed(name) for name in undecodable}
    named = [name for name in missing if composed(name.replace("\\", "/").removeprefix("./")) in unread]
    if named:
        raise DataError(
            f"{where} names {counted(len(named), 'image')} in a format that can't be read here: {listed(named, 3)}; "
            f"{remedy(named)}, or remove these rows"
        )
    if missing:
        near = did_you_mean(missing[0], names) if len(names) <= MOST_COMPARED else ""
        raise DataError(
            f"{where} names {len(missing)} files that are not among the images: {listed(missing, 3)}{near}; "
            "correct or remove these rows"
        )
    return by_name


def _by_composed_name(names: Sequence[str]) -> dict[str, list[str]]:
    """Return the images whose names have letters beyond ASCII, by their names in composed (NFC) form."""
    by_composed: dict[str, list[str]] = {}
    for name in names:
        if not name.isascii():
            by_composed.setdefault(composed(name), []).append(name)
    return by_composed


def _shown(label: object) -> str:
    return ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)
