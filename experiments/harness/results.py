"""Scores of finished runs, saved in files: no run is repeated, and no set takes another's results."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from everymode.data.dataset import Dataset
from everymode.data.source import digest_of
from everymode.recipe import Recipe
from everymode.sampling.record import record_of as recorded


class Case(NamedTuple):
    """One row of a table: a recipe on a dataset."""

    name: str
    recipe: Recipe
    data: str
    prepare: Callable[[Dataset, int], Dataset] | None = None
    """(the data, the seed) -> training data; a function of a module, or a partial of one."""


OF_CLASS = "fd-per-class of "
"""Beginning of the name of a score that is the Fréchet distance of one class."""


class Outcome(NamedTuple):
    """One finished run: its scores by name, the watch's first alarm ("" if none), and the file of its curves."""

    case: str
    seed: int
    scores: dict[str, float]
    alarm: str
    alarm_step: int | None
    folder: str


def scores_after(outcome: Outcome, start: str) -> dict[str, float]:
    """Return the scores whose names begin with a text, by the rest of their names."""
    return {
        name.removeprefix(start): value for name, value in outcome.scores.items() if name.startswith(start)
    }


def kept(record: Path, play: Callable[[], Outcome]) -> Outcome:
    """Return the outcome saved in a file, or that of `play()`, which is then saved there."""
    if record.is_file():
        return Outcome(**json.loads(record.read_text()))
    outcome = play()
    record.write_text(json.dumps(outcome._asdict(), indent=1))
    return outcome


def record_of(case: Case, seed: int, out: Path, judge: Any) -> Path:
    """Return the path of a run's outcome in a set's folder.

    The folder's name depends on everything that determines the run, so that no set takes another's results.
    """
    name = case.name.replace(" ", "-").replace(",", "")
    return out / f"{name}-seed{seed}-{terms_of(case, judge)[:8]}" / "outcome.json"


def shared_record_of(case: Case, seed: int, out: Path, *, images: int, judge: Any) -> Path:
    """Return the path of a run's outcome by one judge, in a folder that cases of all names and sets share.

    Args:
        images: number of images that `case.prepare` selects; 0 = all.
    """
    terms = digest_of(_numbers(case.recipe), case.data, str(images))
    return out / f"{case.recipe.name}-seed{seed}-{terms[:8]}" / f"outcome-{digest_of(repr(judge))[:8]}.json"


def terms_of(case: Case, judge: Any) -> str:
    """Return a digest of everything that determines a case's runs, except the seed."""
    return digest_of(_numbers(case.recipe), case.data, _described(case.prepare), repr(judge))


def _numbers(recipe: Recipe) -> str:
    return json.dumps(recorded(recipe), sort_keys=True)


def _described(prepare: Callable[[Dataset, int], Dataset] | None) -> str:
    """Return the function's name and bound arguments: the same in every process, unlike its address.

    Its module is part of the name, so a set is trained again when such a function moves to another module.
    """
    if isinstance(prepare, partial):
        return f"{_described(prepare.func)} {prepare.args} {sorted(prepare.keywords.items())}"
    return "" if prepare is None else f"{prepare.__module__}.{prepare.__qualname__}"
