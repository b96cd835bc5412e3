"""Frechet distances by class (intra-class FID), and extrapolated to infinitely many generated samples.

By class: Miyato and Koyama 2018, section 4. Extrapolated: Chong and Forsyth 2020 ("Effectively unbiased FID"): the
distance is about linear in 1 / M, so a line fitted to the distances of subsets is evaluated at 1 / M = 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from everymode.metrics.frechet import fitted_gaussian, gaussian_parts
from everymode.metrics.inputs import Values, feature_pair, like_inputs, row_labels


class ClassDistances(NamedTuple):
    """Frechet distances by class, and their reliability.

    Attributes:
        distance: float64 [K]; NaN if a side has fewer than 2 samples of the class.
        real_count, fake_count: int64 [K], number of samples of the class on each side.
        flagged: bool [K], True if a side has fewer than 2 samples, or at most as many as features (singular
            covariance).
    """

    distance: Tensor
    real_count: Tensor
    fake_count: Tensor
    flagged: Tensor

    @property
    def mean(self) -> float:
        """Unweighted mean over the classes that have a distance; NaN if none has."""
        known = self.distance[~self.distance.isnan()]
        return float(known.mean()) if len(known) else math.nan


class Extrapolation(NamedTuple):
    """Distance extrapolated to infinite M, and root mean square deviation of the subsets' distances from the line."""

    value: float
    residual: float


def frechet_distance_per_class(
    real: Values, real_labels: Values, fake: Values, fake_labels: Values, *, num_classes: int | None = None
) -> Tensor | np.ndarray:
    """Compute the Frechet distance of every class, float64 [K]; NaN if a side has fewer than 2 samples of it.

    Arguments and errors are those of `frechet_by_class`, which also returns the number of samples of each class.
    """
    by_class = frechet_by_class(real, real_labels, fake, fake_labels, num_classes=num_classes)
    return like_inputs(by_class.distance, real, fake)


def frechet_by_class(
    real: Values, real_labels: Values, fake: Values, fake_labels: Values, *, num_classes: int | None = None
) -> ClassDistances:
    """Compute the Frechet distance of every class, with its sample counts.

    Args:
        real, fake: features [N, F] and [M, F].
        real_labels, fake_labels: integers [N] and [M], 0 to K - 1; rows labeled -1 (unlabeled) are ignored.
        num_classes: K; default: the largest label on either side plus one.
    Raises:
        ValueError: if labels are outside their range, there is not one label per row, there is NaN, or the numbers of
            features differ.
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
            "they must be 0 to num_classes - 1, or -1 for rows to ignore"
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
    """Extrapolate the Frechet distance to infinitely many fake samples (FID_inf on Inception features).

    All real samples are used. The result is noisy if the generator is good; the residual, in the unit of the distance,
    measures the noise. The subsets should be well above the number of features.

    Args:
        real, fake: features [N, F] and [M, F].
        points: number of subset sizes, evenly spaced from `smallest` to M.
        seed: seed by which each subset is drawn independently without replacement; None takes the first rows instead
            (nested subsets).
        smallest: size of the smallest subset; default: M // 5.
    Raises:
        ValueError: if there are fewer than 2 points, or too few rows for this number of different sizes.
    """
    real, fake = feature_pair(real, fake)
    count = len(fake)
    least = count // 5 if smallest is None else smallest
    if points < 2 or not 2 <= least <= count - points + 1:
        raise ValueError(
            f"points is {points}, the smallest subset {least} of {count} fake rows; at least 2 points are needed, a "
            f"smallest subset of at least 2 rows, and {points} different sizes from it to all rows: provide more rows "
            "or choose fewer points"
        )
    sizes = np.linspace(least, count, points).astype(np.int64)
    random = None if seed is None else np.random.RandomState(seed)
    reference = fitted_gaussian(real)
    values = []
    for size in sizes:
        subset = slice(0, size) if random is None else torch.from_numpy(random.permutation(count)[:size])
        values.append(gaussian_parts(reference, fitted_gaussian(fake[subset])).distance)
    line = np.stack([np.ones(points), 1 / sizes], axis=1)
    fit = np.linalg.lstsq(line, np.asarray(values), rcond=None)[0]
    residual = float(np.sqrt(np.mean((line @ fit - values) ** 2)))
    return Extrapolation(float(fit[0]), residual)


def _class_distance(real: Tensor, fake: Tensor) -> float:
    if min(len(real), len(fake)) < 2:
        return math.nan
    return gaussian_parts(fitted_gaussian(real), fitted_gaussian(fake)).distance
