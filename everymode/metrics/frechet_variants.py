"""Frechet distances by class (intra-class FID), and extrapolated to infinitely many generated samples.

By class: Miyato and Koyama 2018, section 4. Extrapolated: Chong and Forsyth 2020 ("Effectively unbiased FID"): the
distance falls about linearly in 1 / M, so a line through the distances of subsets is read off at 1 / M = 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from everymode.metrics.frechet import fitted_gaussian, gaussian_parts
from everymode.metrics.inputs import Values, as_given, feature_pair, row_labels


class ClassDistances(NamedTuple):
    """Frechet distances by class, and how far each can be trusted.

    distance: float64 [K], nan where a side has fewer than 2 samples of the class.
    real_count, fake_count: int64 [K], samples of the class on each side.
    flagged: bool [K], true where a side has at most as many samples as features (singular covariance), or none.
    """

    distance: Tensor
    real_count: Tensor
    fake_count: Tensor
    flagged: Tensor

    @property
    def mean(self) -> float:
        """Plain mean over the classes that have a distance; nan if none has."""
        known = self.distance[~self.distance.isnan()]
        return float(known.mean()) if len(known) else math.nan


class Extrapolation(NamedTuple):
    """A distance read off at infinite M, and the root mean square distance of the points from the line."""

    value: float
    residual: float


def frechet_distance_per_class(
    real: Values, real_labels: Values, fake: Values, fake_labels: Values, *, num_classes: int | None = None
) -> Tensor | np.ndarray:
    """Frechet distance of every class, float64 [K]; nan where a side has fewer than 2 samples of it.

    Args: as frechet_by_class, which also tells how many samples stand behind each number.
    """
    found = frechet_by_class(real, real_labels, fake, fake_labels, num_classes=num_classes)
    return as_given(found.distance, real, fake)


def frechet_by_class(
    real: Values, real_labels: Values, fake: Values, fake_labels: Values, *, num_classes: int | None = None
) -> ClassDistances:
    """Frechet distance of every class with its sample counts.

    Args:
        real, fake: features [N, F] and [M, F].
        real_labels, fake_labels: integers [N] and [M], 0 to K - 1; rows with -1 (unlabeled) are left out.
        num_classes: K; by default the largest label on either side plus one.

    Raises:
        ValueError: for labels outside the range, other numbers of labels than rows, NaN, different features.
    """
    real, fake = feature_pair(real, fake)
    labels = (
        row_labels("real_labels", real_labels, rows=len(real)),
        row_labels("fake_labels", fake_labels, rows=len(fake)),
    )
    largest = max(int(side.max()) for side in labels)
    total = largest + 1 if num_classes is None else num_classes
    smallest = min(int(side.min()) for side in labels)
    if total < 1 or largest >= total or smallest < -1:
        raise ValueError(
            f"labels run from {smallest} to {largest} with num_classes={num_classes}; "
            "they must be 0 to num_classes - 1, or -1 for rows to leave out"
        )
    distances = [_class_distance(real[labels[0] == each], fake[labels[1] == each]) for each in range(total)]
    real_count, fake_count = (
        torch.from_numpy(np.bincount(side[side >= 0], minlength=total)) for side in labels
    )
    fewest = torch.minimum(real_count, fake_count)
    flagged = (fewest <= real.shape[1]) | (fewest < 2)
    return ClassDistances(torch.tensor(distances, dtype=torch.float64), real_count, fake_count, flagged)


def frechet_distance_extrapolated(
    real: Values, fake: Values, *, points: int = 15, seed: int | None = 0, smallest: int | None = None
) -> Extrapolation:
    """Frechet distance at infinitely many generated samples, all real ones kept (FID_inf on Inception features).

    The result is noisy where the generator is good; the residual, in the distance's own unit, says how noisy. The
    line needs subsets well above the number of features.

    Args:
        real, fake: features [N, F] and [M, F].
        points: subset sizes, evenly spaced from `smallest` to M.
        seed: draws every subset afresh without replacement; None takes the first rows instead (nested subsets).
        smallest: the smallest subset; by default M // 5.

    Raises:
        ValueError: for fewer than 2 points, or too few rows for so many different sizes.
    """
    real, fake = feature_pair(real, fake)
    count = len(fake)
    least = count // 5 if smallest is None else smallest
    if points < 2 or not 2 <= least <= count - points + 1:
        raise ValueError(
            f"points is {points}, the smallest subset {least} of {count} fake rows; at least 2 points are needed, "
            "and from 2 rows up to all of them room for that many different sizes: give more rows or fewer points"
        )
    sizes = np.linspace(least, count, points).astype(np.int64)
    random = None if seed is None else np.random.RandomState(seed)
    reference = fitted_gaussian(real)
    values = []
    for size in sizes:
        chosen = slice(0, size) if random is None else torch.from_numpy(random.permutation(count)[:size])
        values.append(gaussian_parts(reference, fitted_gaussian(fake[chosen])).distance)
    line = np.stack([np.ones(points), 1 / sizes], axis=1)
    fit = np.linalg.lstsq(line, np.asarray(values), rcond=None)[0]
    residual = float(np.sqrt(np.mean((line @ fit - values) ** 2)))
    return Extrapolation(float(fit[0]), residual)


def _class_distance(real: Tensor, fake: Tensor) -> float:
    if min(len(real), len(fake)) < 2:
        return math.nan
    return gaussian_parts(fitted_gaussian(real), fitted_gaussian(fake)).distance
