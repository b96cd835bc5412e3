"""Multi-hinge GAN's Table 1, figures 4 and 7, its ImageNet-64 table, and its comparison at 10 % of the labels.

    python -m experiments.class_margin [--budget 1] [--seeds 3]
    python -m experiments.class_margin --part labels
    python -m experiments.class_margin --on cifar10 --data cifar10-train.parquet --width 16 --budget 0.001
    python -m experiments.class_margin --on imagenet128 --data imagenet/train     (or imagenet64; for many GPUs)

Part supervised: SAGAN (projection alone), AC-GAN and Multi-hinge GAN, all with projection; `last self_accuracy` and
`last validation_accuracy` are those of the class head, or of the argmax over k of D(x, k) for projection alone; the
per-class distances are in each run's evaluation. Part labels: one label in ten. AC-GAN and Multi-hinge GAN with
pseudo-labels of their own class head; projection trained on the labeled images alone; and the pre-labeling baseline:
the unlabeled images are labeled once, by a classifier trained on the labeled ones, and AC-GAN takes all as labeled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from everymode.data.dataset import Dataset
from everymode.data.hiding import hide_labels
from everymode.data.source import digest_of
from everymode.recipe import Recipe
from everymode.recipes import find
from experiments.harness.budget import scaled, width_of
from experiments.harness.curves import plot
from experiments.harness.flags import chosen, parser
from experiments.harness.measuring import CURVES, add_judging_flags, columns_of, judge_of, measured
from experiments.harness.renumbering import add_numbers_flag, changed_numbers, renumbered
from experiments.harness.repeated import run_all
from experiments.harness.report import report
from experiments.harness.results import Case
from experiments.harness.tables import table

PAPER = {
    # ImageNet at 128 pixels, then at 64: IS and FID of 50,000 images
    "SAGAN": ["52.79", "16.39", "19.60", "15.49"],
    "AC-GAN": ["48.94", "24.72", "-", "-"],
    "Multi-hinge GAN": ["61.98", "13.27", "22.16", "13.29"],
    "Multi-hinge GAN, shared": ["169.68", "8.87", "30.47", "10.03"],
    "AC-GAN, own guesses": ["32.38", "26.12", "-", "-"],
    "Multi-hinge GAN, own guesses": ["32.40", "26.12", "-", "-"],
}
SIGNALS = {
    "watch/self_accuracy": "samples whose class D sees (self accuracy)",
    "watch/validation_accuracy": "held-out images whose class D sees (validation accuracy)",
    "watch/labels_hit": "samples whose nearest reals are of the asked class",
    "watch/coverage": "coverage of the reals",
    "watch/variety": "variety within a class",
    "watch/training_above_0": "training images that D judges real (figure 7b)",
    "watch/held_out_above_0": "held-out images that D judges real (figure 7b)",
} | CURVES
LABELED = 0.1


def labeled_only(data: Dataset, seed: int) -> Dataset:
    """The images that keep their label."""
    hidden = hide_labels(data, LABELED, seed)
    return hidden.subset(np.flatnonzero(hidden.labels >= 0))


def labeled_beforehand(data: Dataset, seed: int) -> Dataset:
    """All images: a tenth with their own labels, the others with those that a classifier of that tenth gives them."""
    from everymode.extractors.classifiers import predicted_labels, train_classifier

    known = labeled_only(data, seed)
    hidden = hide_labels(data, LABELED, seed)
    classifier = train_classifier(
        np.asarray(known.images), known.labels, num_classes=len(data.classes), name=f"a tenth of {data.name}"
    )
    guessed = np.asarray(predicted_labels(classifier, np.asarray(data.images)))
    labels = np.where(hidden.labels >= 0, hidden.labels, guessed)
    right = (labels == data.labels)[hidden.labels < 0].mean()
    return replace(
        data,
        labels=labels,
        fingerprint=digest_of(data.fingerprint, "labels guessed", labels.tobytes()),
        notes=(*data.notes, f"{right:.1%} of the guessed labels are right"),
    )


def on_equal_terms(recipe: Recipe, other: Recipe) -> Recipe:
    """The recipe with all of the other's numbers and parts, but for its name and its loss."""
    return replace(other, name=recipe.name, loss=recipe.loss)


