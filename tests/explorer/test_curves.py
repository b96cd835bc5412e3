"""Curves and events from the records of a run, whatever is in them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from everymode.explorer.curves import Series, curves_of, events_of, thinned


def write(run: Path, name: str, *records: Any) -> None:
    run.mkdir(exist_ok=True)
    lines = [each if isinstance(each, str) else json.dumps(each) for each in records]
    (run / name).write_text("\n".join(lines) + "\n")


def test_the_log_is_sorted_into_curves_and_each_metric_has_its_own(tmp_path: Path) -> None:
    write(
        tmp_path,
        "log.jsonl",
        {"step": 20, "seconds": 1.0, "discriminator/adversarial": 2.0, "judgment/real": 1.0, "my/term": 4},
        {"step": 10, "discriminator/adversarial": 3.0, "judgment/fake": -1.0, "watch/held_out": 0.5},
        {"step": 20, "discriminator/adversarial": 2.5},
        '{"step": 30, "discriminator/adversarial"',
        [1, 2],
        {"discriminator/adversarial": 9.0},
    )
    write(
        tmp_path,
        "metrics.jsonl",
        {"step": 20, "rank": 5.0, "fd-lite0-64": 5.0, "kd-lite0-64": 0.1, "card": "x"},
    )
    write(tmp_path, "labels.jsonl", {"step": 0, "empty": 1, "largest": 0.5})
    curves = {curve.name: curve for curve in curves_of(tmp_path)}
    assert [*curves] == [
        *("metric-fd-lite0-64", "metric-kd-lite0-64", "discriminator-losses", "realness"),
        *("labels-empty", "labels-largest", "other"),
    ]
    (losses,) = curves["discriminator-losses"].series
    assert (losses.steps, losses.values) == ((10, 20), (3.0, 2.5)), "by step, the last record of a step"
    assert {series.title for series in curves["realness"].series} == {"real", "fake", "held out"}
    assert curves["other"].series[0].name == "my/term"


def test_values_that_are_not_finite_are_gaps(tmp_path: Path) -> None:
    values = ["1.0", "NaN", "Infinity", "1" + "0" * 400, "true", '"3"', "2.0"]
    write(
        tmp_path,
        "log.jsonl",
        *(f'{{"step": {step}, "generator/loss": {value}}}' for step, value in enumerate(values)),
        '{"step": 7, "generator/never": NaN}',
    )
    (curve,) = curves_of(tmp_path)
    (series,) = curve.series
    assert series.steps == (0, 1, 2, 3, 6)
    assert series.values == (1.0, None, None, None, 2.0)


def test_events_come_from_all_records_by_step(tmp_path: Path) -> None:
    write(tmp_path, "collapses.jsonl", {"step": 30, "text": "coverage fell", "last_healthy": 20})
    write(tmp_path, "warnings.jsonl", {"step": 10, "text": "look out"}, {"text": "without a step"})
    write(tmp_path, "labels.jsonl", {"step": 0, "empty": 2}, {"step": 40})
    (tmp_path / "nonfinite.json").write_text(json.dumps({"loss": "generator/adversarial", "step": 35}))
    changes = [{"step": 20, "numbers": {"steps": [10, 20]}}, {"step": 25, "numbers": 3}, 5]
    (tmp_path / "config.json").write_text(json.dumps({"changes": changes}))
    found = [(event.step, event.kind) for event in events_of(tmp_path)]
    assert found == [
        *((0, "new labels"), (10, "warning"), (20, "change"), (25, "change")),
        *((30, "alarm"), (35, "not finite"), (40, "new labels")),
    ]
    texts = [event.text for event in events_of(tmp_path)]
    assert "empty 2" in texts[0] and "steps 10 to 20" in texts[2] and "generator/adversarial" in texts[5]


def test_a_folder_without_or_with_damaged_records_has_no_curves(tmp_path: Path) -> None:
    assert curves_of(tmp_path) == [] == events_of(tmp_path)
    (tmp_path / "config.json").write_text("{")
    (tmp_path / "nonfinite.json").write_text("[")
    (tmp_path / "log.jsonl").write_bytes(b"\xff\xfe\n{}\n")
    assert curves_of(tmp_path) == [] == events_of(tmp_path)


def test_names_stay_unique(tmp_path: Path) -> None:
    write(tmp_path, "metrics.jsonl", {"step": 1, "fd a": 1.0, "fd-a": 2.0, "<script>": 3.0})
    assert [curve.name for curve in curves_of(tmp_path)] == ["metric-fd-a", "metric-fd-a-2", "metric-script"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=400), st.integers(4, 100))
def test_thinning_keeps_ends_and_extremes(values: list[float | None], most: int) -> None:
    series = Series("a", "a", tuple(range(len(values))), tuple(values))
    thin = thinned(series, most)
    assert len(thin.steps) <= most + 4
    assert (thin.steps[0], thin.steps[-1]) == (0, len(values) - 1)
    finite = [value for value in values if value is not None]
    if finite:
        left = [value for value in thin.values if value is not None]
        assert (min(left), max(left)) == (min(finite), max(finite))
    assert all(thin.values[i] is values[step] for i, step in enumerate(thin.steps))
    assert not any(value is not None and math.isnan(value) for value in thin.values)
