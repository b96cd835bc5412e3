"""Curves from the logs of a set of runs."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from everymode.pictures import new_figure, save_figure
from everymode.storage.run_folder import read_lines
from experiments.harness.repeated import short
from experiments.harness.results import Outcome


def plot(outcomes: Sequence[Outcome], signals: Mapping[str, str], path: Path) -> Path:
    """Plot curves of the log, one panel per signal and one color per case: the mean and each seed (thin).

    Args:
        signals: name in log.jsonl, or short name of a metric in metrics.jsonl (fd, is) -> title; signals that no run
            has are omitted.
    """
    logs = {outcome.folder: _lines(Path(outcome.folder)) for outcome in outcomes}
    logged = {signal for log in logs.values() for line in log for signal in line}
    signals = {signal: title for signal, title in signals.items() if signal in logged} or signals
    columns = min(3, len(signals))
    rows = -(-len(signals) // columns)
    figure, panels = new_figure(rows, columns, size=(5 * columns, 3.6 * rows))
    names = list(dict.fromkeys(outcome.case for outcome in outcomes))
    for panel, (signal, title) in zip(panels, signals.items(), strict=False):
        for number, name in enumerate(names):
            series = []
            for outcome in outcomes:
                if outcome.case == name:
                    points = [(line["step"], line[signal]) for line in logs[outcome.folder] if signal in line]
                    if points:
                        panel.plot(*zip(*points, strict=True), color=f"C{number}", linewidth=0.5, alpha=0.4)
                        series.append(dict(points))
            steps = sorted(set.intersection(*(set(one) for one in series))) if series else []
            if steps:
                means = [statistics.fmean(one[step] for one in series) for step in steps]
                panel.plot(steps, means, color=f"C{number}", linewidth=1.5, label=name)
        panel.set_title(title, fontsize=9)
        panel.set_xlabel("generator steps", fontsize=8)
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.3)
    panels[0].legend(fontsize=6)
    for panel in panels[len(signals) :]:
        panel.set_axis_off()
    return save_figure(figure, path)


def _lines(run: Path) -> list[dict[str, Any]]:
    """Return the records of the log, and of the metrics by their short names."""
    measured = read_lines(run / "metrics.jsonl")
    return read_lines(run / "log.jsonl") + [
        {short(name): value for name, value in line.items() if isinstance(value, int | float)}
        for line in measured
    ]
