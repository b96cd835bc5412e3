"""Evaluation of generators of points in the plane against the mixture that they learned, without an extractor."""

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
    """Compute the modes reached, the share of high-quality points, the reverse KL divergence and the spread.

    Args:
        generator: a generator of points.
        real: data with a known mixture.
        num: number of generated points.
        sampling: sampling of the generator.
        environment: recorded on the card.
        step: training step, recorded on the card.
        ema: whether the weights are averaged ones, recorded on the card.

    Returns:
        The score card.
    Raises:
        ValueError: if the generator draws images, points are not finite, or the data's mixture is unknown.
    """
    if real.mixture is None:
        raise ValueError(
            f"the mixture that the points of {real.name} come from is unknown; use ring or grid, with options"
        )
    begin = time.perf_counter()
    drawer = Drawer(generator, sampling, class_counts=real.class_counts)
    points = drawer.points(num)
    if points.ndim != 2:
        raise ValueError(
            f"{real.name} holds points, but the generator draws images; give images as the real side"
        )
    modes = mode_coverage(points, real.mixture.means, real.mixture.std, rule=RULE)
    settings = {"rule": RULE, "modes": len(real.mixture.means)}
    values = {
        "modes": (float(modes.modes), "higher"),
        "high-quality": (modes.high_quality, "higher"),
        "reverse-kl": (modes.reverse_kl, "lower"),
        "spread": (None if math.isnan(modes.spread) else modes.spread, "higher"),
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
