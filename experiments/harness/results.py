"""What finished runs scored, kept in files: no run is made twice, and no set takes another's results."""

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
    """One row of a table: a recipe on a data set."""

    name: str
    recipe: Recipe
    data: str
    prepare: Callable[[Dataset, int], Dataset] | None = None
    """(the data, the seed) -> what to train on; a function of a module, or a partial of one."""


class Outcome(NamedTuple):
    """One finished run: its scores by name, the watch's first alarm ("" where there was none), its curves' file."""

    case: str
    seed: int
    scores: dict[str, float]
    alarm: str
    alarm_step: int | None
    folder: str


def kept(record: Path, play: Callable[[], Outcome]) -> Outcome:
    """The outcome that a file holds, or that of `play()`, which makes the file's folder and is kept in the file."""
    if record.is_file():
        return Outcome(**json.loads(record.read_text()))
    outcome = play()
    record.write_text(json.dumps(outcome._asdict(), indent=1))
    return outcome


def record_of(case: Case, seed: int, out: Path, judge: Any) -> Path:
    """The file of a run's outcome in a set's folder.

    Everything that makes the run what it is is part of its folder's name, so that no set takes another's results.
    """
    name = case.name.replace(" ", "-").replace(",", "")
    return out / f"{name}-seed{seed}-{terms_of(case, judge)[:8]}" / "outcome.json"


def shared_record_of(case: Case, seed: int, out: Path, *, images: int, judge: Any) -> Path:
    """The file of a run's outcome by one judge, in a folder that cases of all names and sets share.

    Args:
        images: what `case.prepare` leaves of the data; 0 = all.
    """
    terms = digest_of(_numbers(case.recipe), case.data, str(images))
    return out / f"{case.recipe.name}-seed{seed}-{terms[:8]}" / f"outcome-{digest_of(repr(judge))[:8]}.json"


def terms_of(case: Case, judge: Any) -> str:
    """A digest of all that makes a case's runs what they are, but for the seed."""
    return digest_of(_numbers(case.recipe), case.data, _described(case.prepare), repr(judge))


def _numbers(recipe: Recipe) -> str:
    return json.dumps(recorded(recipe), sort_keys=True)


def _described(prepare: Callable[[Dataset, int], Dataset] | None) -> str:
    """The function's name and what it is given: the same in every process, unlike its address.

    Its module is part of the name, so a set is trained anew when such a function moves to another one.
    """
    if isinstance(prepare, partial):
        return f"{_described(prepare.func)} {prepare.args} {sorted(prepare.keywords.items())}"
    return "" if prepare is None else f"{prepare.__module__}.{prepare.__qualname__}"
