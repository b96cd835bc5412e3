"""The error that says a data set itself, rather than how it was asked for, can't be used, and a milder warning."""

from __future__ import annotations

__all__ = ["DataError", "DataWarning", "MissingDataError", "NoColumnsError", "NoImagesError", "NoLabelsError"]


class DataError(ValueError):
    """The data can't be used as they are: empty, unreadable or inconsistent (exit code 3)."""


class MissingDataError(DataError, FileNotFoundError):
    """There is no such file, folder or built-in data set."""


class NoColumnsError(DataError):
    """A column of labels was asked for, and this kind of data has no table of labels at all."""


class NoImagesError(DataError):
    """A folder holds no image."""


class NoLabelsError(DataError):
    """Labels are needed, and no image has one."""


class DataWarning(UserWarning):
    """Something about a data set that its `notes` say too, for those who open it themselves."""
