"""The metrics of an evaluation by short name: from the statistics of both sides to numbers that say their terms."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

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
    "METRICS",
    "QUICK_METRICS",
    "Measured",
    "Pair",
    "Scores",
    "chosen_metrics",
    "score",
]

PRECISION_NEIGHBORS = 3
COVERAGE_NEIGHBORS = 5
SPLITS = 10
ENOUGH_FOR_SPLITS = 1000
"""Generated images from which the classifier score takes SPLITS of them; below, one: splits of few images score low."""
EXTRAPOLATED = 17
"""Generated images that fd-inf needs, so that its subsets have 15 different sizes."""


class Pair(NamedTuple):
    """Both sides, the extractor's layer they come from, and the names of their classes."""

    real: Statistics
    fake: Statistics
    extractor: Extractor
    layer: str
    real_classes: tuple[str, ...] = ()
    fake_classes: tuple[str, ...] = ()


class Measured(NamedTuple):
    """One number.

    metric: short name without the extractor, such as "precision".
    value: the number, or None where it is not defined.
    better: "lower" or "higher".
    real, fake: images that it was computed from.
    settings: what else it depends on, such as k.
    details: further numbers that belong to it.
    """

    metric: str
    value: float | None
    better: str
    real: int
    fake: int
    settings: Mapping[str, Any]
    details: Mapping[str, Any]


class Scores(NamedTuple):
    """Full metric name -> number, sentences of warning, and seconds per metric."""

    metrics: dict[str, Measured]
    warnings: list[str]
    seconds: dict[str, float]


def frechet(pair: Pair) -> list[Measured]:
    """fd: Frechet distance from all images of both sides."""
    parts = gaussian_parts(_gaussian("real", pair.real), _gaussian("fake", pair.fake))
    details = {"mean_part": parts.mean, "covariance_part": parts.covariance, "features": pair.real.width}
    return [Measured("fd", parts.distance, "lower", pair.real.count, pair.fake.count, {}, details)]


def frechet_at_infinity(pair: Pair) -> list[Measured]:
    """fd-inf: Frechet distance extrapolated to infinitely many fakes, from the features that were kept."""
    found = frechet_distance_extrapolated(pair.real.features, pair.fake.features)
    settings = {"points": 15, "seed": 0}
    return [_of_kept(pair, "fd-inf", found.value, "lower", settings, {"residual": found.residual})]


def kernel(pair: Pair) -> list[Measured]:
    """kd: unbiased kernel distance of the features that were kept; may be negative."""
    value = kernel_distance(pair.real.features, pair.fake.features)
    return [_of_kept(pair, "kd", value, "lower", {"kernel": "cubic polynomial"})]


def precision(pair: Pair) -> list[Measured]:
    """pr: precision and recall of the features that were kept."""
    found = precision_recall(pair.real.features, pair.fake.features, k=PRECISION_NEIGHBORS)
    settings = {"k": PRECISION_NEIGHBORS}
    return [
        _of_kept(pair, name, value, "higher", settings)
        for name, value in (("precision", found.precision), ("recall", found.recall))
    ]


def coverage(pair: Pair) -> list[Measured]:
    """dc: density and coverage of the features that were kept."""
    found = density_coverage(pair.real.features, pair.fake.features, k=COVERAGE_NEIGHBORS)
    settings = {"k": COVERAGE_NEIGHBORS}
    return [
        _of_kept(pair, name, value, "higher", settings)
        for name, value in (("density", found.density), ("coverage", found.coverage))
    ]


def classifier_score(pair: Pair) -> list[Measured]:
    """is: the inception score's formula on this extractor's classes, of the fakes that were kept, in one split below
    1,000 of them, else in ten.
    """
    if pair.fake.logits is None:
        raise ValueError(f"{pair.extractor.name} names no classes, so it has no `is`; leave that metric out")
    splits = SPLITS if len(pair.fake.logits) >= ENOUGH_FOR_SPLITS else 1
    mean, std = inception_score_from_logits(pair.fake.logits, splits=splits)
    settings = {"splits": splits, "shuffle_seed": 2020}
    measured = _of_kept(pair, "is", mean, "higher", settings, {"std_over_splits": std})
    return [measured._replace(real=0)]


def by_class(pair: Pair) -> list[Measured]:
    """per-class: mean over the classes of the Frechet distance within a class, of the features that were kept. None
    unless every class of the real side has a distance: without its worst classes a generator would look better.
    """
    fake_labels = in_classes(pair)
    names = pair.real_classes
    found = frechet_by_class(
        pair.real.features, pair.real.labels, pair.fake.features, fake_labels, num_classes=len(names)
    )
    rows = zip(names, found.distance, found.real_count, found.fake_count, found.flagged, strict=True)
    classes = {
        name: {
            "value": None if math.isnan(float(value)) else float(value),
            "real": int(real),
            "fake": int(fake),
            "few": bool(few),
        }
        for name, value, real, fake, few in rows
    }
    mean = None if bool(found.distance.isnan().any()) else found.mean
    return [_of_kept(pair, "fd-per-class", mean, "lower", {"classes": len(names)}, {"classes": classes})]


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


