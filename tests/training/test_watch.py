"""Rules, alarms, and the memory of the last healthy tick."""

from __future__ import annotations

import json

import pytest

from everymode.training.watch import (
    GRACE_TICKS,
    REST_TICKS,
    Alarm,
    Caution,
    CollapseWatch,
    Course,
    Fall,
    Growth,
    Outside,
)


def looked(watch: CollapseWatch, name: str, values: list[float]) -> list[Alarm | None]:
    return [watch.look(10 * (tick + 1), {name: value}) for tick, value in enumerate(values)]


def test_a_fall_counts_only_from_a_height_and_for_several_ticks() -> None:
    rule = Fall("coverage", share=0.5, once_above=0.4, ticks=2)
    assert looked(CollapseWatch([rule]), "coverage", [0.3, 0.1, 0.1, 0.0]) == [None] * 4
    assert looked(CollapseWatch([rule]), "coverage", [0.8, 0.3, 0.5, 0.3, 0.5]) == [None] * 5
    alarms = looked(CollapseWatch([rule]), "coverage", [0.6, 0.8, 0.39, 0.2, 0.1])
    assert alarms[:3] == [None] * 3
    assert alarms[3] == Alarm(40, "coverage fell from 0.8 to 0.2", last_healthy=20)
    assert alarms[4] is not None and alarms[4].last_healthy == 20, "it stays raised"


def test_bounds_wait_for_the_first_ticks() -> None:
    low = Outside("variety", low=0.2, after=2, ticks=2)
    assert looked(CollapseWatch([low]), "variety", [0.1, 0.1, 0.3, 0.1, 0.3]) == [None] * 5
    alarms = looked(CollapseWatch([low]), "variety", [0.1, 0.1, 0.1, 0.1])
    assert [alarm is not None for alarm in alarms] == [False, False, False, True]
    high = Outside("saturation", high=0.9, after=0, ticks=1)
    assert looked(CollapseWatch([high]), "saturation", [0.9, 0.91])[1] == Alarm(
        20, "saturation is 0.91, above 0.9", 10
    )


def test_growth_is_measured_from_the_third_tick() -> None:
    rule = Growth("singular_value", factor=10.0, ticks=1)
    alarms = looked(CollapseWatch([rule]), "singular_value", [0.01, 0.1, 1.0, 9.0, 11.0])
    assert alarms == [None] * 4 + [Alarm(50, "singular_value grew from 1 to 11", 40)]
    assert rule.broken(50.0, Course(best=1.0, first=1.0, seen=2)) is None


def test_a_game_that_stands_still_is_seen() -> None:
    # The generator's gradient of a run whose discriminator came to judge everything alike, and of one that went on.
    dead = [14.7, 6.4, 2.9, 1.2, 0.54, 0.064, 0.002, 0.0005, 0.0002]
    alarms = looked(CollapseWatch(), "generator_gradient", dead)
    assert alarms[:-2] == [None] * 7
    assert alarms[-2] == Alarm(80, "generator_gradient fell from 14.7 to 0.0005", last_healthy=50)
    assert (
        looked(CollapseWatch(), "generator_gradient", [24.5, 14.7, 13.4, 7.6, 0.9, 0.5, 0.4, 6.4])
        == [None] * 8
    )
    assert looked(CollapseWatch(), "generator_gradient", [0.0] * 8) == [None] * 8


def test_signals_without_a_rule_and_rules_without_a_signal_are_passed_over() -> None:
    assert CollapseWatch().look(1, {"something": 3.0}) is None
    assert CollapseWatch().look(1, {}) is None


@pytest.mark.parametrize("cut", [1, 3, 4])
def test_a_watch_goes_on_from_its_state_as_json(cut: int) -> None:
    values = [0.5, 0.9, 0.3, 0.2, 0.9, 0.1]
    whole = looked(CollapseWatch(), "coverage", values)
    first = CollapseWatch()
    before = [first.look(10 * (tick + 1), {"coverage": values[tick]}) for tick in range(cut)]
    second = CollapseWatch()
    second.restore(json.loads(json.dumps(first.state())))
    after = [second.look(10 * (tick + 1), {"coverage": values[tick]}) for tick in range(cut, len(values))]
    assert before + after == whole
    assert any(whole)


OVERFITS = (Outside("overfitting", high=0.5, ticks=2), "weight decay helps")


def warned(watch: CollapseWatch, courses: dict[str, list[float]]) -> tuple[list[Alarm | None], list[Caution]]:
    """Alarms by tick, and all warnings."""
    alarms, cautions = [], []
    for tick, values in enumerate(zip(*courses.values(), strict=True)):
        alarms.append(watch.look(10 * (tick + 1), dict(zip(courses, values, strict=True))))
        cautions += watch.cautions
    return alarms, cautions


def test_a_warning_is_given_once_and_is_no_alarm() -> None:
    watch = CollapseWatch([], [OVERFITS])
    alarms, cautions = warned(watch, {"overfitting": [0, 0, 0, 0.6, 0.4, 0.6, 0.7, 0.9, 0.1, 0.9, 0.9]})
    assert alarms == [None] * 11
    assert cautions == [Caution(70, "overfitting is 0.7, above 0.5: weight decay helps")]
    assert watch.last_healthy == 110, "samples are still good, so checkpoints are healthy"


