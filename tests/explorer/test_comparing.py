"""Score cards side by side."""

from __future__ import annotations

from typing import Any

from everymode.evaluation.score_card import ScoreCard
from everymode.evaluation.scoring import Measured
from everymode.explorer.comparing import scores_side_by_side


def card(step: int, truncation: float = 1.0, **values: Any) -> ScoreCard:
    return ScoreCard(
        metrics={
            name: Measured(name, value, "lower" if name == "fd" else "higher", 100, 50, {}, {})
            for name, value in values.items()
        },
        protocol={"sampling": {"truncation": truncation}},
        subject={"label": "a", "identity": {"step": step}, "seeds": {}, "facts": {"step": step}},
        environment={},
        times={"date": "2026-01-01"},
    )


def verdicts(left: ScoreCard, right: ScoreCard) -> list[str]:
    return [str(row[3]) for row in scores_side_by_side(left, right)]


def test_the_better_side_depends_on_the_direction() -> None:
    rows = scores_side_by_side(card(1, fd=3.0, coverage=0.5, is_=2.0), card(2, fd=2.0, coverage=0.4, is_=2.0))
    assert [row[1:3] for row in rows] == [["3", "2"], ["0.5", "0.4"], ["2", "2"]]
    assert [str(row[3]) for row in rows] == ["<strong>right</strong>", "<strong>left</strong>", "equal"]


def test_other_protocols_are_not_ranked_and_the_difference_is_named() -> None:
    (verdict,) = verdicts(card(1, fd=3.0), card(2, 0.7, fd=2.0))
    assert verdict == "not comparable: <small>sampling.truncation: 1.0 or 0.7</small>"
    assert "strong" not in verdict


def test_metrics_of_one_side_or_without_a_value_are_not_ranked() -> None:
    assert verdicts(card(1, fd=3.0, kd=1.0), card(2, fd=None)) == ["-", "-"]


def test_the_page_shows_the_cards_of_both_checkpoints(explored: Any) -> None:
    left, right = explored.names["digits"][:2]
    for step, value in ((10, 5.0), (20, 4.0)):
        card(step, fd=value).save(explored.folder / "digits" / "evaluations" / f"step-{step}.json")
    page = explored.page(f"/compare?left={left}&right={right}&labels=0&seeds=0")
    assert "better side" in page.text and "right" in page.text
    assert "fd (lower is better)" in page.text
