"""Reading of JSON files that may be damaged or foreign, with a check of the types of their fields."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["MOST_BYTES", "finite_number", "flat", "read_object", "require_types"]

MOST_BYTES = 2**28
"""Largest file that is read: everymode writes none larger, and parsing takes many times its size of memory."""


def read_object(path: Path, what: str, types: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the JSON object in a file.

    Args:
        path: an existing file.
        what: what the file should be, for the error message, such as "the config.json of a run".
        types: types of the fields, as for `require_types`.

    Raises:
        ValueError: if the file is not a JSON object, or a field has another type; the message names the file.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
        content = json.loads(path.read_text("utf-8"))
        if not isinstance(content, dict):
            raise ValueError(f"it holds {_described(content)}, not a JSON object")
        require_types(content, types or {})
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged, or is not {what} ({str(error) or type(error).__name__}): copy it again from its source"
        ) from error
    return content


def finite_number(value: Any) -> float | None:
    """Return a value of a JSON file as a finite number; None if it is none, or too large for one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested JSON objects as one object with dotted names."""
    fields: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            fields |= flat(value, f"{prefix}{name}.")
        else:
            fields[f"{prefix}{name}"] = value
    return fields


def require_types(content: Mapping[str, Any], types: Mapping[str, Any], where: str = "") -> None:
    """Check the types of the fields of a JSON object. Fields may be missing.

    Args:
        content: the object.
        types: field -> type, tuple of types (None for null), list of an element type, or mapping of an object's fields.
        where: the path of the object in the file, with a dot at its end, for the error message.

    Raises:
        ValueError: if a field has another type; the message names the field.
    """
    for name, expected in types.items():
        if name in content:
            _require(content[name], expected, where + name)


def _require(value: Any, expected: Any, where: str) -> None:
    if isinstance(expected, Mapping):
        if not isinstance(value, dict):
            raise ValueError(f"{where} is {_described(value)}, not an object")
        require_types(value, expected, f"{where}.")
    elif isinstance(expected, list):
        if not isinstance(value, list):
            raise ValueError(f"{where} is {_described(value)}, not a list")
        for each in value:
            _require(each, expected[0], f"{where}[]")
    else:
        kinds = expected if isinstance(expected, tuple) else (expected,)
        types = tuple(type(None) if kind is None else kind for kind in kinds)
        # In Python a bool is an int, but a field of type number can't be a bool.
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            names = " or ".join(_NAMES[kind] for kind in types)
            raise ValueError(f"{where} is {_described(value)}, not {names}")


_NAMES: dict[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
    dict: "an object",
    list: "a list",
}


def _described(value: Any) -> str:
    """Return the type of a JSON list or object as text, else the value itself, shortened."""
    if isinstance(value, (dict, list)):
        return _NAMES[type(value)]
    shown = json.dumps(value)
    return shown if len(shown) <= 40 else f"{shown[:37]}..."
