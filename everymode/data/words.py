"""Helpers that format parts of messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

__all__ = ["counted", "did_you_mean", "listed"]


def counted(count: int, one: str, several: str = "") -> str:
    """Return '1 image', '2,000 images'; `several` is the plural (default: `one` with an s)."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return ' (did you mean "..."?)' with the most similar choice, or ''."""
    near = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return f' (did you mean "{near[0]}"?)' if near else ""


def listed(words: Sequence[str], most: int = 8) -> str:
    """Return 'a, b, c', truncated with '...' after `most` words."""
    return ", ".join(list(words[:most]) + (["..."] if len(words) > most else []))
