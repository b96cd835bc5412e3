"""The protocol of an evaluation: everything that could change its numbers, except the two sides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from everymode.data.layout import Layout
from everymode.evaluation.sampling import Sampling
from everymode.evaluation.scoring import QUICK_METRICS, chosen_metrics
from everymode.evaluation.segmenter_judges import Segmenter
from everymode.extractors.extractor import Extractor

__all__ = ["FAST_IMAGES", "MAX_FEATURES", "REPORT_IMAGES", "Protocol"]

FAST_IMAGES = 2000
REPORT_IMAGES = 10_000
MAX_FEATURES = 10_000


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Settings of an evaluation.

    Attributes:
        metrics: short names, as "fd,kd" or a sequence; "fsd" needs a segmenter. Default: fd, kd, pr, dc and is (fast:
            fd and kd).
        extractor: name (see `find_extractor`) or object. Default: `default_extractor`.
        layer: layer of the extractor. Default: its first.
        num: number of generated images. Default: for a generator the number of real images, at most 10,000 (fast:
            2,000); for an image set all images (fast: 2,000).
        num_real: number of real images, a random subset with a fixed seed. Default: all (fast: 10,000).
        sampling: sampling of a generator; its seed also selects the subset of generated images on disk. Default:
            `Sampling()`.
        ema: whether to evaluate the averaged generator; False evaluates the raw one.
        max_features: number of features stored on each side for metrics that need single features.
        fast: whether to use fewer images, a smaller extractor and fewer metrics.
        resolution: resolution of images on disk. Default: that of the generator, if there is one.
        value_range: pixel values of black and white in images on disk, on both sides, as for `open_images`. Default:
            those that the run was trained with.
        layout: layout of arrays on disk (.npy, .npz), on each side that is one, as for `open_images`. Default: that
            with which the run was trained.
        segmenter: segmenter that scores images generated from label maps, as for `find_segmenter` (default: "fitted"),
            or that the metric fsd of other generators needs, as for `labeled_segmenter`.
        lpips: files of the backbone and of the linear weights of LPIPS, which then replaces pd-lite0-128 in evaluations
            of super-resolution.
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
    layout: Layout | None = None
    segmenter: str | Path | Segmenter | None = None
    lpips: tuple[str | Path, str | Path] | None = None

    @property
    def most_images(self) -> int:
        """Largest number of images drawn from a generator if `num` is None."""
        return FAST_IMAGES if self.fast else REPORT_IMAGES

    def metric_names(self) -> tuple[str, ...] | None:
        """Return the short names of the metrics; None means the default ones that can be computed.

        Raises:
            ValueError: if a name is unknown.
        """
        if self.metrics is None:
            return QUICK_METRICS if self.fast else None
        return chosen_metrics(self.metrics, fsd=True)

    def check_counts(self) -> None:
        """Raise ValueError if there are too few images for an evaluation."""
        for name, count in (("num", self.num), ("num_real", self.num_real)):
            if count is not None and count < 2:
                raise ValueError(f"{name} is {count}; an evaluation needs at least 2 images on each side")
