"""Generators of points in the plane, judged by the mixture that they learned: no extractor, no real sample needed."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from everymode.data.dataset import Dataset
from everymode.evaluation.cards import times_of
from everymode.evaluation.sampling import Drawer, Sampling
from everymode.evaluation.score_card import ScoreCard
from everymode.evaluation.scoring import Measured
from everymode.extractors.hashing import tensors_hash
from everymode.metrics.modes import mode_coverage
from everymode.sampling.generator import Generator

__all__ = ["points_card"]

RULE = "euclidean"


def points_card(
    generator: Generator,
    real: Dataset,
    *,
    num: int,
    sampling: Sampling,
    environment: Mapping[str, Any],
    step: int | None = None,
    ema: bool = True,
) -> ScoreCard:
    """Modes reached, share of high-quality points, reverse KL divergence and spread.

    Raises:
        ValueError: a generator of images, points that are not finite, or data without a known mixture.
    """
    if real.mixture is None:
        raise ValueError(
            f"{real.name} does not say which mixture its points come from; use ring or grid, with options"
        )
    begin = time.perf_counter()
    drawer = Drawer(generator, sampling, class_counts=real.class_counts)
    points = drawer.points(num)
    if points.ndim != 2:
        raise ValueError(
            f"{real.name} holds points, but the generator draws images; give images as the real side"
        )
    found = mode_coverage(points, real.mixture.means, real.mixture.std, rule=RULE)
    settings = {"rule": RULE, "modes": len(real.mixture.means)}
    values = {
        "modes": (float(found.modes), "higher"),
        "high-quality": (found.high_quality, "higher"),
        "reverse-kl": (found.reverse_kl, "lower"),
        "spread": (None if math.isnan(found.spread) else found.spread, "higher"),
    }
    numbers = generator.config.get("recipe", {}).get("numbers", {})
    return ScoreCard(
        metrics={
            name: Measured(name, value, better, 0, num, settings, {})
            for name, (value, better) in values.items()
        },
        protocol={
            "real": {"fingerprint": real.fingerprint},
            "extractor": None,
            "fake_images": num,
            "sampling": {**drawer.sampling.protocol(), "ema": ema},
        },
        subject={
            "label": str(numbers.get("name") or "generator") + (f" step {step}" if step is not None else ""),
            "source": None,
            "real": real.name,
            "real_source": None,
            "identity": {"weights": tensors_hash(generator.network.state_dict())},
            "seeds": {"sampling": sampling.seed, "training": numbers.get("seed")},
            "facts": {"kind": "generator", "step": step, **drawer.found()},
        },
        environment=dict(environment),
        warnings=list(real.notes),
        times=times_of({"all": time.perf_counter() - begin}),
    )
