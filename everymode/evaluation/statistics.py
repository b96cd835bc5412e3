"""Statistics of one side of an evaluation, collected in one pass over its images with memory independent of N."""

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
"""Number of rows per update of the covariance; with fewer, copying the covariance costs more than the products."""


@dataclass(frozen=True)
class Images:
    """One side of an evaluation: a stream of images, and everything that their selection depends on.

    Attributes:
        name: name for display.
        count: number of images N.
        batches: starts the stream of batches, uint8 [n, C, H, W]; every call gives the same images in the same order.
        labels: int64 [N]; -1 means no label.
        classes: class names; () without labels.
        facts: JSON values that identify the images: two sides with equal facts have equal features.
        take: rows [n] -> these images, uint8 [n, C, H, W].
        warnings: warnings for the score card.
        found: returns further facts, which are known after the images were streamed.
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
        """Number of images per class."""
        return tuple(np.bincount(self.labels[self.labels >= 0], minlength=len(self.classes)).tolist())


@dataclass(frozen=True)
class Statistics:
    """Moments of the features of all N images, and the features of M of them.

    Attributes:
        count: number of images N.
        mean: float64 [F].
        covariance: float64 [F, F], unbiased.
        features: float32 [M, F], the features that the reservoir selected; all if N is at most its capacity.
        rows: int64 [M], row numbers of these images, ascending.
        labels: int64 [M]; -1 means no label.
        logits: float32 [M, K] if the extractor is a classifier, otherwise None.
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
        """Whether the features of all N images are stored."""
        return len(self.rows) == self.count

    @property
    def width(self) -> int:
        """Number of features F."""
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
    """Collect the statistics of a stream of images in one pass.

    Args:
        images: the stream.
        extractor: extractor of the features.
        layer: layer of the extractor. Default: its first.
        max_features: number of images whose features are stored, selected by a reservoir with a fixed seed.
        device: device of the extractor.
        progress: called with the number of processed images.

    Raises:
        ValueError: if there are fewer than 2 images, the layer is unknown, or features are not finite.
    """
    layer = layer or extractor.default_layer
    if images.count < 2:
        raise ValueError(
            f"{images.name} has {images.count} images; an evaluation needs at least 2 on each side"
        )
    moments, reservoir = StreamingMoments(), Reservoir(max_features, RESERVOIR_SEED)
    waiting: list[Tensor] = []
    labels = torch.from_numpy(np.ascontiguousarray(images.labels, dtype=np.int64))
    batches = extract_batches(extractor, images.batches(), device=device, layers=[layer], progress=progress)
    for batch in batches:
        features = batch.features[layer]
        columns = {"features": features, "labels": labels[reservoir.seen : reservoir.seen + len(features)]}
        reservoir.offer(columns if batch.logits is None else {**columns, "logits": batch.logits})
        waiting.append(features)
        if sum(map(len, waiting)) >= ROWS_AT_ONCE:
            moments.update(torch.cat(waiting))
            waiting = []
    if waiting:
        moments.update(torch.cat(waiting))
    if reservoir.seen != images.count:
        raise ValueError(
            f"{images.name} announced {images.count} images but gave {reservoir.seen}; open it again"
        )
    return Statistics(
        count=moments.count,
        mean=torch.from_numpy(moments.mean),
        covariance=torch.from_numpy(moments.covariance),
        **reservoir.kept(),
    )
