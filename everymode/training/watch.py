"""The collapse watch: rules over cheap signals that are read once per tick.

A signal is a named number, such as the share of real examples with a sample nearby. A rule decides whether the history
of a signal looks like a collapse. The watch raises an alarm if a rule is broken on several ticks in a row, and
remembers the last tick without a broken rule: checkpoints up to there are healthy. Rules of a second list only
warn: they detect states that are not a collapse, but often precede one. A schedule may change the course of the
signals at a step; the watch is told so (`CollapseWatch.expect_change`) and raises no alarm for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, Protocol

WARM_UP = 3
"""Ticks before a signal's first value counts."""
GRACE_TICKS = 4
"""Ticks after a scheduled change at which no rule counts."""
REST_TICKS = 12
"""Ticks from the start of a grace period before another one may start; frequent changes can't blind the watch."""
KEPT_SHARE = 0.5
"""Share of a signal's best value that stays its best after a grace period in which it never came that high."""


class Alarm(NamedTuple):
    """A collapse that the watch detected."""

    step: int
    """Tick at which the alarm was raised."""
    text: str
    """The broken rule in words, without a period at the end."""
    last_healthy: int
    """Last step without a broken rule; 0 if there was none."""


class Caution(NamedTuple):
    """A warning of the watch: no collapse, and training continues whatever `on_collapse` is."""

    step: int
    """Tick at which the warning was raised."""
    text: str
    """The observation and a remedy in words, without a period at the end."""


class OnCollapse(Enum):
    """Reaction to an alarm of the watch."""

    WARN = "warn"
    STOP = "stop"
    ROLLBACK = "rollback"


class Collapsed(RuntimeError):
    """Raised if an alarm of the watch ends the run (`OnCollapse.STOP`, or no rollback is left)."""

    def __init__(self, alarm: Alarm, advice: str) -> None:
        super().__init__(f"{alarm.text} at step {alarm.step}. {advice}")
        self.alarm = alarm


class Course(NamedTuple):
    """History of a signal before this tick."""

    best: float
    """Highest value so far; after a scheduled change the highest since then, or half of that before."""
    first: float
    """Value after the warm-up (the third tick; before that, the newest)."""
    seen: int
    """Number of ticks."""
    peak: float | None = None
    """Highest value so far, whatever has changed since; None means `best`."""


class Rule(Protocol):
    """A condition under which the history of one signal looks like a collapse."""

    @property
    def signal(self) -> str: ...
    @property
    def ticks(self) -> int: ...
    def broken(self, value: float, course: Course) -> str | None:
        """Return a description of how the rule is broken, or None if it isn't."""
        ...


@dataclass(frozen=True)
class Fall:
    """The signal fell below a fraction of its best value, after that was good once."""

    signal: str
    share: float
    once_above: float
    ticks: int = 2

    def broken(self, value: float, course: Course) -> str | None:
        peak = course.best if course.peak is None else course.peak
        if peak < self.once_above or value >= self.share * course.best:
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
    """The signal grew by a factor since the warm-up."""

    signal: str
    factor: float
    ticks: int = 2

    def broken(self, value: float, course: Course) -> str | None:
        if course.seen < WARM_UP or value <= self.factor * course.first:
            return None
        return f"{self.signal} grew from {course.first:.3g} to {value:.3g}"


DEFAULT_RULES: tuple[Rule, ...] = (
    # Coverage falls after it was good: common to all collapses.
    Fall("coverage", share=0.5, once_above=0.4),
    Fall("labels_hit", share=0.6, once_above=0.5),
    # One image per class, from the start or later. Healthy digits runs stay above 0.4.
    Outside("variety", low=0.15),
    # A discriminator that tells reals from fakes every time has nothing left to teach. The ticks are many, because
    # small datasets come near it and recover.
    Outside("saturation", high=0.995, ticks=5),
    # A discriminator that scores everything alike teaches as little. Of 246 runs, those that kept learning stayed above
    # 0.02 of their best; seven that stood still (D's hinge loss at 2.0 to the end) fell below 0.01.
    Fall("generator_gradient", share=0.01, once_above=0.0, ticks=3),
    Growth("discriminator_singular_value", factor=20.0),
    Growth("generator_singular_value", factor=20.0),
)

WARNING_RULES: tuple[tuple[Rule, str], ...] = (
    # Held-out examples judged nearer to samples than to training examples. Healthy digits runs stay below 0.1.
    (
        Outside("overfitting", high=0.5),
        "the discriminator overfits its training examples: raise its weight decay, give it more images or "
        "augment them, or stop earlier",
    ),
    # Clusters of features that move by 0.45 of their spread per update lost all their points; at 0.045 none did.
    (
        Outside("feature_shift", high=0.1),
        "each update moves the discriminator's features far, so clusters of them are soon out of date: lower "
        "discriminator_lr",
    ),
)
"""Rules that only warn, each with its meaning and a remedy."""


