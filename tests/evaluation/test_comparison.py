"""Score cards: stable JSON, and comparisons that rank only what was measured alike."""

from __future__ import annotations

import json
import math

import pytest

from everymode.evaluation.comparison import NamedCard, compare_cards, comparison_table, short_names
from everymode.evaluation.score_card import ScoreCard, read_card
from everymode.evaluation.scoring import Measured


def card(
    value,
    *,
    subject="a",
    seed=0,
    training=None,
    source=None,
    resize=64,
    truncation=1.0,
    real=100,
    metric="fd",
    better="lower",
    **more,
):
    return ScoreCard(
        metrics={f"{metric}-x-{resize}": Measured(metric, value, better, real, 50, {}, {})},
        protocol={
            "extractor": {"resize": resize},
            "sampling": {"truncation": truncation},
            "max_features": 10 * real,
        },
        subject={
            "label": subject,
            "identity": {"recipe": subject},
            "seeds": {"sampling": seed, "training": training},
            "source": source,
        },
        environment={"device": "cpu"},
        **more,
    )


def compared(*cards, ignore=()):
    return compare_cards([NamedCard(f"{i}.json", each) for i, each in enumerate(cards)], ignore=ignore)


def test_cards_survive_the_disk_with_sorted_keys(tmp_path):
    made = card(1.5, warnings=["careful"], times={"seconds": {"fd": 1.0}})
    path = made.save(tmp_path / "deep" / "card.json")
    assert read_card(path) == made
    text = path.read_text()
    assert text == json.dumps(json.loads(text), indent=1, sort_keys=True) + "\n"
    assert [file.name for file in path.parent.iterdir()] == ["card.json"]


def test_the_key_is_that_of_what_was_measured_on_what():
    assert card(1.0).key == card(2.0, times={"date": "now"}).key
    assert len({card(1.0).key, card(1.0, seed=1).key, card(1.0, truncation=0.5).key}) == 3


def test_a_number_by_short_or_full_name():
    made = card(1.5)
    assert made.value("fd") == made.value("fd-x-64") == 1.5
    with pytest.raises(ValueError, match="choose from fd-x-64"):
        made.value("kd")


def test_numbers_that_are_not_finite_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        card(math.nan).save(tmp_path / "card.json")
    assert not list(tmp_path.iterdir())


def test_other_files_are_no_score_cards(tmp_path):
    with pytest.raises(FileNotFoundError, match="everymode evaluate"):
        read_card(tmp_path / "none.json")
    for text in ("{", "[]", "{}", '{"format": 99}', '{"format": 1, "metrics": {"fd": {}}}'):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(ValueError, match="not a score card"):
            read_card(tmp_path / "x.json")


def test_the_table_shows_numbers_counts_and_warnings():
    text = card(1.23456789, warnings=["careful"]).table()
    assert "fd-x-64  1.23457   lower   100    50" in text
    assert text.endswith("note: careful")
    assert "-" in card(None).table()


def test_a_printed_card_is_its_table_with_settings_and_warnings_below():
    made = card(1.5, source="runs/my run", training=3, warnings=["careful"])
    made.protocol["extractor"]["weights_hash"] = "ab" * 32
    made.protocol["sampling"]["ema"] = True
    assert str(made).splitlines() == [
        "metric   value  better  real  fake",
        "fd-x-64    1.5   lower   100    50",
        "",
        "evaluated  a",
        "from       runs/my run",
        "extractor  resize 64, weights hash abababababab...",
        "sampling   truncation 1.0, ema yes",
        "seeds      sampling 0, training 3",
        "other      max features 1000",
        "note: careful",
    ]


def test_equal_protocols_are_ranked_best_first():
    (found,) = compared(card(3.0, subject="worse"), card(1.0, subject="better"))
    (ranking,) = found.rankings
    assert [group.label for group in ranking.groups] == ["better", "worse"]
    assert found.ranks
    (other,) = compared(
        card(3.0, subject="better", metric="recall", better="higher"),
        card(1.0, subject="worse", metric="recall", better="higher"),
    )
    assert [group.label for group in other.rankings[0].groups] == ["better", "worse"]


def test_seeds_are_averaged_and_repetitions_count_once():
    (found,) = compared(card(1.0), card(3.0, seed=1), card(3.0, seed=1), card(5.0, subject="b"))
    first, second = found.rankings[0].groups
    assert first.values == (1.0, 3.0)
    assert first.mean == 2
    assert first.std == pytest.approx(math.sqrt(2))
    assert second.std is None
    assert "2 +- 1.4 (2 sampling seeds)" in comparison_table([found])


