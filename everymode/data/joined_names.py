"""Names of several datasets that are joined: "joined:FIRST|SECOND"."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["JOINED", "joined_name", "joined_parts", "short_name"]

JOINED = "joined:"
"""Beginning of a name of several datasets."""
BETWEEN = "|"


def joined_name(sources: Sequence[str]) -> str:
    """Return the name under which `open_images` opens the union of several paths or names; one alone is its own name.

    Raises:
        ValueError: if there are none, or one of several is empty, contains "|", or is itself a name of several.
    """
    if not sources:
        raise ValueError("no data are named: give at least one path or name")
    if len(sources) == 1:
        return sources[0]
    for source in sources:
        if not source or BETWEEN in source or source.startswith(JOINED):
            raise ValueError(
                f'"{source}" can\'t be joined with other data: name each dataset by a path or name without "{BETWEEN}"'
            )
    return JOINED + BETWEEN.join(sources)


def joined_parts(name: str) -> list[str] | None:
    """Return the paths or names that a name joins; None for any other name.

    Raises:
        ValueError: if it joins fewer than two, or one of them is empty.
    """
    if not name.startswith(JOINED):
        return None
    parts = name.removeprefix(JOINED).split(BETWEEN)
    if len(parts) < 2 or not all(parts):
        raise ValueError(f'"{name}" must join at least two paths or names, as in "joined:first|second"')
    return parts


def short_name(source: str) -> str:
    """Return the last part of a path without its extension, of each of several joined with "+": for a folder's name."""
    return "+".join(Path(part).stem for part in joined_parts(source) or [source])
