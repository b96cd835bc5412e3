"""Flags of `everymode evaluate`: protocol and results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from everymode.commands.layout import LayoutFlag
from everymode.commands.numbers import whole_number
from everymode.commands.perceptual_flags import Backbone, Linear, require_both
from everymode.commands.sample_flags import Reject
from everymode.commands.value_range import ValueRange

if TYPE_CHECKING:
    from everymode.evaluation.protocol import Protocol


@dataclass(frozen=True, kw_only=True)
class ProtocolFlags:
    """Flags that may change the scores."""

    metrics: Annotated[
        str | None,
        Parameter(
            help="Comma-separated list of fd, fd-inf, kd, pr, dc, is, per-class, and fsd with --segmenter (default: "
            "fd,kd,pr,dc,is)."
        ),
    ] = None
    extractor: Annotated[
        str | None,
        Parameter(
            help="Feature extractor, such as lite0:128, inception (FID), inception:PATH or classifier:DATA (default: "
            "lite0 at 128 pixels, at 224 on a GPU, at 64 with --fast; digits for the built-in digits). inception needs "
            "pt_inception-2015-12-05-6726825d.pth of pytorch-fid, at $EVERYMODE_INCEPTION or in "
            "$EVERYMODE_CACHE/weights; if it is missing, the error message has its address."
        ),
    ] = None
    layer: Annotated[str | None, Parameter(help="Feature layer (default: the extractor's first).")] = None
    num: Annotated[
        int | None,
        Parameter(
            help="Number of generated images (default: as many as real ones, at most 10,000; all of a set of images).",
            converter=whole_number,
        ),
    ] = None
    num_real: Annotated[
        int | None,
        Parameter(help="Number of real images, a random subset (default: all).", converter=whole_number),
    ] = None
    seed: Annotated[
        int,
        Parameter(
            help="Seed of the generated images; different seeds share no image. Of a set of images: seed of the random "
            "subset.",
            converter=whole_number,
        ),
    ] = 0
    truncation: Annotated[
        float, Parameter(help="Truncation of z; below 1 trades variety for typicality, 1 is none.")
    ] = 1.0
    truncation_rule: Annotated[
        Literal["scale", "resample"],
        Parameter(help="scale: multiply z by the truncation; resample: redraw entries of z beyond it."),
    ] = "scale"
    ema: Annotated[
        bool, Parameter(help="Evaluate the averaged generator; --no-ema: the raw one.", negative="--no-ema")
    ] = True
    label_prior: Annotated[
        Literal["data", "uniform", "source"] | None,
        Parameter(
            help="Distribution of the labels: as in the training data, uniform, or as the label source draws them "
            "(default: data if labels are classes, else source)."
        ),
    ] = None
    reject: Reject = None
    batch_statistics: Annotated[
        bool,
        Parameter(
            help="Normalize each batch of 64 by its own statistics (batch normalization in training mode), as is usual "
            "for CIFAR-10.",
            negative="",
            show_default=False,
        ),
    ] = False
    standing_statistics: Annotated[
        bool,
        Parameter(
            help="Recompute the statistics of batch normalization over 16 batches of 64.",
            negative="",
            show_default=False,
        ),
    ] = False
    max_features: Annotated[
        int,
        Parameter(
            help="Maximum number of features stored per side, for all metrics except fd.",
            converter=whole_number,
        ),
    ] = 10_000
    fast: Annotated[
        bool,
        Parameter(
            help="Quick estimate: 2,000 generated and up to 10,000 real images, lite0 at 64 pixels, metrics fd,kd.",
            negative="",
            show_default=False,
        ),
    ] = False
    resolution: Annotated[
        str | None,
        Parameter(help="Resolution of images on disk (default: the generator's).", metavar="SIZE"),
    ] = None

    value_range: ValueRange = None
    layout: LayoutFlag = None

    segmenter: Annotated[
        str | None,
        Parameter(
            help="Segmenter of --metrics fsd, or of images generated from label maps: palette (fsd of runs on shapes), "
            "fitted (a small network, fitted to the training pictures and their maps), a .safetensors file with its "
            "weights, or a trusted .py file with a function segment(images) -> label maps (default: fitted for label "
            "maps, none for fsd).",
            metavar="palette|fitted|FILE",
        ),
    ] = None

    lpips_backbone: Backbone = None
    lpips_linear: Linear = None

    def check(self) -> None:
        """Check that no two flags exclude each other, and that none lacks another one.

        Raises:
            ValueError: if two do, or one does.
        """
        require_both(self.lpips_backbone, self.lpips_linear)
        if self.batch_statistics and self.standing_statistics:
            raise ValueError(
                "--batch-statistics and --standing-statistics exclude each other: set one of the two"
            )

    def protocol(self) -> Protocol:
        """Return the protocol that the flags describe.

        Raises:
            ValueError: if a value is out of range.
        """
        from everymode.evaluation.protocol import Protocol
        from everymode.evaluation.sampling import Sampling

        batch_norm = (
            "batch" if self.batch_statistics else "standing" if self.standing_statistics else "running"
        )
        sampling = Sampling(
            seed=self.seed,
            truncation=self.truncation,
            truncation_rule=self.truncation_rule,
            label_prior=self.label_prior,
            batch_norm=batch_norm,
            rejection=self.reject,
        )
        names = (
            "metrics",
            "extractor",
            "layer",
            "num",
            "num_real",
            "ema",
            "max_features",
            "fast",
            "resolution",
            "value_range",
            "layout",
            "segmenter",
        )
        values = {name: getattr(self, name) for name in names}
        if self.lpips_backbone is not None and self.lpips_linear is not None:
            values["lpips"] = (self.lpips_backbone, self.lpips_linear)
        return Protocol(sampling=sampling, **values)


@dataclass(frozen=True, kw_only=True)
class ResultFlags:
    """Flags of the results to compute and write."""

    truncation_curve: Annotated[
        bool,
        Parameter(
            help="Evaluate at several truncations, and write a table and a plot.",
            negative="",
            show_default=False,
        ),
    ] = False
    truncations: Annotated[
        str | None,
        Parameter(help="Truncations of the curve, such as 0.5,0.7,1 (default: 0.05 to 1 in 20 steps)."),
    ] = None
    memorization: Annotated[
        bool,
        Parameter(
            help="Write an image of samples beside their nearest real images too.",
            negative="",
            show_default=False,
        ),
    ] = False
    held_out: Annotated[
        str | None,
        Parameter(
            help="Real images that were not trained on, for the memorization gap; implies --memorization."
        ),
    ] = None
    out: Annotated[
        Path | None,
        Parameter(
            help="Score card to write, a .json file (default: a file in the run's folder `evaluations`)."
        ),
    ] = None
    as_json: Annotated[
        bool,
        Parameter(
            name="--json",
            help="Print the score card as JSON, not as a table.",
            negative="",
            show_default=False,
        ),
    ] = False

    @property
    def curve(self) -> bool:
        """Whether a truncation curve is requested."""
        return self.truncation_curve or self.truncations is not None

    @property
    def nearest(self) -> bool:
        """Whether the nearest real images are requested."""
        return self.memorization or self.held_out is not None

    def check(self) -> None:
        """Check that no two flags exclude each other.

        Raises:
            ValueError: if two do.
        """
        if self.curve and self.nearest:
            raise ValueError("--truncation-curve and --memorization exclude each other: set one of the two")
