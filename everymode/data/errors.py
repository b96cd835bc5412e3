"""The error that says a data set itself, rather than how it was asked for, can't be used."""

from __future__ import annotations

__all__ = ["DataError"]


class DataError(ValueError):
    """The data can't be used as they are: empty, unreadable or inconsistent (exit code 3)."""