def test_other_protocols_are_not_ranked_and_the_field_is_named():
    (found,) = compared(card(3.0), card(1.0, subject="b", resize=128))
    assert not found.ranks
    assert found.differing == (("extractor.resize: 64 or 128",),)
    text = comparison_table([found])
    assert "not comparable with the above: extractor.resize: 64 or 128" in text
    assert "1." not in text.replace("1.json", "")
    (found,) = compared(card(3.0), card(1.0, subject="b", real=90))
    assert found.differing == (("real images used: 100 or 90",),)


def test_of_several_protocols_each_is_ranked_by_itself():
    (found,) = compared(
        card(1.0, truncation=0.5),
        card(3.0),
        card(2.0, subject="b"),
        card(4.0, subject="b", truncation=0.5, seed=3),
    )
    assert [[group.label for group in ranking.groups] for ranking in found.rankings] == [
        ["a", "b"],
        ["b", "a"],
    ]


def test_a_field_may_be_ignored_by_name():
    cards = card(3.0), card(1.0, subject="b", truncation=0.5)
    assert not compared(*cards)[0].ranks
    assert compared(*cards, ignore=["truncation"])[0].ranks
    assert compared(*cards, ignore=["sampling.truncation"])[0].ranks
    with pytest.raises(ValueError, match="that could be ignored; choose from"):
        compared(*cards, ignore=["trunkation"])


def labels(*cards):
    return [group.label for group in compared(*cards)[0].rankings[0].groups]


def another(*arguments, **options):
    """A card of another recipe with the same name."""
    made = card(*arguments, **options)
    made.subject["identity"] = {"recipe": "another a"}
    return made


def test_subjects_of_equal_names_are_told_apart_by_their_runs():
    runs = [f"runs/0000{number}-a-photos" for number in range(3)]
    mine = [card(1.0, source=runs[0], training=0), card(1.2, source=runs[1], training=1)]
    assert labels(*mine, another(3.0, source=runs[2])) == [
        "a (00000-a-photos, 00001-a-photos)",
        "a (00002-a-photos)",
    ], "a pooled row is not named after one of its runs"
    assert labels(card(1.0, source="a/photos"), another(2.0, source="b/photos")) == ["a (a)", "a (b)"]
    assert labels(*mine, card(3.0, subject="b", source=runs[2])) == ["a", "b"], "names that differ are enough"
    many = [card(1.0, source=f"runs/{number}", training=number) for number in range(5)]
    assert labels(*many, another(2.0, source="runs/x"))[0] == "a (0, 1, 2, and 2 more)"


def test_subjects_without_a_run_of_their_own_are_told_apart_by_their_files():
    assert labels(card(1.0), another(2.0)) == ["a (0.json)", "a (1.json)"]
    same = {"source": "runs/00000-a"}
    assert labels(card(1.0, **same), another(2.0, **same)) == ["a (0.json)", "a (1.json)"]


def test_names_are_cut_to_what_differs():
    paths = ["runs/0-a/evaluations/x-1f.json", "runs/1-a/evaluations/x-2e.json"]
    assert list(short_names(paths).values()) == ["0-a", "1-a"]
    third = "runs/0-a/evaluations/y.json"
    assert list(short_names([*paths, third]).values()) == [
        "0-a/evaluations/x-1f.json",
        "1-a/evaluations/x-2e.json",
        "0-a/evaluations/y.json",
    ]
    assert list(short_names([paths[0], third]).values()) == ["x-1f.json", "y.json"]
    assert short_names(["runs/a", "runs/a/checkpoints/step-1"]) == {
        "runs/a": "a",
        "runs/a/checkpoints/step-1": "checkpoints",
    }
    assert short_names(["a/b.json"]) == {"a/b.json": "b.json"}
    assert short_names(["digits:train", "digits:held-out"])["digits:train"] == "digits:train"
    assert short_names(["a/b", "a//b"]) == {"a/b": "a/b", "a//b": "a//b"}
    assert short_names([]) == {}


def test_cards_without_any_value_have_no_row():
    assert "fd-x-64" in comparison_table(compared(card(None), card(None, subject="b")))


def test_metrics_that_only_one_card_has_are_left_out():
    first, second, third = card(1.0), card(2.0, subject="b"), card(0.5, metric="recall", subject="c")
    (found,) = compared(first, second, third)
    assert found.metric == "fd"
    assert found.missing == ("2.json",)
    with pytest.raises(ValueError, match="at least 2"):
        compared(first)
