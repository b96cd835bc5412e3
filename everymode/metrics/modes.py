"""Which modes a generator reaches, and how evenly: mixtures of Gaussians in the plane, and predicted classes of images.

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
"""Pairs of a point and a mean looked at together: few enough to stay in the cache."""


class ModeCoverage(NamedTuple):
    """How generated points cover a mixture.

    modes: means with at least one high-quality point.
    high_quality: share of points within 3 std of a mean.
    reverse_kl: KL divergence in nats of the points' nearest means, all points counted, from equal shares.
    spread: std of the high-quality points around their own mode's mean, per coordinate, over the true std. Points
        beyond 3 std are cut off, so a perfect sampler in the plane has 0.974 (euclidean) or 0.987 (box); 0 is a
        generator that repeats one point per mode; nan where no mode has two points.
    """

    modes: int
    high_quality: float
    reverse_kl: float
    spread: float


class ClassCoverage(NamedTuple):
    """Classes predicted at least once, and reverse KL divergence of the predictions from equal shares."""

    modes: int
    reverse_kl: float


def disc_distance(squares: list[np.ndarray]) -> np.ndarray:
    """Squared length from the squares of each coordinate's difference: the paper's and PacGAN's rule, a disc."""
    return sum(squares[1:], start=squares[0])


def box_distance(squares: list[np.ndarray]) -> np.ndarray:
    """Largest of the squared coordinate differences: the released code's rule, a square around each mean."""
    return np.maximum.reduce(squares)


RULES: dict[str, Callable[[list[np.ndarray]], np.ndarray]] = {"euclidean": disc_distance, "box": box_distance}
"""What "within 3 std" can mean, by name."""


def mode_coverage(
    points: Values, means: Values, std: float, rule: str = "euclidean", *, within: float = 3.0
) -> ModeCoverage:
    """Coverage of a mixture with means [M, 2] and one std by generated points [N, 2] (other widths work too).

    A point is of high quality if it is closer than `within` std to some mean. With overlapping modes it counts for
    each of them, where the released code takes the first in the list; with separate modes the two agree. Use "box" to
    compare with Self-Conditioned GAN's table 1: perfect samples have 99.46 % high quality by it, 98.89 % by
    "euclidean".

    Raises:
        ValueError: for NaN, shapes that do not fit, a std that is not positive, or an unknown rule.
    """
    samples = feature_rows("points", points, least=1).double().numpy()
    centers = feature_rows("means", means, least=1).double().numpy()
    if samples.shape[1] != centers.shape[1]:
        raise ValueError(
            f"points are {list(samples.shape)} and means {list(centers.shape)}; columns must agree"
        )
    std, within = float(std), float(within)
    if not (std > 0 and within > 0):
        raise ValueError(f"std={std} and within={within} must both be positive")
    if rule not in RULES:
        raise ValueError(f"rule is {rule!r}; known rules are {', '.join(map(repr, RULES))}")
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
            np.square(mine[:, None] - theirs) for mine, theirs in zip(samples[part].T, centers.T, strict=True)
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
    """KL divergence of the shares counts / sum from equal shares over all of them, sum_i p_i log(K p_i), 0 log 0 = 0.

    Args:
        counts: samples per mode, [K], at least 0; modes with 0 belong in it.
        base: "e" gives nats; "10" (or 10) is what Self-Conditioned GAN's released code uses for images (table 2).

    Returns:
        0 (all alike) to log K (one mode).

    Raises:
        ValueError: for negative counts, no sample at all, or another base.
    """
    logarithms = {"e": 1.0, "10": math.log(10), 10: math.log(10)}
    if base not in logarithms:
        raise ValueError(f"base is {base!r}; known bases are 'e' (nats) and '10'")
    numbers = as_tensor("counts", counts).double()
    if numbers.ndim != 1 or len(numbers) == 0:
        raise ValueError(f"counts have shape {list(numbers.shape)}; one number per mode, [K], is needed")
    check_finite("counts", numbers[:, None])
    numbers = numbers.numpy()
    if (numbers < 0).any() or numbers.sum() <= 0:
        raise ValueError(
            "counts must be at least 0 with one above 0; pass the number of samples of every mode"
        )
    shares = numbers / numbers.sum()
    filled = shares[shares > 0]
    return max(0.0, float((filled * np.log(filled * len(shares))).sum())) / logarithms[base]


def class_counts(labels: Values, num_classes: int) -> np.ndarray:
    """How often each class was predicted, int64 [K], from predicted classes [N].

    Raises:
        ValueError: for no label at all, or one outside 0 to num_classes - 1.
    """
    found = row_labels("labels", labels)
    if len(found) == 0 or found.min() < 0 or found.max() >= num_classes:
        limits = f"from {found.min()} to {found.max()}" if len(found) else "missing"
        raise ValueError(f"labels are {limits}; at least one, all from 0 to {num_classes - 1}, are needed")
    return np.bincount(found, minlength=num_classes)


def modes_hit(labels: Values, num_classes: int) -> int:
    """Classes that occur at least once among predicted classes [N]."""
    return int(np.count_nonzero(class_counts(labels, num_classes)))


def class_coverage(labels: Values, num_classes: int, *, base: str = "e") -> ClassCoverage:
    """Modes hit and reverse KL divergence of predicted classes [N], as for stacked digits."""
    counts = class_counts(labels, num_classes)
    return ClassCoverage(int(np.count_nonzero(counts)), reverse_kl(counts, base))


def _pooled_std(points: np.ndarray, modes: np.ndarray, count: int) -> float:
    """Std per coordinate of points [n, D] around the mean of those of the same mode; nan without two in one mode."""
    members = np.bincount(modes, minlength=count)
    freedom = int(np.maximum(members - 1, 0).sum())
    if freedom == 0:
        return math.nan
    total = 0.0
    for column in points.T:
        sums = np.bincount(modes, weights=column, minlength=count)
        left = column - (sums / np.maximum(members, 1))[modes]
        total += float(left @ left)
    return math.sqrt(total / (freedom * points.shape[1]))
