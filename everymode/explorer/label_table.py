"""Labels of a checkpoint as rows: images, share, distance, coverage and purity, from the records of the run alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open

from everymode.evaluation.comparison import NamedCard
from everymode.explorer.cards import cards_of
from everymode.explorer.catalog import Checkpoint, Run
from everymode.explorer.facts import Facts
from everymode.storage.json_files import finite_number, read_object

__all__ = ["LabelRow", "LabelTable", "Scored", "history_of", "members_of", "problems_first", "table_of"]

STARVED = 0.1
"""Fraction of an equal share of the images below which a label is starved."""


@dataclass(frozen=True)
class LabelRow:
    """One label.

    Attributes:
        index: its number.
        name: its name, or its number as text.
        count: number of its images; None if unknown.
        share: its share of all images; None if unknown.
        distance: Frechet distance between its images and samples of it; None if not measured.
        coverage: coverage within the label; None if not measured.
        fakes: number of samples from which these were measured.
        few: whether there were too few images for a reliable distance.
        purity: share of its most frequent class; None if not measured, or if labels are classes.
        most: name of that class.
    """

    index: int
    name: str
    count: int | None = None
    share: float | None = None
    distance: float | None = None
    coverage: float | None = None
    fakes: int | None = None
    few: bool = False
    purity: float | None = None
    most: str = ""

    @property
    def empty(self) -> bool:
        """Whether it has no image."""
        return self.count == 0


@dataclass(frozen=True)
class LabelTable:
    """All labels of one block of a checkpoint.

    Attributes:
        rows: the labels in order.
        scored: the score card of the distances; None if there is none.
        distances: name of the metric on the card, such as "fd-per-class-lite0-64", or the extractor of the report.
        clustered: step of the report of clusters; None if there is none.
        mirrored: whether the counts include mirror images.
    """

    rows: tuple[LabelRow, ...]
    scored: NamedCard | None = None
    distances: str = ""
    clustered: int | None = None
    mirrored: bool = False

    def starved(self, row: LabelRow) -> bool:
        """Return whether a label has images, but fewer than a tenth of an equal share of them."""
        if row.share is None or row.empty:
            return False
        return row.share < STARVED / len(self.rows)


class Scored(NamedTuple):
    """Distance and coverage of one label at a step."""

    step: int
    distance: float | None
    coverage: float | None


def table_of(run: Run, checkpoint: Checkpoint, facts: Facts, block: int = 0) -> LabelTable:
    """Return the labels of a block of a checkpoint. Only files of the run are read, and nothing is computed."""
    names = facts.blocks[block].labels
    rows = [LabelRow(index, name) for index, name in enumerate(names)]
    counts = _counts(checkpoint, facts, block)
    images = facts.config.get("data", {}).get("num_images")
    if counts is not None:
        total = sum(counts)
        rows = [
            replace(row, count=count, share=count / total if total else None)
            for row, count in zip(rows, counts, strict=True)
        ]
    mirrored = counts is not None and not facts.names_classes and sum(counts) == 2 * (images or -1)
    named = _scored(run, checkpoint) if len(facts.blocks) == 1 and facts.names_classes else None
    metric = ""
    if named is not None:
        metric, classes = _classes(named)
        rows = [_with_scores(row, classes.get(row.name)) for row in rows]
    report = {} if facts.names_classes else _report(run, len(names))
    if report:
        rows = [_with_report(row, report) for row in rows]
        metric = (
            "by " + str(report["scores"].get("extractor")) if isinstance(report.get("scores"), dict) else ""
        )
    clustered = int(report["step"]) if report else None
    return LabelTable(tuple(rows), named, metric, clustered, mirrored)


def problems_first(table: LabelTable) -> list[LabelRow]:
    """Return the rows with empty labels first, then starved ones, then those with the largest distance."""

    def rank(row: LabelRow) -> tuple[int, float, int]:
        if row.empty:
            return 0, 0.0, row.index
        if table.starved(row):
            return 1, float(row.count or 0), row.index
        return 2, -row.distance if row.distance is not None else math.inf, row.index

    return sorted(table.rows, key=rank)


def history_of(run: Run, name: str) -> list[Scored]:
    """Return distance and coverage of a label on all score cards of a run, by step. Newer cards count."""
    found: dict[int, Scored] = {}
    for named in sorted(cards_of(run), key=lambda each: each.card.date):
        step = named.card.step
        row = _classes(named)[1].get(name)
        if isinstance(step, int) and isinstance(row, Mapping):
            found[step] = Scored(step, finite_number(row.get("value")), finite_number(row.get("coverage")))
    return [found[step] for step in sorted(found)]


def members_of(
    run: Run, checkpoint: Checkpoint, labels: np.ndarray, *, names_classes: bool
) -> tuple[np.ndarray | None, int | None]:
    """Return the label of each training image, int64 [N], and the step from which it is.

    Classes are the dataset's labels. Clusters and parts are read from the checkpoint; one of the history has no table,
    so that of the run's newest checkpoint is returned then.

    Args:
        run: the run.
        checkpoint: the checkpoint that is shown.
        labels: int64 [N], the dataset's labels.
        names_classes: whether the labels of the generator are the dataset's classes.

    Returns:
        The labels; None if there are none, or not as many as images. The step is None for classes.
    """
    if names_classes:
        return labels, None
    for each in dict.fromkeys((checkpoint, *reversed(run.checkpoints))):
        table = _tensor(each.path / "state" / "state.safetensors", "/modules/labels/table")
        if table is not None and table.ndim == 2 and table.shape[1] == len(labels):
            return table[0], each.step
    return None, None


def _counts(checkpoint: Checkpoint, facts: Facts, block: int) -> list[int] | None:
    """Return the images of each label, from config.json for classes and from the checkpoint for clusters and parts."""
    size = len(facts.blocks[block].labels)
    if not facts.names_classes:
        counts = _tensor(checkpoint.path / "labels.safetensors", "counts")
        if counts is None or counts.shape != (size,) or not np.isfinite(counts).all():
            return None
        return [int(count) for count in counts]
    recorded = facts.config.get("recipe", {}).get("numbers", {}).get("class_counts") or ()
    start = sum(len(each.labels) for each in facts.blocks[:block])
    if len(recorded) != sum(len(each.labels) for each in facts.blocks):
        return None
    if not all(isinstance(count, int) for count in recorded):
        return None
    return [int(count) for count in recorded[start : start + size]]


def _tensor(path: Path, name: str) -> np.ndarray | None:
    """Return one tensor of a file without reading the others; None if it can't be read."""
    try:
        with safe_open(path, "np") as file:
            return file.get_tensor(name) if name in file.keys() else None  # noqa: SIM118
    except (OSError, SafetensorError, TypeError, ValueError):
        return None


