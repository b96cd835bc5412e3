"""Differences between two recipes: names and values of the hyper-parameters and parts that are not the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from everymode.augmentation_names import OFF
from everymode.numbers import AUTO, FROM_DATA
from everymode.recipe import KINDS, Recipe
from everymode.sampling.record import part_names, record_of

__all__ = ["Difference", "differences", "plain_record", "same_source"]

_FACTS = frozenset(each.name for each in fields(Recipe) if FROM_DATA.items() <= each.metadata.items())
"""Fields of a recipe that only the data determines."""


class Difference(NamedTuple):
    """A hyper-parameter, or a kind of part, that has another value than before."""

    name: str
    before: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.name} ({_shown(self.before)}, now {_shown(self.now)})"


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Return the differences between two records of recipes (`plain_record`).

    Facts of the data, such as the number of images, are omitted. If a part was replaced by another one, the part is
    listed, not its hyper-parameters.
    """
    names_before, names_now = part_names(dict(before)), part_names(dict(now))
    changed = [kind for kind in KINDS if names_before.get(kind) != names_now.get(kind)]
    found = [
        Difference(kind, names_before.get(kind, "none"), names_now.get(kind, "none")) for kind in changed
    ]
    if before.get("own") != now.get("own"):
        found.append(Difference("recipe class", before.get("own", "Recipe"), now.get("own", "Recipe")))
    found += _of_numbers(before["numbers"], now["numbers"], without=_FACTS)
    for kind, part in now["parts"].items():
        if kind not in changed:
            found += _of_numbers(before["parts"][kind]["numbers"], part["numbers"])
    return list({each.name: each for each in found}.values())


def plain_record(recipe: Recipe) -> dict[str, Any]:
    """Return the record of a recipe as config.json stores it: tuples are lists."""
    return json.loads(json.dumps(record_of(recipe)))


def same_source(first: str, second: str) -> bool:
    """Return whether two paths or names denote the same data: `photos`, `./photos/` and its absolute path do."""
    return first == second or Path(first).resolve() == Path(second).resolve()


def _of_numbers(
    before: Mapping[str, Any], now: Mapping[str, Any], without: Iterable[str] = ()
) -> list[Difference]:
    names = [name for name in {**now, **before} if name not in without]
    pairs = [Difference(name, before.get(name), now.get(name)) for name in names]
    return [each for each in pairs if not _same(*each)]


def _same(name: str, before: Any, now: Any) -> bool:
    """Return whether two values of a hyper-parameter mean the same: 32 and [32, 32], or a path written differently."""
    if before == now:
        return True
    if name == "resolution":
        return _sides(before) == _sides(now)
    if name == "augmentation":
        return {before, now} == {"", OFF}
    both_text = isinstance(before, str) and isinstance(now, str)
    return name == "held_out" and both_text and bool(before) == bool(now) and same_source(before, now)


def _sides(resolution: Any) -> tuple[Any, ...]:
    return (resolution, resolution) if isinstance(resolution, int) else tuple(resolution or ())


def _shown(value: Any) -> str:
    return AUTO if value is None else '""' if value == "" else str(value)