def test_an_alarm_names_what_lasts_of_the_warnings() -> None:
    watch = CollapseWatch([Fall("coverage", share=0.5, once_above=0.4)], [OVERFITS])
    courses = {
        "overfitting": [0, 0, 0, 0.9, 0.9, 0.9, 0.9, 0.2],
        "coverage": [0.8, 0.8, 0.8, 0.8, 0.8, 0.1, 0.1, 0.1],
    }
    alarms, cautions = warned(watch, courses)
    assert [caution.step for caution in cautions] == [50]
    assert alarms[:6] == [None] * 6
    text = "coverage fell from 0.8 to 0.1"
    assert alarms[6] == Alarm(70, f"{text}; overfitting is 0.9, above 0.5", last_healthy=50)
    assert alarms[7] == Alarm(80, text, last_healthy=50)


def test_a_watch_that_goes_on_does_not_warn_again() -> None:
    watch = CollapseWatch([], [OVERFITS])
    warned(watch, {"overfitting": [0, 0, 0, 0.6, 0.6]})
    second = CollapseWatch([], [OVERFITS])
    second.restore(json.loads(json.dumps(watch.state())))
    assert warned(second, {"overfitting": [0.6, 0.6, 0.6]})[1] == []
    older = {name: value for name, value in watch.state().items() if name != "warned"}
    second.restore(older)
    assert len(warned(second, {"overfitting": [0.6, 0.6, 0.6]})[1]) == 1


def test_the_default_rules_warn_of_a_discriminator_that_learns_by_heart() -> None:
    # Courses as they were measured: few digits without weight decay, and the digits demo.
    few = [0.06, 0.14, 0.24, 0.55, 0.0, 0.0, 0.01, 0.0, 0.16, 0.12, 0.32, 0.73, 0.59, 0.64]
    alarms, cautions = warned(CollapseWatch(), {"overfitting": few, "coverage": [0.9] * 14})
    assert not any(alarms)
    assert [caution.step for caution in cautions] == [140]
    assert "overfits its training examples" in cautions[0].text
    demo = [0.0] * 17 + [0.07, 0.09, 0.08]
    assert warned(CollapseWatch(), {"overfitting": demo, "coverage": [0.9] * 20})[1] == []


def after_a_change(values: list[float], name: str = "coverage", *, told: bool = True) -> list[int]:
    """Ticks after a scheduled change at which a watch that has seen 0.8 raises an alarm."""
    watch = CollapseWatch()
    looked(watch, name, [0.8] * 5)
    if told:
        watch.expect_change()
    alarms = [watch.look(100 + tick, {name: value}) for tick, value in enumerate(values, 1)]
    return [tick for tick, alarm in enumerate(alarms, 1) if alarm is not None]


@pytest.mark.parametrize("name", ["coverage", "labels_hit"])
def test_a_change_that_was_expected_is_no_collapse(name: str) -> None:
    dip, lower = [0.0, 0.1, 0.3, 0.6, *[0.8] * 6], [0.39] * 10
    for values in (dip, lower):
        assert after_a_change(values, name, told=False) and not after_a_change(values, name)


def test_a_collapse_at_an_expected_change_is_noticed_when_the_grace_has_ended() -> None:
    assert after_a_change([0.0] * 8) == [GRACE_TICKS + 2, GRACE_TICKS + 3, GRACE_TICKS + 4]
    assert after_a_change([0.7, 0.7, 0.7, 0.1, 0.1, 0.1])[0] == GRACE_TICKS + 2
    watch = CollapseWatch()
    looked(watch, "coverage", [0.8] * 5)
    watch.expect_change()
    for tick in range(6, 6 + GRACE_TICKS + 1):
        watch.look(10 * tick, {"coverage": 0.0})
    alarm = watch.look(200, {"coverage": 0.0})
    assert alarm is not None and alarm.last_healthy == 50, "no tick of the grace period was healthy"


def test_changes_at_every_tick_do_not_blind_the_watch() -> None:
    watch = CollapseWatch()
    alarms = []
    for tick in range(40):
        watch.expect_change()
        alarms.append(watch.look(tick, {"coverage": 0.8 if tick < 20 else 0.05}))
    first = [alarm is not None for alarm in alarms].index(True)
    assert first <= 20 + GRACE_TICKS + 2
    assert all(alarms[first:]), "an alarm that lasts is not silenced by the next change"
    assert REST_TICKS > 2 * GRACE_TICKS


def test_a_grace_period_is_part_of_the_state() -> None:
    watch = CollapseWatch()
    looked(watch, "coverage", [0.8] * 5)
    watch.expect_change()
    watch.look(60, {"coverage": 0.2})
    again = CollapseWatch()
    again.restore(json.loads(json.dumps(watch.state())))
    assert again == watch
    old = {k: v for k, v in watch.state().items() if k not in ("peak", "grace", "rest", "in_grace")}
    again.restore(old)
    assert (again.grace, again.peak) == (0, again.best)
