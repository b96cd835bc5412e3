"""What one side of an evaluation leaves behind after one pass over its images, in memory that N does not change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from everymode.evaluation.reservoir import Reservoir
from everymode.extractors.extraction import extract_batches
from everymode.extractors.extractor import Extractor
from everymode.metrics.moments import StreamingMoments

__all__ = ["Images", "Statistics", "collect"]

RESERVOIR_SEED = 0
ROWS_AT_ONCE = 1024
"""Rows whose products are added to the covariance together: below that, copying it costs more than the products."""


@dataclass(frozen=True)
class Images:
    """One side of an evaluation: images that can be streamed, and all that their choice depends on.

    Attributes:
        name: for people.
        count: N.
        batches: starts the stream: uint8 [n, C, H, W] each, the same images in the same order at every call.
        labels: int64 [N], -1 = none.
        classes: class names; () without labels.
        facts: JSON values that fix the images: two sides with equal facts give equal features.
        take: rows [n] -> those images, uint8 [n, C, H, W].
        warnings: sentences for the score card.
        found: further facts, which are known once the images were streamed.
    """

    name: str
    count: int
    batches: Callable[[], Iterator[Tensor]] = field(repr=False)
    labels: np.ndarray = field(repr=False)
    classes: tuple[str, ...]
    facts: Mapping[str, Any]
    take: Callable[[np.ndarray], Tensor] = field(repr=False)
    warnings: tuple[str, ...] = ()
    found: Callable[[], Mapping[str, Any]] = field(default=dict, repr=False)

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Images per class."""
        return tuple(np.bincount(self.labels[self.labels >= 0], minlength=len(self.classes)).tolist())


@dataclass(frozen=True)
class Statistics:
    """Moments over all N images, and features of some of them.

    Attributes:
        count: N.
        mean: float64 [F]; covariance: float64 [F, F], unbiased.
        features: float32 [M, F] of the rows that the reservoir kept; all of them where N is small enough.
        rows: int64 [M], which images those are, ascending.
        labels: int64 [M], -1 = none.
        logits: float32 [M, K] where the extractor classifies, else None.
    """

    count: int
    mean: Tensor = field(repr=False)
    covariance: Tensor = field(repr=False)
    features: Tensor = field(repr=False)
    rows: Tensor = field(repr=False)
    labels: Tensor = field(repr=False)
    logits: Tensor | None = field(default=None, repr=False)

    @property
    def is_whole(self) -> bool:
        """Whether the features of all N images were kept."""
        return len(self.rows) == self.count

    @property
    def width(self) -> int:
        return len(self.mean)


def collect(
    images: Images,
    extractor: Extractor,
    *,
    layer: str | None = None,
    max_features: int = 10_000,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> Statistics:
    """One pass over the images.

    Args:
        layer: of the extractor; by default its first.
        max_features: images whose features are kept, chosen by a reservoir with a fixed seed.
        progress: called with the number of images done.

    Raises:
        ValueError: fewer than 2 images, an unknown layer, features that are not finite.
    """
    chosen = layer or extractor.default_layer
    if images.count < 2:
        raise ValueError(
            f"{images.name} has {images.count} images; an evaluation needs at least 2 on each side"
        )
    moments, reservoir = StreamingMoments(), Reservoir(max_features, RESERVOIR_SEED)
    waiting: list[Tensor] = []
    labels = torch.from_numpy(np.ascontiguousarray(images.labels, dtype=np.int64))
    parts = extract_batches(extractor, images.batches(), device=device, layers=[chosen], progress=progress)
    for part in parts:
        features = part.features[chosen]
        columns = {"features": features, "labels": labels[reservoir.seen : reservoir.seen + len(features)]}
        reservoir.offer(columns if part.logits is None else {**columns, "logits": part.logits})
        waiting.append(features)
        if sum(map(len, waiting)) >= ROWS_AT_ONCE:
            moments.update(torch.cat(waiting))
            waiting = []
    if waiting:
        moments.update(torch.cat(waiting))
    if reservoir.seen != images.count:
        raise ValueError(
            f"{images.name} announced {images.count} images and gave {reservoir.seen}; open it again"
        )
    return Statistics(
        count=moments.count,
        mean=torch.from_numpy(moments.mean),
        covariance=torch.from_numpy(moments.covariance),
        **reservoir.kept(),
    )
