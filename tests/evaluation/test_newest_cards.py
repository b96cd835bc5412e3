"""Which of a folder's cards stand for it."""

from __future__ import annotations

from everymode.evaluation.comparison import NamedCard
from everymode.evaluation.newest_cards import newest_cards
from everymode.evaluation.score_card import ScoreCard


def named(name, date, *, step=1, seed=0, num=100):
    return NamedCard(
        name,
        ScoreCard(
            metrics={},
            protocol={"fake_images": num},
            subject={
                "identity": {"recipe": "a", "step": step},
                "seeds": {"sampling": seed},
                "facts": {"step": step, "weights": f"of step {step}"},
            },
            environment={},
            times={"date": date},
        ),
    )


def chosen(*cards):
    return [card.name for card in newest_cards(cards)]


def test_of_each_protocol_the_state_that_was_trained_longest():
    old, new = named("old", "2026-01-01T00:00:00", step=5), named("new", "2026-01-02T00:00:00", step=9)
    small = named("small", "2025-01-01T00:00:00", step=5, num=10)
    assert chosen(old, new, small) == ["new", "small"]
    assert chosen(small, new, old) == ["small", "new"]


def test_other_seeds_of_the_same_weights_stay():
    cards = [named(f"seed{seed}", f"2026-01-0{seed + 1}T00:00:00", seed=seed, step=9) for seed in range(3)]
    assert chosen(*cards, named("before", "2026-01-01T12:00:00", step=5)) == ["seed0", "seed1", "seed2"]


def test_an_old_checkpoint_that_is_judged_later_is_no_newer():
    first, later = "2026-01-01T00:00:00", "2026-01-02T00:00:00"
    assert chosen(named("b", later, step=500), named("a", first, step=1000)) == ["a"]


def test_of_equal_steps_the_date_decides():
    # A run that went back and came to the step again, with other weights.
    before, again = named("b", "2026-01-01T00:00:00"), named("a", "2026-01-02T00:00:00")
    again.card.subject["facts"]["weights"] = "others"
    assert chosen(before, again) == ["a"]


def test_cards_without_a_date_do_not_fail():
    card = named("plain", "x")
    card.card.times.clear()
    assert chosen(card) == ["plain"]
    assert chosen() == []
