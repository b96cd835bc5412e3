"""The watch for collapse: rules over cheap signals that are read once per tick.

A signal is a named number, such as the share of real examples that samples come close to. A rule says when its course
looks like a collapse. The watch raises an alarm when a rule is broken on several ticks in a row, and remembers the last
tick at which none was: checkpoints up to there are healthy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

WARM_UP = 3
"""Ticks before a signal's first value counts."""


class Alarm(NamedTuple):
    """What the watch saw."""

    step: int
    """The tick at which it was sure."""
    text: str
    """What it saw, as a sentence without its full stop."""
    last_healthy: int
    """The last step at which nothing looked wrong; 0 if there was none."""


class Course(NamedTuple):
    """What a signal was before this tick."""

    best: float
    """Its highest value so far."""
    first: float
    """Its value when the run had warmed up (the third tick; before that, the newest)."""
    seen: int
    """How many ticks there were."""


class Rule(Protocol):
    """When the course of one signal looks like a collapse."""

    @property
    def signal(self) -> str: ...
    @property
    def ticks(self) -> int: ...
    def broken(self, value: float, course: Course) -> str | None:
        """Why, or None."""
        ...


@dataclass(frozen=True)
class Fall:
    """The signal has fallen below a share of its best, once it had been good."""

    signal: str
    share: float
    once_above: float
    ticks: int = 2

    def broken(self, value: float, course: Course) -> str | None:
        if course.best < self.once_above or value >= self.share * course.best:
            return None
        return f"{self.signal} fell from {course.best:.3g} to {value:.3g}"


@dataclass(frozen=True)
class Outside:
    """The signal stays outside bounds that no healthy run crosses after its first ticks."""

    signal: str
    low: float = -math.inf
    high: float = math.inf
    after: int = WARM_UP
    ticks: int = 3

    def broken(self, value: float, course: Course) -> str | None:
        if course.seen < self.after or self.low <= value <= self.high:
            return None
        bound = f"below {self.low:g}" if value < self.low else f"above {self.high:g}"
        return f"{self.signal} is {value:.3g}, {bound}"


@dataclass(frozen=True)
class Growth:
    """The signal has grown by a factor since the run had warmed up."""

    signal: str
    factor: float
    ticks: int = 2

    def broken(self, value: float, course: Course) -> str | None:
        if course.seen < WARM_UP or value <= self.factor * course.first:
            return None
        return f"{self.signal} grew from {course.first:.3g} to {value:.3g}"


DEFAULT_RULES: tuple[Rule, ...] = (
    # Samples that stop coming close to reals, after they did: the sign that all collapses share.
    Fall("coverage", share=0.5, once_above=0.4),
    Fall("labels_hit", share=0.6, once_above=0.5),
    # One image per class, from the start or later. Healthy digits runs stay above 0.4.
    Outside("variety", low=0.15),
    # A discriminator that tells reals from fakes every time has nothing left to teach. The ticks are many, because
    # small data sets come near it and recover.
    Outside("saturation", high=0.995, ticks=5),
    Growth("singular_value", factor=20.0),
)


@dataclass
class CollapseWatch:
    """Reads signals tick by tick. Its state is plain JSON, for checkpoints."""

    rules: Sequence[Rule] = DEFAULT_RULES
    best: dict[str, float] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    seen: int = 0
    streaks: dict[str, int] = field(default_factory=dict)
    last_healthy: int = 0

    def look(self, step: int, signals: Mapping[str, float]) -> Alarm | None:
        """Read one tick. The alarm is raised again at every tick for as long as the rule stays broken."""
        alarm, suspicious = None, False
        for rule in self.rules:
            if rule.signal not in signals:
                continue
            value = signals[rule.signal]
            course = Course(self.best.get(rule.signal, value), self.first.get(rule.signal, value), self.seen)
            reason = rule.broken(value, course)
            key = f"{type(rule).__name__} {rule.signal}"
            self.streaks[key] = self.streaks.get(key, 0) + 1 if reason else 0
            suspicious |= reason is not None
            if reason and self.streaks[key] >= rule.ticks and alarm is None:
                alarm = Alarm(step, reason, self.last_healthy)
        for name, value in signals.items():
            self.best[name] = max(value, self.best.get(name, value))
            if self.seen < WARM_UP:
                self.first[name] = value
        self.seen += 1
        if not suspicious:
            self.last_healthy = step
        return alarm

    def state(self) -> dict[str, Any]:
        """What `restore` takes."""
        return {
            "best": dict(self.best),
            "first": dict(self.first),
            "seen": self.seen,
            "streaks": dict(self.streaks),
            "last_healthy": self.last_healthy,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.best = dict(state["best"])
        self.first = dict(state["first"])
        self.seen = int(state["seen"])
        self.streaks = dict(state["streaks"])
        self.last_healthy = int(state["last_healthy"])
