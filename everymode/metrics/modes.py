"""Mode coverage of a generator, on mixtures of Gaussians in the plane and on predicted classes of images.

PacGAN (Lin et al. 2018) and Self-Conditioned GAN (Liu et al. 2020, tables 1 and 2; released code
stevliu/self-conditioned-gan:2d_mix/evaluation.py and utils/get_empirical_distribution.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from everymode.metrics.inputs import Values, as_tensor, check_finite, feature_rows, row_labels

_TILE_PAIRS = 1 << 17
"""Pairs of a point and a mean per tile: few enough to stay in the cache."""


class ModeCoverage(NamedTuple):
    """Coverage of a mixture by generated points.

    Attributes:
        modes: number of means with at least one high-quality point.
        high_quality: share of points within 3 std of a mean.
        reverse_kl: KL divergence in nats of the distribution of all points over their nearest means from the uniform
            one.
        spread: std per coordinate of the high-quality points around their own mode's sample mean, divided by the true
            std. Points beyond 3 std are excluded, so a perfect sampler in the plane has 0.974 (euclidean) or 0.987
            (box); 0 for a generator that repeats one point per mode; NaN if no mode has two points.
    """

    modes: int
    high_quality: float
    reverse_kl: float
    spread: float


class ClassCoverage(NamedTuple):
    """Number of classes predicted at least once, and reverse KL divergence of the predictions from the uniform one."""

    modes: int
    reverse_kl: float


def disc_distance(squares: list[np.ndarray]) -> np.ndarray:
    """Sum the squared coordinate differences: the paper's and PacGAN's rule, a disc around each mean."""
    return sum(squares[1:], start=squares[0])


def box_distance(squares: list[np.ndarray]) -> np.ndarray:
    """Return the largest of the squared coordinate differences: the released code's rule, a square around each mean."""
    return np.maximum.reduce(squares)


RULES: dict[str, Callable[[list[np.ndarray]], np.ndarray]] = {"euclidean": disc_distance, "box": box_distance}
"""Definitions of "within 3 std", by name."""


