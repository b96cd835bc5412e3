"""Separation of a run's config.json into fields to share and fields about the computer and its user."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from everymode.sharing.text import is_path

__all__ = ["shared_card", "shared_config"]

_DATA = (
    *("name", "fingerprint", "num_images", "image_shape", "classes", "label_blocks", "block_names"),
    *("skipped",),
)
_FIELDS = ("everymode", "format", "step", "versions", "license", "scores", "imported")
_PATHS = {"data", "held_out", "metric_extractor", "partitioner", "maps", "instances"}
"""Hyper-parameters that may be paths or names of the user's data; drawing samples needs none of them."""
_MEASURED = ("metric", "value", "better", "real", "fake", "settings")
_FACTS = ("step", "weights", "ema", "images")


def shared_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a shared config.json holds of a run's config.json.

    These are the recipe (without hyper-parameters that may be paths), the facts of the data with the names of its
    labels, the step, the versions of Python and torch, the license, the scores, and the origin of imported weights.
    Everything else stays behind: the data's path, the recipe's file, the commands, the device. Class names are shared
    as they are.
    """
    shared = {name: config[name] for name in _FIELDS if name in config}
    record = config.get("recipe")
    if isinstance(record, Mapping):
        shared["recipe"] = _shared_recipe(record)
    data = config.get("data")
    data = data if isinstance(data, Mapping) else {}
    shared["data"] = {name: data[name] for name in _DATA if name in data}
    if isinstance(shared.get("scores"), list):
        shared["scores"] = [shared_card(card) for card in shared["scores"] if isinstance(card, Mapping)]
    return shared


def shared_card(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is shared of a score card: its metrics with their protocol, seeds and date, without paths.

    Args:
        card: `ScoreCard.as_json()`, or an earlier result of this function.
    """
    subject, times = _mapping(card.get("subject")), _mapping(card.get("times"))
    metrics = {
        str(name): {key: measured[key] for key in _MEASURED if key in measured}
        for name, measured in _mapping(card.get("metrics")).items()
        if isinstance(measured, Mapping)
    }
    facts = _mapping(subject.get("facts"))
    shared = {
        "metrics": metrics,
        "protocol": card.get("protocol"),
        "real_split": card.get("real_split", subject.get("real_split")),
        "seeds": card.get("seeds", subject.get("seeds")),
        "facts": card.get("facts", {name: facts[name] for name in _FACTS if name in facts}),
        "warnings": card.get("warnings"),
        "date": card.get("date", times.get("date")),
    }
    return {name: _without_paths(value) for name, value in shared.items() if value is not None}


def _shared_recipe(record: Mapping[str, Any]) -> dict[str, Any]:
    shared = {"own": record["own"]} if "own" in record else {}
    shared["numbers"] = _shared_numbers(_mapping(record.get("numbers")))
    parts = {kind: part for kind, part in _mapping(record.get("parts")).items() if isinstance(part, Mapping)}
    shared["parts"] = {
        kind: {name: part[name] for name in ("own", "name") if name in part}
        | {"numbers": _shared_numbers(_mapping(part.get("numbers")))}
        for kind, part in parts.items()
    }
    return shared


def _shared_numbers(numbers: Mapping[str, Any]) -> dict[str, Any]:
    shared: dict[str, Any] = {}
    for name, value in numbers.items():
        if name in _PATHS and isinstance(value, str):
            continue
        if name == "name" and isinstance(value, str):
            value = value.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
        if not (isinstance(value, str) and is_path(value)):
            shared[name] = _without_paths(value)
    return shared


def _without_paths(value: Any) -> Any:
    """Return JSON values without texts that may be paths, and without NaN or infinite numbers."""
    if isinstance(value, Mapping):
        return {str(name): _without_paths(each) for name, each in value.items() if not _is_private(each)}
    if isinstance(value, (list, tuple)):
        return [_without_paths(each) for each in value if not _is_private(each)]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _is_private(value: Any) -> bool:
    return isinstance(value, str) and is_path(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
