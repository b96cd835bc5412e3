"""Rows of a file of labels, matched with the images that they name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from everymode.data.errors import DataError
from everymode.data.label_values import composed
from everymode.data.words import did_you_mean, listed

__all__ = ["matched"]

Label = TypeVar("Label")

# a nearest name is looked for among at most this many images, because that takes time in proportion
MOST_COMPARED = 10_000


def matched(entries: Sequence[tuple[str, Label]], names: Sequence[str], where: str) -> dict[str, Label]:
    """Label by image name, once every entry is known to mean one of the images.

    A name means the image that is called exactly so, else the one that is called so but for spaces around it, the kind
    of slash or how its letters are composed.

    Args:
        entries: names as a label file writes them, and their labels.
        names: of the images.
        where: for messages.

    Raises:
        DataError: a name that is none of them, leads outside or may mean several, or that has two labels.
    """
    known = set(names)
    alike = _alike(names)
    by_name: dict[str, Label] = {}
    missing: list[str] = []
    for written, label in entries:
        plain = written.strip().replace("\\", "/").removeprefix("./")
        name = next((each for each in (written, written.strip(), plain) if each in known), "")
        if not name:
            found = alike.get(composed(plain), ())
            if len(found) > 1:
                raise DataError(
                    f'{where}: "{plain}" may mean any of {len(found)} images whose names differ only in how their '
                    "letters are composed; rename all but one"
                )
            name = found[0] if found else plain
        if name not in known:
            if name.startswith("/") or ".." in name.split("/") or re.match(r"[A-Za-z]:", name):
                raise DataError(
                    f'{where}: "{written}" points outside the data set; name files relative to its root'
                )
            missing.append(written.strip())
        elif name in by_name and by_name[name] != label:
            raise DataError(
                f'{where}: "{name}" is there twice, labeled {_shown(by_name[name])} and {_shown(label)}; keep one'
            )
        else:
            by_name[name] = label
    if missing:
        near = did_you_mean(missing[0], names) if len(names) <= MOST_COMPARED else ""
        raise DataError(
            f"{where} names {len(missing)} files that are not among the images: {listed(missing, 3)}{near}; "
            f"correct or remove these rows"
        )
    return by_name


def _alike(names: Sequence[str]) -> dict[str, list[str]]:
    """Images by their name with composed letters, where that is another name than any of their own letters alone."""
    alike: dict[str, list[str]] = {}
    for name in names:
        if not name.isascii():
            alike.setdefault(composed(name), []).append(name)
    return alike


def _shown(label: object) -> str:
    return ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)