def supervised(on: str) -> dict[str, Recipe]:
    """Projection alone, with cross-entropy, with the multi-hinge loss, at the same numbers."""
    multi_hinge = find(f"multi-hinge-gan-{on}")
    paper = on.startswith("imagenet")
    if paper:
        auxiliary = find(f"ac-gan-{on}")
    else:
        auxiliary = find(f"ac-gan-ssl-{on}").with_numbers(labeled_fraction=1.0, labeled_share=None)
    projection = find(f"biggan-{on}" if on == "digits" else f"sagan-{on}")
    if on == "digits":  # where the recipes of the three differ in more than the loss
        auxiliary, projection = (on_equal_terms(recipe, multi_hinge) for recipe in (auxiliary, projection))
    shared = {"Multi-hinge GAN, shared": find(f"multi-hinge-shared-gan-{on}")} if paper else {}
    return {
        "SAGAN": projection,
        "AC-GAN": auxiliary,
        "AC-GAN, fakes too": auxiliary.with_numbers(aux_on_fake=True),
        "Multi-hinge GAN": multi_hinge,
        "Multi-hinge GAN, fakes too": multi_hinge.with_numbers(aux_on_fake=True),
        **shared,
    }


def cases(part: str, on: str, data: str, held_out: str, budget: float, width: int | None) -> list[Case]:
    """The cases of a part."""
    numbers: dict[str, Any] = {} if width is None else {"width": width}
    if held_out:
        numbers["held_out"] = held_out

    def case(name: str, recipe: Recipe, prepare: Callable[[Dataset, int], Dataset] | None = None) -> Case:
        return Case(name, scaled(recipe, budget, **numbers), data or recipe.data, prepare)

    found = supervised(on)
    if part == "supervised":
        return [case(name, recipe) for name, recipe in found.items()]
    guessing = find(f"multi-hinge-ssl-{on}")
    # On digits guessing takes longer: all are compared at equal numbers.
    same = {name: guessing.flat_numbers()[name] for name in ("steps", "beta1", "initialization")}

    def supervised_case(name: str, method: str, prepare: Callable[[Dataset, int], Dataset] | None) -> Case:
        return case(name, found[method].with_numbers(**same), prepare)

    return [
        case("AC-GAN, own guesses", find(f"ac-gan-ssl-{on}").with_numbers(**same)),
        case("Multi-hinge GAN, own guesses", guessing),
        supervised_case("SAGAN, labeled images alone", "SAGAN", labeled_only),
        supervised_case("AC-GAN, labeled beforehand", "AC-GAN", labeled_beforehand),
        supervised_case("Multi-hinge GAN, labeled beforehand", "Multi-hinge GAN", labeled_beforehand),
    ]


def main() -> None:
    flags = parser(__doc__, out="class-margin")
    flags.add_argument("--part", choices=("supervised", "labels"), default="supervised")
    flags.add_argument("--on", choices=("digits", "cifar10", "imagenet64", "imagenet128"), default="digits")
    flags.add_argument("--data", default="", help="where CIFAR or ImageNet is")
    flags.add_argument(
        "--held-out", default="", help="where its test images are, for the validation accuracy"
    )
    flags.add_argument("--width", type=int, help="base number of channels, in place of the recipes'")
    add_numbers_flag(flags)
    add_judging_flags(flags)
    options = flags.parse_args()
    if options.on != "digits" and not options.data:
        flags.error(f"--on {options.on} needs --data, such as {options.on}-train.parquet or imagenet/train")
    if options.on == "imagenet64" and options.part == "labels":
        flags.error("the paper's comparison at 10 % of the labels is at 128 pixels: choose --part supervised")
    out = options.out / options.part
    every_case = cases(
        options.part, options.on, options.data, options.held_out, options.budget, options.width
    )
    all_cases = renumbered(chosen(every_case, options.only), options.numbers)
    metrics = ("fd", "pr", "per-class")
    judge = judge_of(options, metrics)
    all_cases = measured(all_cases, options.measure, judge.extractor, judge.samples)
    outcomes = run_all(
        all_cases, seeds=range(options.seeds), out=out, processes=options.processes, judge=judge
    )
    picture = plot(outcomes, SIGNALS, out / "curves.png")
    columns = [*columns_of(options, metrics), "last self_accuracy", "last validation_accuracy"]
    facts = [
        f"Multi-hinge GAN's comparison ({options.part}) on {options.on}; the paper's numbers are of ImageNet",
        f"Budget: {options.budget:g} of each recipe's steps ({all_cases[0].recipe.steps:,}); width "
        f"{width_of(all_cases[0].recipe)}; {options.seeds} seeds, mean ± standard deviation"
        f"{changed_numbers(options.numbers)}",
        f"Scores: averaged generator, {judge.samples:,} samples; fd by {judge.extractor or 'the digits classifier'}",
        f"Curves: {picture.name}",
    ]
    head = "paper IS (128) | paper FID (128) | paper IS (64) | paper FID (64)"
    report("Class margins", facts, table(outcomes, columns, PAPER, head), out)


if __name__ == "__main__":
    main()