def chosen_metrics(text: str | Iterable[str]) -> tuple[str, ...]:
    """ "fd,kd" or a sequence of short names, each once. Raises ValueError for a name that is not one."""
    names = [name.strip() for name in (text.split(",") if isinstance(text, str) else text)]
    unknown = [name for name in names if name not in METRICS]
    if unknown or not names:
        raise ValueError(
            f"there is no metric {', '.join(map(repr, unknown)) or 'in an empty list'}; choose from "
            f"{', '.join(METRICS)}"
        )
    return tuple(dict.fromkeys(names))


def score(pair: Pair, metrics: Sequence[str] | None = None) -> Scores:
    """Compute metrics by short name; left out, the default ones that this extractor can give.

    A metric that needs more images than there are is left out, which a warning says.

    Raises:
        ValueError: an unknown metric, or one that these sides can't have; too few images for every one of them.
    """
    names = chosen_metrics(metrics) if metrics is not None else DEFAULT_METRICS
    if metrics is None and pair.fake.logits is None:
        names = tuple(name for name in names if name != "is")
    found: dict[str, Measured] = {}
    seconds = {}
    left_out = []
    for name in names:
        begin = time.perf_counter()
        needed = _needed(name, pair)
        if needed:
            left_out.append(f"{name} is left out: it needs {needed}")
            continue
        for measured in METRICS[name](pair):
            if measured.value is not None and not math.isfinite(measured.value):
                raise ValueError(f"{measured.metric} is not a finite number; the features are not usable")
            found[pair.extractor.metric_name(measured.metric, pair.layer)] = measured
        seconds[name] = time.perf_counter() - begin
    if not found:
        raise ValueError(f"no metric can be computed: {'; '.join(left_out)}; give more images")
    return Scores(found, left_out + _warnings(pair, found), seconds)


def _needed(name: str, pair: Pair) -> str:
    """The images that a metric needs, where there are fewer; "" where there are enough."""
    real, fake = len(pair.real.features), len(pair.fake.features)
    needs = {
        "pr": (PRECISION_NEIGHBORS + 1, PRECISION_NEIGHBORS + 1),
        "dc": (COVERAGE_NEIGHBORS + 1, 1),
        "fd-inf": (2, EXTRAPOLATED),
    }
    most_real, most_fake = needs.get(name, (1, 1))
    if name == "per-class":
        labels = in_classes(pair)
        both = [np.bincount(side[side >= 0], minlength=2) for side in (pair.real.labels.numpy(), labels)]
        shared = min(map(len, both))
        if not ((both[0][:shared] >= 2) & (both[1][:shared] >= 2)).any():
            return "2 images of a class on both sides, and no class has them"
    if real >= most_real and fake >= most_fake:
        return ""
    return f"{most_real} real and {most_fake} generated images, and there are {real} and {fake}"


def _gaussian(side: str, statistics: Statistics) -> Gaussian:
    if statistics.is_whole and statistics.count <= statistics.width:
        return fitted_gaussian(statistics.features)
    factor = covariance_factor(f"the {side} covariance", statistics.covariance, torch.float64)
    return Gaussian(statistics.mean, factor)


def _of_kept(
    pair: Pair,
    metric: str,
    value: float | None,
    better: str,
    settings: Mapping[str, Any],
    details: Mapping[str, Any] | None = None,
) -> Measured:
    counts = len(pair.real.features), len(pair.fake.features)
    return Measured(metric, value, better, *counts, settings, details or {})


def _warnings(pair: Pair, found: Mapping[str, Measured]) -> list[str]:
    warnings = []
    for side, statistics in (("real", pair.real), ("fake", pair.fake)):
        if statistics.count <= statistics.width and any(each.metric == "fd" for each in found.values()):
            warnings.append(
                f"{statistics.count} {side} images for {statistics.width} features: the covariance is singular and fd "
                "is far above its value at large N; trust kd"
            )
        if not statistics.is_whole and any(each.metric != "fd" for each in found.values()):
            warnings.append(
                f"only {len(statistics.rows)} of {statistics.count} {side} features were kept, chosen at random, for "
                "every metric but fd (--max-features)"
            )
    kept = len(pair.real.rows), len(pair.fake.rows)
    if kept[0] != kept[1] and any(each.metric == "precision" for each in found.values()):
        warnings.append(
            f"precision and recall compare {kept[0]} real with {kept[1]} fake images; both depend on these numbers"
        )
    for each in found.values():
        if each.metric == "fd-per-class":
            warnings += class_warnings(each.details["classes"])
    return warnings
