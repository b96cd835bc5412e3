"""The protocol of an evaluation: everything that could change its numbers, beside the two sides themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from everymode.evaluation.sampling import Sampling
from everymode.evaluation.scoring import QUICK_METRICS, chosen_metrics
from everymode.extractors.extractor import Extractor

__all__ = ["FAST_IMAGES", "MAX_FEATURES", "REPORT_IMAGES", "Protocol"]

FAST_IMAGES = 2000
REPORT_IMAGES = 10_000
MAX_FEATURES = 10_000


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How an evaluation is made.

    Attributes:
        metrics: short names, "fd,kd" or a sequence; left out, fd, kd, pr, dc and is (fast: fd and kd).
        extractor: by name (`find_extractor`) or as an object; see `default_extractor`.
        layer: of the extractor; left out, its first.
        num: generated images: of a generator, by default as many as there are real ones, up to 10,000 (fast: 2,000);
            of a set of images, all (fast: 2,000).
        num_real: real images, chosen at random with a fixed seed; left out, all (fast: 10,000).
        sampling: of a generator; its seed also chooses among generated images on disk. Left out, `Sampling()`.
        ema: the averaged generator, else the raw one.
        max_features: features kept on each side for metrics that need them one by one.
        fast: fewer images, smaller extractor, fewer metrics.
        resolution: of images on disk; left out, the generator's where there is one.
        value_range: of images on disk, on both sides: their numbers of black and white, as for `open_images`; left out,
            as the run was trained.
    """

    metrics: str | Iterable[str] | None = None
    extractor: str | Extractor | None = None
    layer: str | None = None
    num: int | None = None
    num_real: int | None = None
    sampling: Sampling | None = None
    ema: bool = True
    max_features: int = MAX_FEATURES
    fast: bool = False
    resolution: int | str | Sequence[int] | None = None
    value_range: str | None = None

    @property
    def most_images(self) -> int:
        """Of a generator, where their number is left out."""
        return FAST_IMAGES if self.fast else REPORT_IMAGES

    def metric_names(self) -> tuple[str, ...] | None:
        """What to measure; None = all that is usual and can be had. Raises ValueError for a name that is not one."""
        if self.metrics is None:
            return QUICK_METRICS if self.fast else None
        return chosen_metrics(self.metrics)

    def check_counts(self) -> None:
        """Raise ValueError for too few images to be judged."""
        for name, count in (("num", self.num), ("num_real", self.num_real)):
            if count is not None and count < 2:
                raise ValueError(f"{name} is {count}; an evaluation needs at least 2 images on each side")
