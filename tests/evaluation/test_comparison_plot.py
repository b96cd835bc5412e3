"""Plot of a comparison: a panel for each metric and protocol, a row for each subject."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from everymode.evaluation import comparison_plot
from everymode.evaluation.comparison import Comparison, Ranking
from everymode.evaluation.comparison_plot import plot_comparison
from everymode.evaluation.repetitions import Group, Repetition


def ranking(name: str, **values: list[float]) -> Ranking:
    repetitions = {
        label: [Repetition(each, (seed,)) for seed, each in enumerate(own)] for label, own in values.items()
    }
    return Ranking(name, {}, tuple(Group(label, tuple(each)) for label, each in repetitions.items()))


def test_means_and_deviations_in_a_panel_for_each_metric(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(
        comparison_plot, "save_figure", lambda figure, path: drawn.append(figure) or Path(path)
    )
    first = ranking("fd-x", a=[1.0, 3.0], b=[4.0])
    other = ranking("fd-y", c=[9.0])
    found = [
        Comparison("fd", "lower", (first, other), ((),), ()),
        Comparison("is", "higher", (ranking("is-x", b=[5.0], a=[2.0]),), (), ()),
        Comparison("kd", "lower", (Ranking("kd-x", {}, ()),), (), ()),
    ]
    assert plot_comparison(found, tmp_path / "a.png") == tmp_path / "a.png"
    panels = drawn[0].axes
    assert [panel.get_title() for panel in panels] == [
        "fd-x (lower is better)",
        "fd-y (lower is better)\nother protocol",
        "is-x (higher is better)",
    ]
    assert [text.get_text() for text in panels[0].get_yticklabels()] == ["a\n(2 training seeds)", "b", "c"]
    means = {
        container[0].get_color(): container[0].get_xydata().tolist() for container in panels[0].containers
    }
    assert means == {"tab:green": [[2.0, 0.0]], "tab:blue": [[4.0, 1.0]]}
    ends = panels[0].containers[0][1]
    assert [cap.get_xdata()[0] for cap in ends] == pytest.approx([2 - 2**0.5, 2 + 2**0.5])
    with pytest.raises(ValueError, match="nothing to plot"):
        plot_comparison(found[2:], tmp_path / "b.png")
