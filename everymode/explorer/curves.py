"""Training curves of a run from its records: losses, realness, scores, collapse watch, clusters; and events."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from everymode.storage.json_files import finite_number, read_object
from everymode.storage.run_folder import RunFolder, read_lines

__all__ = ["Curve", "Event", "Series", "curves_of", "events_of", "thinned"]


@dataclass(frozen=True)
class Series:
    """One line of a curve.

    Attributes:
        name: its key in the log, such as "judgment/real".
        title: its name in the legend, such as "real".
        steps: steps of its values, ascending.
        values: a value for each step; None if it is not finite.
    """

    name: str
    title: str
    steps: tuple[int, ...]
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Curve:
    """Lines that belong into one diagram.

    Attributes:
        name: short name, unique in the run, of letters, digits and hyphens.
        title: name in words.
        series: the lines.
        note: how to read it, or "".
    """

    name: str
    title: str
    series: tuple[Series, ...]
    note: str = ""


@dataclass(frozen=True)
class Event:
    """Something that happened at a step.

    Attributes:
        step: the step.
        kind: "alarm", "warning", "new labels", "change" or "not finite".
        text: what happened.
    """

    step: int
    kind: str
    text: str


@dataclass(frozen=True)
class _Panel:
    """A diagram and the names that belong into it."""

    name: str
    title: str
    holds: Callable[[str], bool]
    note: str = ""


_ABOVE_0 = ("real_above_0", "fake_above_0", "training_above_0", "held_out_above_0")
_PANELS = (
    _Panel(
        "discriminator-losses", "Losses of the discriminator", lambda name: name.startswith("discriminator/")
    ),
    _Panel("generator-losses", "Losses of the generator", lambda name: name.startswith("generator/")),
    _Panel(
        "realness",
        "Realness: the discriminator on real, held-out and generated images",
        lambda name: name in ("judgment/real", "judgment/fake", "watch/held_out"),
        "0 is undecided; higher is more real. Held-out images far below the training images mean that the "
        "discriminator memorizes.",
    ),
    _Panel(
        "scored-as-real",
        "Fraction scored as real",
        lambda name: name.rpartition("/")[2] in _ABOVE_0,
    ),
    _Panel(
        "coverage",
        "Samples compared with real images, at 8x8 pixels",
        lambda name: name in ("watch/coverage", "watch/variety", "watch/labels_hit"),
        "A fall of the coverage is how a collapse begins.",
    ),
    _Panel(
        "overfitting",
        "Overfitting of the discriminator",
        lambda name: name in ("watch/overfitting", "watch/held_out_gap"),
        "1: held-out images look generated.",
    ),
    _Panel("class-scores", "Class scores of the discriminator", lambda name: name.endswith("_accuracy")),
    _Panel("gradient-norms", "Gradient norms", lambda name: name.startswith("gradient_norm/")),
    _Panel(
        "singular-values", "Largest singular value of a layer", lambda name: name.endswith("_singular_value")
    ),
)
_NO_CURVES = frozenset(("step", "images", "seconds", "rank", "card"))
_TWICE = frozenset(("watch/generator_gradient", "watch/saturation"))
"""Signals of the watch that are copies of other numbers of the log."""


def curves_of(run: Path) -> list[Curve]:
    """Return the curves of a run folder: those of its log, a curve per metric, and those of its labels.

    Records without a step, and values that are no numbers, are omitted. Of several records of a step the last counts.
    """
    folder = RunFolder(run)
    log, metrics, labels = (read_lines(file) for file in (folder.log, folder.metrics, folder.labels))
    series = _series(log)
    curves: list[Curve] = []
    for name, each in _series(metrics).items():
        curves.append(Curve(f"metric-{_slug(name)}", f"Score: {name}", (each,)))
    for panel in _PANELS:
        belonging = tuple(series.pop(name) for name in list(series) if panel.holds(name))
        if belonging:
            curves.append(Curve(panel.name, panel.title, belonging, panel.note))
    for name, each in _series(labels).items():
        curves.append(Curve(f"labels-{_slug(name)}", f"New labels: {name.replace('_', ' ')}", (each,)))
    rest = tuple(each for name, each in series.items() if name not in _TWICE)
    if rest:
        curves.append(Curve("other", "Other numbers of the log", rest))
    return _with_unique_names(curves)


def events_of(run: Path) -> list[Event]:
    """Return the events of a run folder by step: alarms, warnings, new labels, changes, values that were not finite."""
    folder = RunFolder(run)
    events = [
        *_texts(read_lines(run / "collapses.jsonl"), "alarm"),
        *_texts(read_lines(run / "warnings.jsonl"), "warning"),
    ]
    for record in read_lines(folder.labels):
        numbers = ", ".join(
            f"{name.replace('_', ' ')} {value:.3g}"
            for name, value in record.items()
            if name != "step" and finite_number(value) is not None
        )
        if (step := _step(record)) is not None:
            events.append(Event(step, "new labels", f"the images were labeled again: {numbers}".rstrip(": ")))
    events += [
        Event(step, "change", f"the run was resumed with other settings: {_changed(change)}")
        for change in _changes(run)
        if (step := _step(change)) is not None
    ]
    bad = _object(run / "nonfinite.json")
    if (step := _step(bad)) is not None:
        name = str(bad.get("name") or bad.get("loss") or "a value")
        events.append(Event(step, "not finite", f"{name} was not finite"))
    return sorted(events, key=lambda event: event.step)


def thinned(series: Series, most: int) -> Series:
    """Return a series with at most about `most` values: of each interval of steps the smallest and the largest one.

    So peaks stay visible. The first and the last value stay, and so do gaps.
    """
    count = len(series.steps)
    if count <= most:
        return series
    width = -(-count // max(1, most // 2))
    kept: set[int] = {0, count - 1}
    for start in range(0, count, width):
        rows = range(start, min(start + width, count))
        finite = [row for row in rows if series.values[row] is not None]
        if finite:
            kept.add(min(finite, key=lambda row: series.values[row] or 0.0))
            kept.add(max(finite, key=lambda row: series.values[row] or 0.0))
        else:
            kept.add(start)
    rows = sorted(kept)
    return Series(
        series.name,
        series.title,
        tuple(series.steps[row] for row in rows),
        tuple(series.values[row] for row in rows),
    )


def _series(records: Sequence[Mapping[str, Any]]) -> dict[str, Series]:
    """Return the numbers of records by name, in the order in which the names appear."""
    found: dict[str, dict[int, float | None]] = {}
    for record in records:
        step = _step(record)
        if step is None:
            continue
        for name, value in record.items():
            if name not in _NO_CURVES and isinstance(value, int | float) and not isinstance(value, bool):
                found.setdefault(name, {})[step] = finite_number(value)
    return {
        name: Series(name, _title(name), *_columns(values))
        for name, values in found.items()
        if any(value is not None for value in values.values())
    }


def _columns(values: Mapping[int, float | None]) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    steps = tuple(sorted(values))
    return steps, tuple(values[step] for step in steps)


def _step(record: Mapping[str, Any]) -> int | None:
    step = finite_number(record.get("step"))
    return None if step is None or not 0 <= step < 2**53 else int(step)


def _title(name: str) -> str:
    return name.rpartition("/")[2].replace("_", " ")


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "curve"


def _with_unique_names(curves: list[Curve]) -> list[Curve]:
    seen: dict[str, int] = {}
    named = []
    for curve in curves:
        seen[curve.name] = number = seen.get(curve.name, 0) + 1
        name = curve.name if number == 1 else f"{curve.name}-{number}"
        named.append(Curve(name, curve.title, curve.series, curve.note))
    return named


def _texts(records: Sequence[Mapping[str, Any]], kind: str) -> list[Event]:
    return [
        Event(step, kind, str(record.get("text", ""))[:500])
        for record in records
        if (step := _step(record)) is not None
    ]


def _object(path: Path) -> dict[str, Any]:
    try:
        return read_object(path, "a record of a run") if path.is_file() else {}
    except (OSError, ValueError):
        return {}


def _changes(run: Path) -> list[dict[str, Any]]:
    changes = _object(run / "config.json").get("changes")
    return [each for each in changes if isinstance(each, dict)] if isinstance(changes, list) else []


def _changed(change: Mapping[str, Any]) -> str:
    """Return the settings of an entry of config.json's "changes" as text."""
    numbers = change.get("numbers")
    if not isinstance(numbers, dict):
        return "see config.json"
    pairs = [
        f"{name} {pair[0]} to {pair[1]}"
        for name, pair in numbers.items()
        if isinstance(pair, list) and len(pair) == 2
    ]
    return ", ".join(pairs)[:500] or "see config.json"
