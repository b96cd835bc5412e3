"""Small pieces of the sentences that error messages are made of."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

__all__ = ["counted", "did_you_mean", "listed"]


def counted(count: int, one: str, several: str = "") -> str:
    """'1 image', '2,000 images'. `several` is what several are called, if not `one` with an s."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """' (did you mean "..."?)' for the nearest choice, or nothing."""
    near = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return f' (did you mean "{near[0]}"?)' if near else ""


def listed(words: Sequence[str], most: int = 8) -> str:
    """'a, b, c', cut short with '...' after `most` words."""
    return ", ".join(list(words[:most]) + (["..."] if len(words) > most else []))
