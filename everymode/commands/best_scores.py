"""Best score of a run, from its score cards and the metrics of its snapshots."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from everymode.storage.json_files import finite_number, read_object
from everymode.storage.run_folder import RunFolder, read_lines

__all__ = ["best_score"]

FIRST = ("fd", "kd", "modes", "precision")
"""Metrics of a score card, by short name, in the order in which they are preferred; then the others by name."""


class _Score(NamedTuple):
    """A metric of a score card."""

    date: str
    card: str
    step: int | None
    name: str
    metric: str
    value: float
    lower: bool
    protocol: str
    """Everything that the value depends on, as text."""

    def record(self) -> dict[str, Any]:
        return {"metric": self.name, "value": self.value, "step": self.step, "card": self.card}


def best_score(folder: RunFolder) -> dict[str, Any] | None:
    """Return the best score of a run as `metric`, `value`, `step` and, if there is one, `card`; None without scores.

    If `everymode evaluate` has written score cards, it is the best one under the protocol of the newest of them.
    Otherwise it is the score of the best snapshot, by the metric that selects checkpoints.
    """
    records = read_lines(folder.metrics)
    of_training = _of_snapshots(records)
    written = {str(record.get("card")) for record in records}
    scores = [score for score in _scores_in(folder.path) if score.card not in written]
    if not scores:
        return of_training
    newest = max(scores, key=lambda score: (score.date, score.card))
    wanted = (of_training or {}).get("metric")
    own = [score for score in scores if score.card == newest.card]
    chosen = min(own, key=lambda score: (wanted not in (score.metric, score.name), *_preference(score)))
    rivals = [score for score in scores if (score.name, score.protocol) == (chosen.name, chosen.protocol)]
    return min(rivals, key=lambda score: score.value if score.lower else -score.value).record()


def _preference(score: _Score) -> tuple[int, str]:
    return (FIRST.index(score.metric) if score.metric in FIRST else len(FIRST)), score.name


def _of_snapshots(records: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the score of the lowest rank: the value of the metric that selects checkpoints, or minus it."""
    ranked = [record for record in records if finite_number(record.get("rank")) is not None]
    if not ranked:
        return None
    best = min(ranked, key=lambda record: record["rank"])
    for name, value in best.items():
        if (
            name not in ("step", "rank")
            and finite_number(value) is not None
            and abs(value) == abs(best["rank"])
        ):
            return {"metric": name, "value": value, "step": _whole(best.get("step"))}
    return None


def _scores_in(run: Path) -> Iterator[_Score]:
    """Yield the finite values of all score cards of a run, without those that can't be read."""
    for path in sorted((run / "evaluations").glob("[!.]*.json")):
        try:
            card = read_object(path, "a score card")
            metrics, protocol, subject = card["metrics"], card["protocol"], card["subject"]
            step, date = _whole(subject["facts"].get("step")), str(card["times"]["date"])
            for name, each in metrics.items():
                if finite_number(each["value"]) is None:
                    continue
                against = [protocol, each.get("settings"), each.get("real"), each.get("fake")]
                yield _Score(
                    date=date,
                    card=path.relative_to(run).as_posix(),
                    step=step,
                    name=name,
                    metric=str(each["metric"]),
                    value=each["value"],
                    lower=each["better"] == "lower",
                    protocol=json.dumps(against, sort_keys=True),
                )
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            continue  # a truncation curve, or a file of another kind


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