@dataclass
class CollapseWatch:
    """Reads signals tick by tick. Its state is plain JSON, for checkpoints."""

    rules: Sequence[Rule] = DEFAULT_RULES
    warning_rules: Sequence[tuple[Rule, str]] = WARNING_RULES
    best: dict[str, float] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    seen: int = 0
    streaks: dict[str, int] = field(default_factory=dict)
    last_healthy: int = 0
    warned: list[str] = field(default_factory=list)
    cautions: list[Caution] = field(default_factory=list)
    """New warnings of the last tick; each rule warns once in a run."""
    peak: dict[str, float] = field(default_factory=dict)
    grace: int = 0
    """Number of ticks to come at which no rule counts."""
    rest: int = 0
    """Number of ticks to come before another grace period may start."""
    in_grace: dict[str, float] = field(default_factory=dict)
    """Highest values in this grace period."""

    def expect_change(self, ticks: int = GRACE_TICKS) -> None:
        """Start a grace period, because a schedule is about to change the course of the signals.

        At the next ticks no rule counts, and no tick that breaks one is healthy. Afterward signals are compared with
        the highest value of the grace period, or half of the best one before, whichever is higher: a run may continue
        at a lower level, and a collapse at the change is noticed when the grace period has ended. Nothing happens
        within `REST_TICKS` of the last such call, or while a rule is broken for long enough for an alarm.

        Args:
            ticks: length of the grace period.
        """
        if self.rest > 0 or any(self._lasts(rule) for rule in self.rules):
            return
        self.grace, self.rest = ticks, max(REST_TICKS, ticks)
        self.streaks, self.in_grace = {}, {}

    def look(self, step: int, signals: Mapping[str, float]) -> Alarm | None:
        """Read one tick.

        An alarm's text includes every persistent warning, since that may be the cause.

        Args:
            step: of the tick.
            signals: by name; rules without a signal are skipped.

        Returns:
            An alarm, at every tick for as long as the rule stays broken; or None.
        """
        reasons = [self._broken(rule, signals) for rule in self.rules]
        sure = [
            reason for rule, reason in zip(self.rules, reasons, strict=True) if reason and self._lasts(rule)
        ]
        warned: list[str] = []
        self.cautions = []
        for rule, advice in self.warning_rules:
            reason = self._broken(rule, signals)
            if reason and self._lasts(rule):
                warned.append(reason)
                if _key(rule) not in self.warned:
                    self.warned.append(_key(rule))
                    self.cautions.append(Caution(step, f"{reason}: {advice}"))
        alarm = Alarm(step, "; ".join([sure[0], *warned]), self.last_healthy) if sure else None
        for name, value in signals.items():
            highest = self.in_grace if self.grace else self.best
            highest[name] = max(value, highest.get(name, value))
            self.peak[name] = max(value, self.peak.get(name, value))
            if self.seen < WARM_UP:
                self.first[name] = value
        self.seen += 1
        self._pass_grace()
        if not any(reasons):
            self.last_healthy = step
        return alarm

    def _pass_grace(self) -> None:
        """Count one tick of the grace period, and at its end replace the best values."""
        self.rest = max(0, self.rest - 1)
        if self.grace == 0:
            return
        self.grace -= 1
        if self.grace == 0:
            for name, value in self.in_grace.items():
                self.best[name] = max(value, KEPT_SHARE * self.best.get(name, value))
            self.in_grace = {}

    def _broken(self, rule: Rule, signals: Mapping[str, float]) -> str | None:
        """Return a description of how the rule is broken at this tick, or None. Counts the ticks in a row."""
        if rule.signal not in signals:
            return None
        value = signals[rule.signal]
        best = self.best.get(rule.signal, value)
        first, peak = self.first.get(rule.signal, value), self.peak.get(rule.signal, best)
        reason = rule.broken(value, Course(best, first, self.seen, peak))
        counts = reason is not None and self.grace == 0
        self.streaks[_key(rule)] = self.streaks.get(_key(rule), 0) + 1 if counts else 0
        return reason

    def _lasts(self, rule: Rule) -> bool:
        return self.streaks.get(_key(rule), 0) >= rule.ticks

    def state(self) -> dict[str, Any]:
        """Return the state for `restore`."""
        return {
            "best": dict(self.best),
            "first": dict(self.first),
            "seen": self.seen,
            "streaks": dict(self.streaks),
            "last_healthy": self.last_healthy,
            "warned": list(self.warned),
            "peak": dict(self.peak),
            "grace": self.grace,
            "rest": self.rest,
            "in_grace": dict(self.in_grace),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore a state that `state` returned."""
        self.best = dict(state["best"])
        self.first = dict(state["first"])
        self.seen = int(state["seen"])
        self.streaks = dict(state["streaks"])
        self.last_healthy = int(state["last_healthy"])
        # Checkpoints of older versions lack what follows.
        self.warned = list(state.get("warned", ()))
        self.peak = dict(state.get("peak", state["best"]))
        self.grace, self.rest = int(state.get("grace", 0)), int(state.get("rest", 0))
        self.in_grace = dict(state.get("in_grace", {}))


def _key(rule: Rule) -> str:
    return f"{type(rule).__name__} {rule.signal}"