def mode_coverage(
    points: Values, means: Values, std: float, rule: str = "euclidean", *, within: float = 3.0
) -> ModeCoverage:
    """Compute the coverage of a mixture by generated points.

    A point is of high quality if it is closer than `within` std to some mean. With overlapping modes it counts for
    each of them, while the released code takes the first in the list; with separate modes the two agree.

    Args:
        points: generated points [N, 2]; other widths work too.
        means: [M, 2].
        std: standard deviation of every mode and coordinate.
        rule: "euclidean", or "box" to compare with Self-Conditioned GAN's table 1. Of perfect samples 98.89 % are of
            high quality by the former, 99.46 % by the latter.
        within: the largest distance from a mean in units of std.
    Raises:
        ValueError: if there is NaN, shapes do not fit, std or within is not positive, or the rule is unknown.
    """
    samples = feature_rows("points", points, least=1).double().numpy()
    centers = feature_rows("means", means, least=1).double().numpy()
    if samples.shape[1] != centers.shape[1]:
        raise ValueError(
            f"points have shape {list(samples.shape)} and means {list(centers.shape)}; columns must agree"
        )
    std, within = float(std), float(within)
    if not (std > 0 and within > 0):
        raise ValueError(f"std={std} and within={within} must both be positive")
    if rule not in RULES:
        raise ValueError(f"rule is {rule!r}; choose one of {', '.join(map(repr, RULES))}")
    limit = (within * std) ** 2
    count, good = len(centers), 0
    hit = np.zeros(count, dtype=bool)
    nearest = np.empty(len(samples), dtype=np.int64)
    owned = np.empty(len(samples), dtype=bool)
    step = max(1, _TILE_PAIRS // count)
    for start in range(0, len(samples), step):
        part = slice(start, start + step)
        # One coordinate at a time: [n, M] arrays are several times faster here than one of [n, M, 2].
        squares = [
            np.square(column[:, None] - center_column)
            for column, center_column in zip(samples[part].T, centers.T, strict=True)
        ]
        inside = RULES[rule](squares) < limit
        good += int(np.count_nonzero(inside.any(1)))
        hit |= inside.any(0)
        nearest[part] = disc_distance(squares).argmin(1)
        owned[part] = inside[np.arange(len(inside)), nearest[part]]
    return ModeCoverage(
        modes=int(hit.sum()),
        high_quality=good / len(samples),
        reverse_kl=reverse_kl(np.bincount(nearest, minlength=count)),
        spread=_pooled_std(samples[owned], nearest[owned], count) / std,
    )


def reverse_kl(counts: Values, base: str | int = "e") -> float:
    """Compute the KL divergence of p = counts / sum from the uniform distribution, sum_i p_i log(K p_i) (0 log 0 = 0).

    Args:
        counts: samples per mode, [K], at least 0; include modes without samples.
        base: "e" for nats; "10" (or 10) as in Self-Conditioned GAN's released code for images (table 2).
    Returns:
        0 (uniform) to log K (a single mode).
    Raises:
        ValueError: if a count is negative, there is no sample, or the base is unknown.
    """
    logarithms = {"e": 1.0, "10": math.log(10), 10: math.log(10)}
    if base not in logarithms:
        raise ValueError(f"base is {base!r}; choose 'e' (nats) or '10'")
    tensor = as_tensor("counts", counts).double()
    if tensor.ndim != 1 or len(tensor) == 0:
        raise ValueError(f"counts have shape {list(tensor.shape)}; one number per mode, [K], is needed")
    check_finite("counts", tensor[:, None])
    array = tensor.numpy()
    if (array < 0).any() or array.sum() <= 0:
        raise ValueError(
            "counts must be at least 0 with one above 0; pass the number of samples of every mode"
        )
    shares = array / array.sum()
    positive = shares[shares > 0]
    return max(0.0, float((positive * np.log(positive * len(shares))).sum())) / logarithms[base]


def class_counts(labels: Values, num_classes: int) -> np.ndarray:
    """Count the predictions of each class, int64 [K], from predicted classes [N].

    Raises:
        ValueError: if there is no label, or one is outside 0 to num_classes - 1.
    """
    classes = row_labels("labels", labels)
    if len(classes) == 0 or classes.min() < 0 or classes.max() >= num_classes:
        limits = f"from {classes.min()} to {classes.max()}" if len(classes) else "missing"
        raise ValueError(f"labels are {limits}; at least one, all from 0 to {num_classes - 1}, are needed")
    return np.bincount(classes, minlength=num_classes)


def modes_hit(labels: Values, num_classes: int) -> int:
    """Return the number of classes that occur at least once among predicted classes [N]."""
    return int(np.count_nonzero(class_counts(labels, num_classes)))


def class_coverage(labels: Values, num_classes: int, *, base: str = "e") -> ClassCoverage:
    """Compute modes hit and reverse KL divergence from predicted classes [N], as for stacked digits."""
    counts = class_counts(labels, num_classes)
    return ClassCoverage(int(np.count_nonzero(counts)), reverse_kl(counts, base))


def _pooled_std(points: np.ndarray, modes: np.ndarray, count: int) -> float:
    """Return the std per coordinate of points [n, D] around their mode's mean; NaN if no mode has two points."""
    members = np.bincount(modes, minlength=count)
    degrees_of_freedom = int(np.maximum(members - 1, 0).sum())
    if degrees_of_freedom == 0:
        return math.nan
    total = 0.0
    for column in points.T:
        sums = np.bincount(modes, weights=column, minlength=count)
        deviation = column - (sums / np.maximum(members, 1))[modes]
        total += float(deviation @ deviation)
    return math.sqrt(total / (degrees_of_freedom * points.shape[1]))
