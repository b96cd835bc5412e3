"""Changes of a run's config.json: what a resumed run does differently from a step on.

config.json keeps the hyper-parameters, data and command with which a run was started. Each resume with other ones adds
an entry to its list "changes":

    {"step": 300, "command": [...], "numbers": {"discriminator_lr": [0.001, 0.0005]}, "parts": {...}, "data": {...}}

Each change is a list [before, now]. "numbers" holds hyper-parameters of the recipe or its parts, "parts" the complete
records of parts that were replaced (null for none), "data" the source of the data if it has moved.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from everymode.numbers import SPELLINGS

__all__ = ["CHANGE", "with_changes"]

CHANGE: dict[str, Any] = {
    "step": int,
    "command": [str],
    "numbers": dict,
    "parts": dict,
    "data": {"source": [str]},
}
"""Types of the fields of a change."""


def with_changes(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of config.json in which the recipe and the data are those of the last change.

    All that reads a config.json reads it through this function. Applying it again changes nothing.

    Raises:
        ValueError: if a change is not a list [before, now], or there is no recipe to change.
    """
    current: dict[str, Any] = copy.deepcopy(dict(config))
    changes: list[dict[str, Any]] = current.get("changes") or []
    for index, change in enumerate(changes):
        where = f"changes[{index}]"
        recipe = _object(current.get("recipe"), "recipe", where)
        numbers, parts = (_object(recipe.get(name), f"recipe.{name}", where) for name in ("numbers", "parts"))
        for kind, pair in change.get("parts", {}).items():
            parts[kind] = _now(pair, f"{where}.parts.{kind}")
            if parts[kind] is None:
                del parts[kind]
        of_parts = [
            part["numbers"] for part in parts.values() if isinstance(part, dict) and "numbers" in part
        ]
        for name, pair in change.get("numbers", {}).items():
            value = _now(pair, f"{where}.numbers.{name}")
            spellings = {name, *(old for old, new in SPELLINGS.items() if new == name)}
            holders = [
                each for each in (numbers, *of_parts) if isinstance(each, dict) and spellings & each.keys()
            ]
            for holder in holders or [numbers]:
                for spelling in spellings:
                    holder.pop(spelling, None)
                holder[name] = copy.deepcopy(value)
        for name, pair in change.get("data", {}).items():
            _object(current.get("data"), "data", where)[name] = _now(pair, f"{where}.data.{name}")
    return current


def _now(pair: Any, where: str) -> Any:
    if not isinstance(pair, list) or len(pair) != 2:
        raise ValueError(f"{where} is {str(pair)[:40]}, not a list [before, now]")
    return pair[1]


def _object(value: Any, name: str, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} changes {name}, which is not an object")
    return value
