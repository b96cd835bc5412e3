"""Schedules: values before, at, between and behind their steps."""

from __future__ import annotations

import pytest

from everymode.training.schedules import constant, falling, linear, switched_on


def test_constant() -> None:
    assert [constant(0.3)(step) for step in (0, 5, 10**9)] == [0.3] * 3


def test_linear_between_its_ends() -> None:
    schedule = linear(1.0, 3.0, over=4, after=10)
    assert [schedule(step) for step in (0, 10, 11, 12, 14, 100)] == [1.0, 1.0, 1.5, 2.0, 3.0, 3.0]


def test_linear_downward_from_the_start() -> None:
    schedule = linear(2.0, 0.0, over=2)
    assert [schedule(step) for step in (0, 1, 2, 3)] == [2.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("over", [0, -3])
def test_linear_needs_steps(over: int) -> None:
    with pytest.raises(ValueError, match=f"over={over}"):
        linear(0.0, 1.0, over=over)


def test_switched_on() -> None:
    schedule = switched_on(0.5, at=3)
    assert [schedule(step) for step in (0, 2, 3, 4)] == [0.0, 0.0, 0.5, 0.5]
    assert switched_on(0.5, at=0)(0) == 0.5


def test_falling_stops_at_its_floor() -> None:
    schedule = falling(6.0, 1.0, over=12)
    assert [schedule(step) for step in (0, 1, 6, 10, 11, 1000)] == [6.0, 5.5, 3.0, 1.0, 1.0, 1.0]
    for numbers in ((0, 6.0, 1.0), (5, 1.0, 2.0), (5, 1.0, -1.0)):
        with pytest.raises(ValueError, match="a floor between 0 and its start"):
            falling(numbers[1], numbers[2], over=numbers[0])
