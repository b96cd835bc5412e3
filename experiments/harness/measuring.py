"""Flags for the scores of runs with labels: samples, extractor, and `--measure` during training.

A paper that reports the checkpoint with the best FID reports another kind of number than the last checkpoint's, above
all for runs that collapse. With `--measure`, a table has both.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

from experiments.harness.judging import Judge
from experiments.harness.results import Case

CURVES = {"fd": "Frechet distance", "is": "inception score"}


def add_judging_flags(flags: argparse.ArgumentParser) -> None:
    """Add `--measure`, for the curves of a paper, and `--samples` and `--extractor`, for its protocol."""
    flags.add_argument("--samples", type=int, help="samples of a run (default: 1,000 of digits, else 2,000)")
    flags.add_argument(
        "--extractor",
        help="of FD and IS, such as inception:PATH (default: the digits classifier, else lite0:64)",
    )
    flags.add_argument(
        "--measure",
        type=int,
        default=0,
        help="number of measurements of FD and IS during training (default: only at the end)",
    )


def judge_of(options: argparse.Namespace, metrics: tuple[str, ...]) -> Judge:
    """Return the judge: on the bundled digits their own classifiers, elsewhere with the inception score too.

    Args:
        options: with `on` and `data`, and the flags of `add_judging_flags`.
        metrics: of `everymode evaluate`.
    """
    if is_of_digits(options):
        return Judge(options.samples or 1000, metrics, "", options.extractor)
    return Judge(options.samples or 2000, (*metrics, "is"), options.data, options.extractor or "lite0:64")


def is_of_digits(options: argparse.Namespace) -> bool:
    """Return whether the set runs on the bundled digits."""
    return options.on == "digits" and not options.data


def columns_of(options: argparse.Namespace, metrics: tuple[str, ...]) -> list[str]:
    """Return a table's first scores: the last checkpoint's, and the best if runs were measured during training."""
    whole = {"fd": ["fd"], "pr": ["precision", "recall"], "per-class": ["fd-per-class"]}
    digits = is_of_digits(options)
    return [
        *(name for metric in metrics for name in whole[metric]),
        *([] if digits else ["is"]),
        *(["best fd", "best fd at", "best is"] if options.measure else []),
        *(["agreement", "variety"] if digits else ["agreement"]),
    ]


def measured(cases: Sequence[Case], times: int, extractor: str | None, samples: int) -> list[Case]:
    """Return the cases with N measurements during training, against the training images; 0 = unchanged."""
    if not times:
        return list(cases)
    numbers = {"metrics": "fd,is", "metric_extractor": extractor, "metric_images": samples}
    return [
        case._replace(recipe=replace(case.recipe, snapshot=max(1, case.recipe.steps // times), **numbers))
        for case in cases
    ]
