"""The flags of `everymode evaluate`: how it judges, and what it writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from everymode.commands.numbers import whole_number
from everymode.commands.value_range import ValueRange

if TYPE_CHECKING:
    from everymode.evaluation.protocol import Protocol


@dataclass(frozen=True, kw_only=True)
class ProtocolFlags:
    """How it judges: what may change the numbers."""

    metrics: Annotated[
        str | None, Parameter(help="Of fd,fd-inf,kd,pr,dc,is,per-class; left out, fd,kd,pr,dc,is.")
    ] = None
    extractor: Annotated[
        str | None,
        Parameter(
            help="Feature extractor, such as lite0:128, inception:PATH or classifier:DATA; left out, lite0 at 128 "
            "pixels (224 on a GPU; 64 with --fast), or digits for the bundled digits."
        ),
    ] = None
    layer: Annotated[str | None, Parameter(help="Of the extractor, if not its first.")] = None
    num: Annotated[
        int | None,
        Parameter(
            help="Generated images; left out, as many as real ones, at most 10,000.", converter=whole_number
        ),
    ] = None
    num_real: Annotated[
        int | None,
        Parameter(help="Real images, chosen at random; left out, all.", converter=whole_number),
    ] = None
    seed: Annotated[int, Parameter(help="Which images of the generator.", converter=whole_number)] = 0
    truncation: Annotated[float, Parameter(help="Below 1 trades variety for typicality.")] = 1.0
    truncation_rule: Annotated[
        Literal["scale", "resample"],
        Parameter(help="Multiply z by the truncation, or redraw what lies beyond it."),
    ] = "scale"
    ema: Annotated[
        bool, Parameter(help="Judge the averaged generator; --no-ema: the raw one.", negative="--no-ema")
    ] = True
    label_prior: Annotated[
        Literal["data", "uniform", "source"] | None,
        Parameter(
            help="Labels as frequent as in the data, all equally, or as the label source draws them; left out, data "
            "where labels are the data's classes."
        ),
    ] = None
    reject: Annotated[
        int | None,
        Parameter(
            help="Draw again, at most so often, what is not in the part it was asked for (generators on partitions).",
            converter=whole_number,
        ),
    ] = None
    batch_statistics: Annotated[
        bool,
        Parameter(help="Batch normalization by each batch of 64, as is usual for CIFAR-10.", negative=""),
    ] = False
    standing_statistics: Annotated[
        bool,
        Parameter(help="Batch normalization by statistics taken anew over 16 batches of 64.", negative=""),
    ] = False
    max_features: Annotated[
        int, Parameter(help="Features kept on each side, for all metrics but fd.", converter=whole_number)
    ] = 10_000
    fast: Annotated[
        bool,
        Parameter(
            help="2,000 generated and up to 10,000 real images, lite0 at 64 pixels, fd,kd.", negative=""
        ),
    ] = False
    resolution: Annotated[
        str | None,
        Parameter(help="Size at which images are opened; left out, the generator's.", metavar="SIZE"),
    ] = None

    value_range: ValueRange = None

    def check(self) -> None:
        """Raise ValueError for flags that exclude each other."""
        if self.batch_statistics and self.standing_statistics:
            raise ValueError(
                "--batch-statistics and --standing-statistics exclude each other: give one of the two"
            )

    def protocol(self) -> Protocol:
        """What the flags ask for. Raises ValueError for numbers out of range."""
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
        )
        return Protocol(sampling=sampling, **{name: getattr(self, name) for name in names})


@dataclass(frozen=True, kw_only=True)
class ResultFlags:
    """What it writes."""

    truncation_curve: Annotated[
        bool,
        Parameter(help="Judge at many truncations; writes a table and a plot.", negative=""),
    ] = False
    truncations: Annotated[
        str | None, Parameter(help="Those of the curve, as in 0.5,0.7,1; left out, 0.05 to 1 in 20 steps.")
    ] = None
    memorization: Annotated[
        bool,
        Parameter(help="Also a picture of samples beside their nearest real images.", negative=""),
    ] = False
    held_out: Annotated[
        str | None, Parameter(help="Real images kept out of training, for the memorization gap.")
    ] = None
    out: Annotated[
        Path | None, Parameter(help="Score card to write (.json); left out, in the run's `evaluations`.")
    ] = None
    as_json: Annotated[bool, Parameter(name="--json", help="Print the card, no table.", negative="")] = False

    @property
    def curve(self) -> bool:
        """Whether a truncation curve is asked for."""
        return self.truncation_curve or self.truncations is not None

    @property
    def nearest(self) -> bool:
        """Whether the nearest real images are asked for."""
        return self.memorization or self.held_out is not None

    def check(self) -> None:
        """Raise ValueError for flags that exclude each other."""
        if self.curve and self.nearest:
            raise ValueError(
                "--truncation-curve and --memorization are two evaluations: ask for one of the two"
            )
