"""Pictures of trials in the plane: samples of each method, and scores along a sweep."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from everymode.data.mixtures import Mixture, sample_mixture
from everymode.pictures import new_figure, save_figure
from experiments.harness.results import Outcome


def draw_panels(
    outcomes: Sequence[Outcome], mixture: Mixture, path: Path, *, names: Mapping[str, str] | None = None
) -> Path:
    """Draw one scatter plot of samples per case (its first seed), the data first.

    The window is the data's; the number of points outside is in the title.
    """
    data = sample_mixture(mixture, 2500, seed=7)[0]
    shown = {"data": data}
    for outcome in outcomes:
        title = (names or {}).get(outcome.case, outcome.case)
        if title not in shown:
            shown[title] = np.load(Path(outcome.folder) / "points.npy")
    half = 1.15 * float(np.abs(data).max())
    columns = min(5, len(shown))
    figure, panels = _square_panels(-(-len(shown) // columns), columns, 3.0)
    for panel, (title, points) in zip(panels, shown.items(), strict=False):
        outside = int((np.abs(points) > half).any(1).sum())
        panel.scatter(points[:, 0], points[:, 1], s=2, linewidths=0, alpha=0.6)
        panel.scatter(mixture.means[:, 0], mixture.means[:, 1], marker="+", c="black", s=18, linewidths=0.5)
        panel.set_title(title + (f"\n{outside} outside" if outside else ""), fontsize=8)
        panel.set_xlim(-half, half)
        panel.set_ylim(-half, half)
        panel.set_aspect("equal")
        panel.tick_params(labelsize=6)
    for panel in panels[len(shown) :]:
        panel.set_axis_off()
    return save_figure(figure, path, dpi=100)


SWEPT = {
    "modes": "modes (of 25)",
    "box": "high quality, box rule",
    "reverse kl": "reverse KL (nats)",
    "spread": "spread (1 = true)",
}


def draw_sweep(outcomes: Sequence[Outcome], path: Path) -> Path:
    """Draw scores against k for each method, of cases called "METHOD, k = NUMBER"; thin marks are single seeds."""
    figure, panels = _square_panels(1, len(SWEPT), 3.2)
    methods = list(dict.fromkeys(outcome.case.split(", k = ")[0] for outcome in outcomes))
    for panel, (score, title) in zip(panels, SWEPT.items(), strict=True):
        for number, method in enumerate(methods):
            found: dict[int, list[float]] = {}
            for outcome in outcomes:
                name, k = outcome.case.split(", k = ")
                if name == method and score in outcome.scores:  # nothing of high quality has no spread
                    found.setdefault(int(k), []).append(outcome.scores[score])
            numbers = sorted(found)
            means = [statistics.fmean(found[k]) for k in numbers]
            panel.plot(numbers, means, color=f"C{number}", marker=".", label=method)
            for k in numbers:
                panel.plot([k] * len(found[k]), found[k], ".", color=f"C{number}", markersize=2)
        panel.set_title(title, fontsize=9)
        panel.set_xlabel("k", fontsize=8)
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.3)
    panels[0].legend(fontsize=7)
    return save_figure(figure, path, dpi=100)


def _square_panels(rows: int, columns: int, side: float) -> tuple[Any, list[Any]]:
    """Return panels with room for two lines of title above each."""
    return new_figure(rows, columns, size=(side * columns, (side + 0.4) * rows))
