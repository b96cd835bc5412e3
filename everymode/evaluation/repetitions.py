"""Repeated measurements of one subject: mean, and standard deviation over training seeds or sampling seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["Group", "Repetition"]


class Repetition(NamedTuple):
    """One measured value of a subject.

    Attributes:
        value: the measured value.
        training: identifies the training among others of the same recipe: its seed and weights.
        sampling: seed of the samples, or of the subset of images.
    """

    value: float
    training: tuple[Any, ...] = ()
    sampling: Any = None


class Group(NamedTuple):
    """All repetitions of one subject.

    Attributes:
        label: name of the subject.
        repetitions: one per pair of seeds.
    """

    label: str
    repetitions: tuple[Repetition, ...]

    @property
    def values(self) -> tuple[float, ...]:
        """Values of all repetitions."""
        return tuple(repetition.value for repetition in self.repetitions)

    @property
    def trainings(self) -> tuple[tuple[float, ...], ...]:
        """Values of each training."""
        values: dict[tuple[Any, ...], list[float]] = {}
        for repetition in self.repetitions:
            values.setdefault(repetition.training, []).append(repetition.value)
        return tuple(map(tuple, values.values()))

    @property
    def mean(self) -> float:
        """Mean over trainings of each training's mean over its samplings."""
        return _mean(list(map(_mean, self.trainings)))

    @property
    def std(self) -> float | None:
        """Sample standard deviation (divisor n - 1) of the trainings' means; with one training, over its samplings.

        None for a single value.
        """
        values = list(map(_mean, self.trainings)) if len(self.trainings) > 1 else self.values
        if len(values) < 2:
            return None
        mean = _mean(values)
        return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))

    @property
    def counted(self) -> str:
        """Description of what `std` is over, such as "2 training seeds, 3 samplings each"; "" for a single value."""
        counts = sorted({len(each) for each in self.trainings})
        trainings = len(self.trainings)
        if trainings == 1:
            return f"{counts[0]} sampling seeds" if counts[0] > 1 else ""
        seeds = {repetition.training[:1] for repetition in self.repetitions}
        text = f"{trainings} training seeds" if len(seeds) == trainings else f"{trainings} trainings"
        if counts == [1]:
            return text
        each = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        return f"{text}, {each} samplings each"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
