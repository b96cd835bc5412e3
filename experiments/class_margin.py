"""Multi-hinge GAN's Table 1, figures 4 and 7, its ImageNet-64 table, and its comparison at 10 % of the labels.

    python -m experiments.class_margin [--budget 1] [--seeds 3]
    python -m experiments.class_margin --part labels
    python -m experiments.class_margin --on cifar10 --data cifar10-train.parquet --width 16 --budget 0.001
    python -m experiments.class_margin --on imagenet128 --data imagenet/train     (or imagenet64; for many GPUs)

--part supervised compares SAGAN (projection alone), AC-GAN and Multi-hinge GAN, all with projection. `last
self_accuracy` and `last validation_accuracy` are those of the class head or, for projection alone, of the argmax over k
of D(x, k). The distances per class are in each run's outcome.json. If both SAGAN and Multi-hinge GAN are selected, the
report has figure 4c, the distances per class of one against the other, and figures 5 and 6, samples of the classes that
improve and worsen most. With --measure N the curves have the distance during training (figures 4a, 4b, 10, 11).

--part labels uses one label in ten. AC-GAN and Multi-hinge GAN train on pseudo-labels by their class head; projection
trains on the labeled images alone. In the pre-labeling baseline, a classifier trained on the labeled images labels the
unlabeled ones once, and AC-GAN and Multi-hinge GAN train on all images as labeled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import everymode
from everymode.data.dataset import Dataset
from everymode.data.hiding import hide_labels
from everymode.data.source import digest_of
from everymode.recipe import Recipe
from everymode.recipes import find
from experiments.harness.budget import scaled, width_of
from experiments.harness.class_distances import compare_classes, described, draw_extremes, draw_scatter
from experiments.harness.curves import plot
from experiments.harness.flags import chosen, parser
from experiments.harness.measuring import CURVES, add_judging_flags, columns_of, judge_of, measured
from experiments.harness.renumbering import add_numbers_flag, changed_numbers, renumbered
from experiments.harness.repeated import run_all
from experiments.harness.report import report
from experiments.harness.results import Case, Outcome
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
    "watch/self_accuracy": "samples whose class D predicts (self accuracy)",
    "watch/validation_accuracy": "held-out images whose class D predicts (validation accuracy)",
    "watch/labels_hit": "samples whose nearest reals are of the requested class",
    "watch/coverage": "coverage of the reals",
    "watch/variety": "variety within a class",
    "watch/training_above_0": "training images that D classifies as real (figure 7b)",
    "watch/held_out_above_0": "held-out images that D classifies as real (figure 7b)",
} | CURVES
SCATTERED = ("SAGAN", "Multi-hinge GAN")
"""Methods whose distances per class are compared."""
LABELED = 0.1
"""Share of the images that keep their label."""


def labeled_only(data: Dataset, seed: int) -> Dataset:
    """Return the images that keep their label."""
    hidden = hide_labels(data, LABELED, seed)
    return hidden.subset(np.flatnonzero(hidden.labels >= 0))


def labeled_beforehand(data: Dataset, seed: int) -> Dataset:
    """Return all images: a tenth with true labels, the others with labels predicted by a classifier of that tenth."""
    from everymode.extractors.classifiers import predicted_labels, train_classifier

    known = labeled_only(data, seed)
    hidden = hide_labels(data, LABELED, seed)
    classifier = train_classifier(
        np.asarray(known.images), known.labels, num_classes=len(data.classes), name=f"a tenth of {data.name}"
    )
    predicted = np.asarray(predicted_labels(classifier, np.asarray(data.images)))
    labels = np.where(hidden.labels >= 0, hidden.labels, predicted)
    correct = (labels == data.labels)[hidden.labels < 0].mean()
    return replace(
        data,
        labels=labels,
        fingerprint=digest_of(data.fingerprint, "labels guessed", labels.tobytes()),
        notes=(*data.notes, f"{correct:.1%} of the predicted labels are correct"),
    )


def on_equal_terms(recipe: Recipe, other: Recipe) -> Recipe:
    """Return `other` with the name and the loss of `recipe`, so that the two differ in nothing else."""
    return replace(other, name=recipe.name, loss=recipe.loss)


def supervised(on: str) -> dict[str, Recipe]:
    """Return name -> recipe of projection alone, with cross-entropy and with the multi-hinge loss, otherwise equal."""
    multi_hinge = find(f"multi-hinge-gan-{on}")
    paper = on.startswith("imagenet")
    if paper:
        auxiliary = find(f"ac-gan-{on}")
    else:
        auxiliary = find(f"ac-gan-ssl-{on}").with_numbers(labeled_fraction=1.0, labeled_share=None)
    projection = find(f"biggan-{on}" if on == "digits" else f"sagan-{on}")
    if on == "digits":  # the three recipes of digits differ in more than the loss
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
    """Return the cases of a part."""
    numbers: dict[str, Any] = {} if width is None else {"width": width}
    if held_out:
        numbers["held_out"] = held_out

    def case(name: str, recipe: Recipe, prepare: Callable[[Dataset, int], Dataset] | None = None) -> Case:
        return Case(name, scaled(recipe, budget, **numbers), data or recipe.data, prepare)

    by_name = supervised(on)
    if part == "supervised":
        return [case(name, recipe) for name, recipe in by_name.items()]
    guessing = find(f"multi-hinge-ssl-{on}")
    # On digits pseudo-labels need more steps, so all cases have those hyper-parameters.
    same = {name: guessing.flat_numbers()[name] for name in ("steps", "beta1", "initialization")}

    def supervised_case(name: str, method: str, prepare: Callable[[Dataset, int], Dataset] | None) -> Case:
        return case(name, by_name[method].with_numbers(**same), prepare)

    return [
        case("AC-GAN, own guesses", find(f"ac-gan-ssl-{on}").with_numbers(**same)),
        case("Multi-hinge GAN, own guesses", guessing),
        supervised_case("SAGAN, labeled images alone", "SAGAN", labeled_only),
        supervised_case("AC-GAN, labeled beforehand", "AC-GAN", labeled_beforehand),
        supervised_case("Multi-hinge GAN, labeled beforehand", "Multi-hinge GAN", labeled_beforehand),
    ]


def classes_compared(outcomes: Sequence[Outcome], out: Path) -> list[str]:
    """Draw figures 4c, 5 and 6 into a folder, and return what they show; [] unless both methods were run."""
    compared = compare_classes(outcomes, *SCATTERED)
    if not compared:
        return []
    scatter = draw_scatter(compared, SCATTERED, out / "figure-4c.png")
    generators = {}
    for name in SCATTERED:
        first = next(outcome for outcome in outcomes if outcome.case == name)
        generators[name] = everymode.load(first.folder)
    extremes = draw_extremes(generators, compared, out / "figures-5-and-6.png")
    return [f"{described(compared)}. Figures: {scatter.name}, {extremes.name}"]


def main() -> None:
    flags = parser(__doc__, out="class-margin")
    flags.add_argument(
        "--part",
        choices=("supervised", "labels"),
        default="supervised",
        help="part of the experiment (default: supervised)",
    )
    flags.add_argument(
        "--on",
        choices=("digits", "cifar10", "imagenet64", "imagenet128"),
        default="digits",
        help="data of the recipes (default: digits)",
    )
    flags.add_argument("--data", default="", help="path of CIFAR or ImageNet")
    flags.add_argument("--held-out", default="", help="path of its test images, for the validation accuracy")
    flags.add_argument("--width", type=int, help="base number of channels (default: the recipes')")
    add_numbers_flag(flags)
    add_judging_flags(flags)
    options = flags.parse_args()
    if options.on != "digits" and not options.data:
        flags.error(f"--on {options.on} needs --data, such as {options.on}-train.parquet or imagenet/train")
    if options.on == "imagenet64" and options.part == "labels":
        flags.error(
            "--part labels is not available: the paper's comparison at 10 % of the labels is at 128 pixels. "
            "Use --part supervised or --on imagenet128"
        )
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
    by_class = classes_compared(outcomes, out) if options.part == "supervised" else []
    columns = [*columns_of(options, metrics), "last self_accuracy", "last validation_accuracy"]
    facts = [
        f"Multi-hinge GAN's comparison ({options.part}) on {options.on}; the paper's scores are of ImageNet",
        f"Budget: {options.budget:g} of each recipe's steps ({all_cases[0].recipe.steps:,}); width "
        f"{width_of(all_cases[0].recipe)}; {options.seeds} seeds, mean ± standard deviation"
        f"{changed_numbers(options.numbers)}",
        f"Scores: averaged generator, {judge.samples:,} samples; fd by {judge.extractor or 'the digits classifier'}",
        f"Curves: {picture.name}",
        *by_class,
    ]
    head = "paper IS (128) | paper FID (128) | paper IS (64) | paper FID (64)"
    report("Class margins", facts, table(outcomes, columns, PAPER, head), out)


if __name__ == "__main__":
    main()
