"""Checks of extractor names, without importing torch."""

from __future__ import annotations

import re

__all__ = ["names_code", "require_named_by_user"]

_SHIPPED = ("lite0", "random", "inception", "dinov2", "classifier")
"""Families whose argument is a number or a local path."""


def names_code(name: str) -> bool:
    """Return whether a name of `find_extractor` refers to custom code or to weights at an address.

    Files that are read, such as a run's config.json, must not name these.
    """
    family, _, argument = name.partition(":")
    if family not in _SHIPPED:
        return bool(argument)
    return re.match(r"[a-z][a-z0-9+.-]*://", argument, re.IGNORECASE) is not None


def require_named_by_user(recorded: str | None, named: str | None, path: object) -> None:
    """Require that the user has named a run's extractor if it is code or an address.

    Args:
        recorded: extractor in the run's config.json.
        named: extractor in the user's recipe or flag.
        path: path of the run, for the error message.

    Raises:
        ValueError: if the recorded extractor is code or an address, and `named` is another one.
    """
    if recorded is not None and names_code(recorded) and recorded != named:
        raise ValueError(
            f"{path} was measured with {recorded!r}, which is code or an address: it is used only if you name it "
            f"yourself, with --metric-extractor {recorded} (metric_extractor= in Python); or name another one, or auto"
        )
