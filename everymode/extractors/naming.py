"""What the name of an extractor leads to. Free of torch."""

from __future__ import annotations

import re

__all__ = ["names_code", "require_named_by_user"]

_SHIPPED = ("lite0", "random", "inception", "dinov2", "classifier")
"""Families whose argument is a number or a path of this machine."""


def names_code(name: str) -> bool:
    """Whether a name of `find_extractor` is of the user's own code, or of weights at an address: what a file that is
    read, such as a run's config.json, may not name.
    """
    family, _, argument = name.partition(":")
    if family not in _SHIPPED:
        return bool(argument)
    return re.match(r"[a-z][a-z0-9+.-]*://", argument, re.IGNORECASE) is not None


def require_named_by_user(recorded: str | None, named: str | None, path: object) -> None:
    """Raise ValueError where a run's extractor is code or an address, and the user has not named the same one.

    Args:
        recorded: what the run's config.json says.
        named: what the user's own recipe or flag says.
        path: of the run, for the sentence.
    """
    if recorded is not None and names_code(recorded) and recorded != named:
        raise ValueError(
            f"{path} was measured with {recorded!r}, which is code or an address: it is used only if you name it "
            f"yourself, with --metric-extractor {recorded} (metric_extractor= in Python); or name another one, or auto"
        )
