"""JSON that may be damaged, or a stranger's: read as an object whose fields have the types that are wanted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["MOST_BYTES", "read_object", "require_types"]

MOST_BYTES = 2**28
"""Larger files are none of ours, and would take many times their size of memory."""


def read_object(path: Path, what: str, types: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The JSON object in a file.

    Args:
        path: of a file that exists.
        what: it should be, for the sentence, such as "the config.json of a run".
        types: as `require_types` takes them.

    Raises ValueError, naming the file, for anything else than a JSON object, and for a field of another type.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
        found = json.loads(path.read_text("utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"it holds {_named(found)}, not a JSON object")
        require_types(found, types or {})
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged, or is not {what} ({str(error) or type(error).__name__}): take it from where it came "
            "from again"
        ) from error
    return found


def require_types(found: Mapping[str, Any], types: Mapping[str, Any], where: str = "") -> None:
    """Raise ValueError, naming the field, where a field of a JSON object is of another type than is wanted.

    A field that is missing is not of another type.

    Args:
        types: field -> a type, a tuple of types (None for null), [one of these] for a list, or fields of an object.
        where: the field that holds the object, with a dot behind it, for the sentence.
    """
    for name, wanted in types.items():
        if name in found:
            _require(found[name], wanted, where + name)


def _require(value: Any, wanted: Any, where: str) -> None:
    if isinstance(wanted, Mapping):
        if not isinstance(value, dict):
            raise ValueError(f"{where} is {_named(value)}, not an object")
        require_types(value, wanted, f"{where}.")
    elif isinstance(wanted, list):
        if not isinstance(value, list):
            raise ValueError(f"{where} is {_named(value)}, not a list")
        for each in value:
            _require(each, wanted[0], f"{where}[]")
    else:
        kinds = wanted if isinstance(wanted, tuple) else (wanted,)
        plain = tuple(type(None) if kind is None else kind for kind in kinds)
        # In Python a bool is an int; a field that wants a number has no use for one.
        if not isinstance(value, plain) or (isinstance(value, bool) and bool not in plain):
            names = " or ".join(_NAMES[kind] for kind in plain)
            raise ValueError(f"{where} is {_named(value)}, not {names}")


_NAMES: dict[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
    dict: "an object",
    list: "a list",
}


def _named(value: Any) -> str:
    """What a JSON value is, in a few words."""
    if isinstance(value, (dict, list)):
        return _NAMES[type(value)]
    shown = json.dumps(value)
    return shown if len(shown) <= 40 else f"{shown[:37]}..."
