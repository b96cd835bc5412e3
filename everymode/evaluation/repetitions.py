"""One subject measured several times: its mean, and its spread over training seeds or over sampling seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["Group", "Repetition"]


class Repetition(NamedTuple):
    """One number of a subject.

    training: what tells its training from another of the same recipe: seed, weights.
    sampling: the seed of its samples, or of a choice among images.
    """

    value: float
    training: tuple[Any, ...] = ()
    sampling: Any = None


class Group(NamedTuple):
    """One subject over its seeds.

    label: what it is.
    repetitions: one per pair of seeds.
    """

    label: str
    repetitions: tuple[Repetition, ...]

    @property
    def values(self) -> tuple[float, ...]:
        """Of all repetitions."""
        return tuple(repetition.value for repetition in self.repetitions)

    @property
    def trainings(self) -> tuple[tuple[float, ...], ...]:
        """The values of each training."""
        found: dict[tuple[Any, ...], list[float]] = {}
        for repetition in self.repetitions:
            found.setdefault(repetition.training, []).append(repetition.value)
        return tuple(map(tuple, found.values()))

    @property
    def mean(self) -> float:
        """Over trainings, of the mean over each one's samplings."""
        return _mean(list(map(_mean, self.trainings)))

    @property
    def std(self) -> float | None:
        """Sample standard deviation (divided by n - 1): of the trainings' means where there are several, else over the
        samplings of the only one; None for one value.
        """
        several = list(map(_mean, self.trainings)) if len(self.trainings) > 1 else self.values
        if len(several) < 2:
            return None
        mean = _mean(several)
        return math.sqrt(sum((value - mean) ** 2 for value in several) / (len(several) - 1))

    @property
    def counted(self) -> str:
        """Over what the spread is, as "2 training seeds, 3 samplings each"; "" for one value."""
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
