"""Plot of a comparison: mean and standard deviation over seeds of every subject, in one panel per metric."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from everymode.evaluation.comparison import Comparison, Ranking
from everymode.pictures import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_comparison"]

MOST_COLUMNS = 3
BEST, OTHER = "tab:green", "tab:blue"


def plot_comparison(comparisons: Sequence[Comparison], path: str | Path) -> Path:
    """Plot each metric over the subjects: single values, their mean, and their standard deviation over seeds.

    Each panel shows one metric under one protocol, so that only comparable values share an axis. The best subject of a
    panel is green. The rows are the subjects in the order of the first panel.

    Args:
        comparisons: the result of `compare_cards`.
        path: file to write; its suffix determines the format.

    Returns:
        The path.
    Raises:
        ValueError: if there is no value to plot.
    """
    shown = [
        (comparison, ranking)
        for comparison in comparisons
        for ranking in comparison.rankings
        if ranking.groups
    ]
    if not shown:
        raise ValueError("there is nothing to plot: no two cards have a value of the same metric")
    groups = [group for _, ranking in shown for group in ranking.groups]
    labels = list(dict.fromkeys(group.label for group in groups))
    counted = dict.fromkeys(labels, "") | {group.label: group.counted for group in groups if group.counted}
    columns = min(MOST_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    names = [f"{label}\n({counted[label]})" if counted[label] else label for label in labels]
    margin = 0.075 * max(len(line) for name in names for line in name.splitlines())
    size = (margin + 2.9 * columns, 0.4 + rows * (0.8 + 0.45 * len(labels)))
    figure, panels = new_figure(rows, columns, size=size)
    for index, (panel, (comparison, ranking)) in enumerate(zip(panels, shown, strict=False)):
        _draw(panel, ranking, labels, lower=comparison.better == "lower")
        panel.set_title(_title(comparison, ranking), fontsize=9)
        panel.set_yticks(range(len(labels)), labels=names if index % columns == 0 else [""] * len(labels))
    for panel in panels[len(shown) :]:
        panel.set_axis_off()
    figure.supxlabel(
        "mean and standard deviation over seeds; black dots: single values; green: best", fontsize=8
    )
    return save_figure(figure, path)


def _draw(panel: Axes, ranking: Ranking, labels: Sequence[str], *, lower: bool) -> None:
    best = min(ranking.groups, key=lambda group: group.mean if lower else -group.mean)
    for group in ranking.groups:
        row = labels.index(group.label)
        color = BEST if group is best and len(ranking.groups) > 1 else OTHER
        panel.errorbar(group.mean, row, xerr=group.std, fmt="o", color=color, capsize=3, markersize=6)
        if len(group.values) > 1:
            panel.scatter(group.values, [row] * len(group.values), s=9, color="black", linewidths=0, zorder=3)
    panel.set_ylim(len(labels) - 0.5, -0.5)
    panel.tick_params(labelsize=8)
    panel.tick_params(axis="y", length=0)
    panel.locator_params(axis="x", nbins=5)
    panel.grid(axis="x", alpha=0.3)
    panel.margins(x=0.15)


def _title(comparison: Comparison, ranking: Ranking) -> str:
    title = f"{ranking.name} ({comparison.better} is better)"
    return title if ranking is comparison.rankings[0] else f"{title}\nother protocol"
