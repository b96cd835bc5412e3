"""The metrics of an evaluation by short name, computed from the statistics of both sides."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from everymode.evaluation.shared_classes import class_warnings, in_classes
from everymode.evaluation.statistics import Statistics
from everymode.extractors.extractor import Extractor
from everymode.metrics.classifier_score import inception_score_from_logits
from everymode.metrics.fidelity import density_coverage, precision_recall
from everymode.metrics.frechet import Gaussian, covariance_factor, fitted_gaussian, gaussian_parts
from everymode.metrics.frechet_variants import frechet_by_class, frechet_distance_extrapolated
from everymode.metrics.kernel import kernel_distance

__all__ = [
    "DEFAULT_METRICS",
    "FSD",
    "METRICS",
    "QUICK_METRICS",
    "Measured",
    "Pair",
    "Scores",
    "chosen_metrics",
    "coverage_within",
    "score",
]

PRECISION_NEIGHBORS = 3
COVERAGE_NEIGHBORS = 5
SPLITS = 10
ENOUGH_FOR_SPLITS = 1000
"""Number of generated images from which the classifier score uses SPLITS splits. Below, it uses one, since splits of
few images score low."""
EXTRAPOLATED = 17
"""Number of generated images that fd-inf needs to have subsets of 15 different sizes."""


class Pair(NamedTuple):
    """Statistics of both sides, their extractor and layer, and their class names."""

    real: Statistics
    fake: Statistics
    extractor: Extractor
    layer: str
    real_classes: tuple[str, ...] = ()
    fake_classes: tuple[str, ...] = ()


class Measured(NamedTuple):
    """One measured value.

    Attributes:
        metric: short name without the extractor, such as "precision".
        value: the value; None if it is undefined.
        better: "lower" or "higher".
        real, fake: numbers of images that it was computed from.
        settings: everything else that it depends on, such as k.
        details: further results that belong to it.
    """

    metric: str
    value: float | None
    better: str
    real: int
    fake: int
    settings: Mapping[str, Any]
    details: Mapping[str, Any]


class Scores(NamedTuple):
    """Measured values by full metric name, warnings, and seconds per metric."""

    metrics: dict[str, Measured]
    warnings: list[str]
    seconds: dict[str, float]


def frechet(pair: Pair) -> list[Measured]:
    """Compute fd, the Frechet distance from all images of both sides."""
    parts = gaussian_parts(_gaussian("real", pair.real), _gaussian("fake", pair.fake))
    details = {"mean_part": parts.mean, "covariance_part": parts.covariance, "features": pair.real.width}
    return [Measured("fd", parts.distance, "lower", pair.real.count, pair.fake.count, {}, details)]


def frechet_at_infinity(pair: Pair) -> list[Measured]:
    """Compute fd-inf, the Frechet distance of the stored features extrapolated to infinitely many fakes."""
    extrapolated = frechet_distance_extrapolated(pair.real.features, pair.fake.features)
    settings = {"points": 15, "seed": 0}
    return [
        _of_stored(pair, "fd-inf", extrapolated.value, "lower", settings, {"residual": extrapolated.residual})
    ]


def kernel(pair: Pair) -> list[Measured]:
    """Compute kd, the unbiased kernel distance of the stored features; it may be negative."""
    value = kernel_distance(pair.real.features, pair.fake.features)
    return [_of_stored(pair, "kd", value, "lower", {"kernel": "cubic polynomial"})]


def precision(pair: Pair) -> list[Measured]:
    """Compute pr, precision and recall of the stored features."""
    both = precision_recall(pair.real.features, pair.fake.features, k=PRECISION_NEIGHBORS)
    settings = {"k": PRECISION_NEIGHBORS}
    return [
        _of_stored(pair, name, value, "higher", settings)
        for name, value in (("precision", both.precision), ("recall", both.recall))
    ]


def coverage(pair: Pair) -> list[Measured]:
    """Compute dc, density and coverage of the stored features."""
    both = density_coverage(pair.real.features, pair.fake.features, k=COVERAGE_NEIGHBORS)
    settings = {"k": COVERAGE_NEIGHBORS}
    return [
        _of_stored(pair, name, value, "higher", settings)
        for name, value in (("density", both.density), ("coverage", both.coverage))
    ]


def classifier_score(pair: Pair) -> list[Measured]:
    """Compute is, the formula of the inception score on this extractor's classes, from the stored fakes.

    At least 1,000 fakes are divided into ten splits; fewer are one split.

    Raises:
        ValueError: if the extractor is not a classifier.
    """
    if pair.fake.logits is None:
        raise ValueError(f"{pair.extractor.name} is not a classifier, so it has no `is`; omit this metric")
    splits = SPLITS if len(pair.fake.logits) >= ENOUGH_FOR_SPLITS else 1
    mean, std = inception_score_from_logits(pair.fake.logits, splits=splits)
    settings = {"splits": splits, "shuffle_seed": 2020}
    measured = _of_stored(pair, "is", mean, "higher", settings, {"std_over_splits": std})
    return [measured._replace(real=0)]


def by_class(pair: Pair) -> list[Measured]:
    """Compute per-class, the mean over the classes of the Frechet distance within a class, from the stored features.

    The details have the coverage within each class, too; it is None for a class of at most COVERAGE_NEIGHBORS real
    images. The mean is None unless every class of the real side has a distance: without its worst classes a generator
    would look better.
    """
    fake_labels = in_classes(pair)
    names = pair.real_classes
    result = frechet_by_class(
        pair.real.features, pair.real.labels, pair.fake.features, fake_labels, num_classes=len(names)
    )
    rows = zip(names, result.distance, result.real_count, result.fake_count, result.flagged, strict=True)
    classes = {
        name: {
            "value": None if math.isnan(float(value)) else float(value),
            "real": int(real),
            "fake": int(fake),
            "few": bool(few),
            "coverage": coverage_within(
                pair.real.features[pair.real.labels == number],
                pair.fake.features[torch.from_numpy(fake_labels == number)],
            ),
        }
        for number, (name, value, real, fake, few) in enumerate(rows)
    }
    mean = None if bool(result.distance.isnan().any()) else result.mean
    return [_of_stored(pair, "fd-per-class", mean, "lower", {"classes": len(names)}, {"classes": classes})]


def coverage_within(real: Tensor, fake: Tensor) -> float | None:
    """Return the coverage within a class or cluster; 0 without fakes, None with one fake or too few real images.

    Args:
        real: [N, F], features of its real images.
        fake: [M, F], features of its samples.
    """
    if len(real) <= COVERAGE_NEIGHBORS or len(fake) == 1:
        return None
    return density_coverage(real, fake, k=COVERAGE_NEIGHBORS).coverage if len(fake) else 0.0


METRICS: dict[str, Callable[[Pair], list[Measured]]] = {
    "fd": frechet,
    "fd-inf": frechet_at_infinity,
    "kd": kernel,
    "pr": precision,
    "dc": coverage,
    "is": classifier_score,
    "per-class": by_class,
}
DEFAULT_METRICS = ("fd", "kd", "pr", "dc", "is")
QUICK_METRICS = ("fd", "kd")
FSD = "fsd"
"""Metric that a segmenter computes from images, not from features."""


def chosen_metrics(text: str | Iterable[str], *, fsd: bool = False) -> tuple[str, ...]:
    """Return the short names in "fd,kd" or a sequence, each once.

    Args:
        text: the names.
        fsd: whether fsd is allowed, which is not computed from features.

    Raises:
        ValueError: if a name is unknown, or if there are no names.
    """
    names = [name.strip() for name in (text.split(",") if isinstance(text, str) else text)]
    known = [*METRICS, FSD] if fsd else [*METRICS]
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise ValueError(
            f"there is no metric {', '.join(map(repr, unknown)) or 'in an empty list'}; choose from "
            f"{', '.join(known)}"
        )
    return tuple(dict.fromkeys(names))


def score(pair: Pair, metrics: Sequence[str] | None = None) -> Scores:
    """Compute metrics by short name.

    A metric that needs more images than there are is omitted, with a warning.

    Args:
        pair: both sides.
        metrics: short names; None means the default ones that this extractor supports.

    Raises:
        ValueError: if a metric is unknown, if these sides don't support it, or if there are too few images for all.
    """
    names = chosen_metrics(metrics) if metrics is not None else DEFAULT_METRICS
    if metrics is None and pair.fake.logits is None:
        names = tuple(name for name in names if name != "is")
    metrics_by_name: dict[str, Measured] = {}
    seconds = {}
    omitted = []
    for name in names:
        begin = time.perf_counter()
        needed = _needed(name, pair)
        if needed:
            omitted.append(f"{name} is omitted: it needs {needed}")
            continue
        for measured in METRICS[name](pair):
            if measured.value is not None and not math.isfinite(measured.value):
                raise ValueError(
                    f"{measured.metric} is {measured.value}, so the features are not usable: check the images, or use "
                    "another extractor"
                )
            metrics_by_name[pair.extractor.metric_name(measured.metric, pair.layer)] = measured
        seconds[name] = time.perf_counter() - begin
    if not metrics_by_name:
        raise ValueError(f"no metric can be computed: {'; '.join(omitted)}; give more images")
    return Scores(metrics_by_name, omitted + _warnings(pair, metrics_by_name), seconds)


def _needed(name: str, pair: Pair) -> str:
    """Return a text on the images that a metric needs if there are fewer; "" if there are enough."""
    real, fake = len(pair.real.features), len(pair.fake.features)
    needs = {
        "pr": (PRECISION_NEIGHBORS + 1, PRECISION_NEIGHBORS + 1),
        "dc": (COVERAGE_NEIGHBORS + 1, 1),
        "fd-inf": (2, EXTRAPOLATED),
    }
    least_real, least_fake = needs.get(name, (1, 1))
    if name == "per-class":
        labels = in_classes(pair)
        both = [np.bincount(side[side >= 0], minlength=2) for side in (pair.real.labels.numpy(), labels)]
        shared = min(map(len, both))
        if not ((both[0][:shared] >= 2) & (both[1][:shared] >= 2)).any():
            return "2 images of a class on both sides, but no class has them"
    if real >= least_real and fake >= least_fake:
        return ""
    return f"{least_real} real and {least_fake} generated images, but there are {real} and {fake}"


def _gaussian(side: str, statistics: Statistics) -> Gaussian:
    if statistics.is_whole and statistics.count <= statistics.width:
        return fitted_gaussian(statistics.features)
    factor = covariance_factor(f"the {side} covariance", statistics.covariance, torch.float64)
    return Gaussian(statistics.mean, factor)


def _of_stored(
    pair: Pair,
    metric: str,
    value: float | None,
    better: str,
    settings: Mapping[str, Any],
    details: Mapping[str, Any] | None = None,
) -> Measured:
    counts = len(pair.real.features), len(pair.fake.features)
    return Measured(metric, value, better, *counts, settings, details or {})


def _warnings(pair: Pair, metrics: Mapping[str, Measured]) -> list[str]:
    warnings = []
    sides = (("real", pair.real), ("fake", pair.fake))
    few = {side: each for side, each in sides if each.count <= each.width}
    if few and any(each.metric == "fd" for each in metrics.values()):
        counts = " and ".join(f"{statistics.count} {side}" for side, statistics in few.items())
        plural = "covariances are" if len(few) > 1 else "covariance is"
        warnings.append(
            f"{counts} images for {pair.real.width} features: the {plural} singular and fd is far above its value at "
            "large N; trust kd"
        )
    for side, statistics in sides:
        if not statistics.is_whole and any(each.metric != "fd" for each in metrics.values()):
            warnings.append(
                f"all metrics except fd use a random subset of {len(statistics.rows)} of {statistics.count} {side} "
                "features (--max-features)"
            )
    real, fake = len(pair.real.rows), len(pair.fake.rows)
    if real != fake and any(each.metric == "precision" for each in metrics.values()):
        warnings.append(
            f"precision and recall compare {real} real with {fake} fake images; both depend on these numbers"
        )
    for each in metrics.values():
        if each.metric == "fd-per-class":
            warnings += class_warnings(each.details["classes"])
    return warnings
