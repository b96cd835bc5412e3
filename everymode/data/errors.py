"""Errors and warnings about the content of a dataset, as opposed to wrong arguments."""

from __future__ import annotations

__all__ = [
    "DataError",
    "DataWarning",
    "MissingDataError",
    "NoColumnsError",
    "NoImagesError",
    "NoLabelsError",
    "PairError",
]


class DataError(ValueError):
    """Data that can't be used: empty, unreadable or inconsistent (exit code 3)."""


class MissingDataError(DataError, FileNotFoundError):
    """Missing file, folder or built-in dataset."""


class NoColumnsError(DataError):
    """Request for a column of labels from data that have no table of labels."""


class NoImagesError(DataError):
    """Folder without images."""


class NoLabelsError(DataError):
    """Data without any label where labels are required."""


class PairError(DataError):
    """Image and label map that don't fit together, or a label map that holds no classes."""


class DataWarning(UserWarning):
    """Remark about a dataset that is also in its `notes`, for users who open it from Python."""
