"""Schedules: functions from a step (number of generator updates so far) to a value."""

from __future__ import annotations

from collections.abc import Callable


def constant(value: float) -> Callable[[int], float]:
    """Return a schedule with the same value at every step."""
    return lambda step: value


def linear(start: float, end: float, *, over: int, after: int = 0) -> Callable[[int], float]:
    """Return a schedule from `start` to `end` in `over` steps, from step `after` on; constant before and afterward.

    Raises:
        ValueError: if `over` is not positive.
    """
    if over <= 0:
        raise ValueError(f"a linear schedule needs a positive number of steps, not over={over}")

    def value(step: int) -> float:
        share = min(max((step - after) / over, 0.0), 1.0)
        return start + share * (end - start)

    return value


def falling(start: float, floor: float, *, over: int) -> Callable[[int], float]:
    """Return a schedule that falls linearly from `start`, reaching 0 after `over` steps, but never below `floor`.

    Raises:
        ValueError: if `over` is not positive, or `floor` is above `start` or below 0.
    """
    if over <= 0 or not 0 <= floor <= start:
        raise ValueError(
            "a falling schedule needs a positive number of steps and a floor between 0 and its start, not "
            f"over={over}, start={start}, floor={floor}"
        )
    return lambda step: max(floor, start * (1 - step / over))


def switched_on(value: float, *, at: int) -> Callable[[int], float]:
    """Return a schedule that is 0 before step `at` and `value` from then on."""
    return lambda step: value if step >= at else 0.0