def _scored(run: Run, checkpoint: Checkpoint) -> NamedCard | None:
    """Return the newest card with distances per class: of the checkpoint's step if there is one, else of any step."""
    cards = [named for named in cards_of(run) if _classes(named)[1]]
    same = [named for named in cards if named.card.step == checkpoint.step]
    return max(same or cards, key=_age, default=None)


def _age(named: NamedCard) -> tuple[int, str]:
    return named.card.step or 0, named.card.date


def _classes(named: NamedCard) -> tuple[str, Mapping[str, Any]]:
    """Return the name of a card's distances per class, and its classes; "" and {} if it has none."""
    for name, measured in named.card.metrics.items():
        classes = measured.details.get("classes")
        if measured.metric == "fd-per-class" and isinstance(classes, Mapping):
            return name, classes
    return "", {}


def _with_scores(row: LabelRow, scores: Any) -> LabelRow:
    if not isinstance(scores, Mapping):
        return row
    fakes = finite_number(scores.get("fake"))
    return replace(
        row,
        distance=finite_number(scores.get("value")),
        coverage=finite_number(scores.get("coverage")),
        fakes=None if fakes is None else int(fakes),
        few=scores.get("few") is True,
    )


def _report(run: Run, size: int) -> dict[str, Any]:
    """Return the report that `everymode clusters` wrote for this number of clusters; {} if there is none."""
    path = run.path / "clusters" / "report.json"
    try:
        report = read_object(path, "a report of clusters") if path.is_file() else {}
    except (OSError, ValueError):
        return {}
    sizes = report.get("sizes")
    fitting = isinstance(sizes, list) and len(sizes) == size and finite_number(report.get("step")) is not None
    return report if fitting else {}


def _with_report(row: LabelRow, report: Mapping[str, Any]) -> LabelRow:
    """Return a row with purity, distance and coverage of a report of clusters."""
    scores = report.get("scores")
    scores = scores if isinstance(scores, Mapping) else {}
    pair = _entry(report.get("classes"), row.index)
    purity = finite_number(pair[1]) if isinstance(pair, list) and len(pair) == 2 and pair[0] else None
    samples, few = finite_number(scores.get("samples")), _entry(scores.get("few"), row.index)
    return replace(
        row,
        purity=purity,
        most="" if purity is None else str(pair[0]),
        distance=finite_number(_entry(scores.get("distances"), row.index)),
        coverage=finite_number(_entry(scores.get("coverages"), row.index)),
        fakes=None if samples is None else int(samples),
        few=few is True,
    )


def _entry(values: Any, index: int) -> Any:
    return values[index] if isinstance(values, list) and index < len(values) else None
