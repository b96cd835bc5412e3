"""Self-Conditioned GAN on photographs: the paper's tables 2 to 7, appendices C.2 and C.5, and figures 4, 10 and 11.

    python -m experiments.self_conditioned_images --part k --data cifar10-train.parquet [--budget 1] [--seeds 5]

Parts:
  methods    every method of table 2
  k          the number of clusters, 10 to 1,000 (table 3)
  tricks     without the old centers, without matching, with neither; each with and without R1 (table 6)
  features   with and without R1, class-conditional or not (appendix C.5: a linear classifier of D's features)
  imagenet   the methods of table 4 at 128 pixels (places365: on Places365); for many GPUs
  joint      GAN, self-conditioned and class-conditional on both (table 7, appendix C.2):
             --part joint --data "joined:imagenet/train|places365/train"

Each row has all scores: Fréchet distance and inception score (the paper's are Inception's; ours are of --extractor),
the reverse KL divergence of the samples' classes, the agreement of the clusters with the classes (table 5) and with the
previous clustering, and the accuracy of the linear classifier. surest.png shows, per method, the samples to which a
classifier assigns the highest probability of one class, highest first. --data may be any folder of images. Without
labels there are no classes to compare with, and rows that need labels are omitted, as are those with more clusters than
images.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import everymode
from everymode.data.dataset import Dataset
from everymode.data.opening import open_images
from everymode.data.order import random_permutation
from everymode.extractors.finding import find_extractor, image_batches
from everymode.pictures import save_grid
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.recipes.parts.fixed_features import FixedFeatures
from everymode.recipes.self_conditioned import Clusters
from experiments.harness.budget import scaled, width_of
from experiments.harness.flags import chosen, parser
from experiments.harness.image_trials import (
    ImageJudge,
    class_logits,
    play_once,
    surest,
)
from experiments.harness.renumbering import add_numbers_flag, changed_numbers, renumbered
from experiments.harness.repeated import few_images, run_all
from experiments.harness.report import report
from experiments.harness.results import Case, Outcome
from experiments.harness.tables import Column, trial_table
from experiments.self_conditioned_scores import DATA_OF_PARTS, PAPER, PAPER_NOTES

METHODS = (
    *("gan", "pac-gan2", "pac-gan3", "pac-gan4", "logo-gan-ae", "random-labels-gan", "rotnet-gan"),
    *("online-self-conditioned", "self-conditioned", "logo-gan-rc", "conditional-gan"),
)
CLUSTERS = (10, 25, 100, 250, 1000)

TRICKS = {
    "neither": {"match_clusters": False, "keep_centers": False},
    "no matching": {"match_clusters": False},
    "no centers": {"keep_centers": False},
    "full": {},
}
COLUMNS = (
    Column("fd", "FD"),
    Column("is", "IS"),
    Column("kl", "reverse KL of classes, nats", digits=4),
    Column("kl log10", "base 10", digits=4),
    Column("nmi", "NMI with classes", digits=3),
    Column("purity", "purity", digits=3),
    Column("inverse purity", "inverse purity", digits=3),
    Column("nmi with previous", "NMI with the previous clustering", digits=2),
    Column("probe", "D's features, linear %", share=True, digits=1),
)


def recipes(part: str, r1_weight: float) -> dict[str, Recipe]:
    """Return the recipes of one part by the name of their row, on CIFAR-10's networks."""
    own = find("self-conditioned-cifar10")
    if part == "methods":
        return {method: find(f"{method}-cifar10") for method in METHODS}
    if part == "k":
        swept = {f"k = {k}": own.with_numbers(clusters=k) for k in CLUSTERS}
        return {"gan": find("gan-cifar10"), **swept, "conditional-gan": find("conditional-gan-cifar10")}
    if part == "joint":
        names: dict[str, dict[str, Any]] = {
            "gan": {"r1_weight": 100.0},
            "self-conditioned": {},
            "conditional-gan": {"fake_labels": "data"},
        }
        return {name: find(f"{name}-imagenet128").with_numbers(**numbers) for name, numbers in names.items()}
    if part in DATA_OF_PARTS:
        return {method: find(f"{method}-{part.removesuffix('365')}128") for method in PAPER[part]}
    if part == "tricks":
        plain = {name: own.with_numbers(**numbers) for name, numbers in TRICKS.items()}
    else:
        plain = {name: find(f"{name}-cifar10") for name in ("conditional-gan", "self-conditioned")}
    with_r1 = {f"{name} with R1": each.with_numbers(r1_weight=r1_weight) for name, each in plain.items()}
    return plain | with_r1


def cases(
    part: str, data: str, budget: float, *, r1_weight: float = 10.0, images: int = 0, width: int | None = None
) -> list[Case]:
    """Return the cases of one part on a dataset.

    Args:
        images: number of training images, equally many of each class; 0 = all.
    """
    prepare = partial(few_images, images=images) if images else None
    made = []
    for name, recipe in recipes(part, r1_weight).items():
        numbers, labels = {"width": width or width_of(recipe)}, recipe.labels
        if isinstance(labels, Clusters) and images:
            numbers["cluster_images"] = max(min(labels.cluster_images, images), labels.clusters or 1)
        made.append(Case(name, scaled(recipe, budget, **numbers), data, prepare))
    return made


def possible(all_cases: Sequence[Case], data: Dataset, images: int) -> tuple[list[Case], list[str]]:
    """Return the cases that the data allow, and for each of the others a sentence that states why it is omitted."""
    count = min(images or len(data), len(data))
    omitted = {}
    for case in all_cases:
        labels = case.recipe.labels
        if case.recipe.needs_labels() and not any(data.class_counts):
            omitted[case.name] = f"{case.name} is omitted: it needs labels, and {data.name} has none"
        elif isinstance(labels, Clusters | FixedFeatures) and (labels.clusters or 1) > count:
            omitted[case.name] = f"{case.name} is omitted: there are {count} images, fewer than clusters"
    return [case for case in all_cases if case.name not in omitted], list(omitted.values())


def draw_surest(
    outcomes: Sequence[Outcome],
    all_cases: Sequence[Case],
    data: Dataset,
    classifier: Any,
    label: int,
    path: Path,
    *,
    samples: int,
    columns: int = 20,
) -> Path:
    """Draw the images with the highest probability of a class, one row for the real ones and for each method.

    The runs are those of each method's first seed.
    """
    rows = [_surest_reals(data, classifier, label, samples, columns)]
    for case in all_cases:
        first = next(outcome for outcome in outcomes if outcome.case == case.name)
        generator = everymode.load(first.folder, recipe=case.recipe)
        rows.append(surest(generator, classifier, label, samples=samples, shown=columns)[0])
    shown = torch.cat(rows).float() / 127.5 - 1
    return save_grid(shown, path, columns=columns, row_names=["real", *[case.name for case in all_cases]])


def _surest_reals(data: Dataset, classifier: Any, label: int, samples: int, columns: int) -> Tensor:
    # A random subset, since folders are ordered by class; a copy, since the file may be mapped read-only.
    rows = np.sort(random_permutation(0, "surest reals", 0, len(data))[:samples])
    images = torch.from_numpy(np.array(data.images[rows]))
    sure = class_logits(classifier, image_batches(images)).double().softmax(1)[:, label]
    return images[sure.argsort(descending=True, stable=True)[:columns]]


def own_parser() -> argparse.ArgumentParser:
    """Return a parser with the flags of this experiment and those that every experiment has."""
    flags = parser(__doc__, out="self-conditioned-images")
    flags.add_argument(
        "--part", choices=tuple(PAPER), default="methods", help="part of the experiment (default: methods)"
    )
    flags.add_argument("--data", required=True, help="images to train on, such as cifar10-train.parquet")
    flags.add_argument(
        "--images",
        type=int,
        default=0,
        help="number of training images, equally many of each class (default: all)",
    )
    flags.add_argument(
        "--held-out",
        default="",
        help="images with the same classes for the linear classifier of D's features (default: those that --images "
        "omits; without --images, those that D was trained on)",
    )
    flags.add_argument("--samples", type=int, default=10_000, help="samples of each run (default: 10,000)")
    flags.add_argument(
        "--reals",
        type=int,
        default=0,
        help="number of real images that they are compared with (default: all)",
    )
    flags.add_argument("--extractor", default="lite0:64", help="extractor of FD and IS (default: lite0:64)")
    flags.add_argument("--width", type=int, help="width of all networks (default: the paper's 64)")
    flags.add_argument(
        "--r1-weight", type=float, default=10.0, help="weight of R1 in rows that have it (default: 10)"
    )
    flags.add_argument(
        "--classifier",
        default="",
        help="classifier for surest.png (default: one of the dataset, lite0:128 without labels)",
    )
    flags.add_argument(
        "--shown-class", type=int, default=0, help="index of the class in surest.png (default: 0)"
    )
    add_numbers_flag(flags)
    return flags


def facts_of(
    options: argparse.Namespace, recipe: Recipe, data: Dataset, omitted: Sequence[str], classifier: str
) -> list[str]:
    """Return the conditions of a set, for its report.

    Args:
        recipe: any case's, for the hyper-parameters that all cases share.
        omitted: sentences about the omitted cases.
        classifier: name of the classifier of surest.png.
    """
    return [
        f"Self-Conditioned GAN, {options.part}, on {options.data} ({options.images or len(data):,} images); "
        f"{recipe.steps} steps of batch {recipe.batch_size}, width {width_of(recipe)}, {options.seeds} seeds"
        f"{changed_numbers(options.numbers)}",
        f"{options.samples:,} samples of the averaged generator against {options.reals or len(data):,} images, "
        f"{options.extractor}; "
        "mean ± standard error over seeds",
        f"Weight of R1 in rows that have it: {options.r1_weight:g} (the paper does not state its weight on CIFAR-10)",
        PAPER_NOTES[options.part],
        f"Linear classifier of D's features: on {probed_images(options, data)}",
        *omitted,
        f"surest.png: of {options.samples:,} samples, those with the highest probability, by {classifier}, of class "
        f"{data.classes[options.shown_class] if _has_classes(data) else options.shown_class}",
    ]


def probed_images(options: argparse.Namespace, data: Dataset) -> str:
    """Return a description of the images on which the linear classifier is trained and tested."""
    if options.held_out:
        return f"{options.held_out}, which D was not trained on"
    if 0 < options.images < len(data):
        return "images that D was not trained on"
    return "images that D was trained on (name others with --held-out)"


def _has_classes(data: Dataset) -> bool:
    """Return whether the data have several classes in one label block."""
    return isinstance(data.num_classes, int) and data.num_classes > 1


def main(arguments: Sequence[str] | None = None) -> None:
    flags = own_parser()
    options = flags.parse_args(arguments)
    every_case = cases(
        options.part,
        options.data,
        options.budget,
        r1_weight=options.r1_weight,
        images=options.images,
        width=options.width,
    )
    selected = renumbered(chosen(every_case, options.only), options.numbers)
    recipe = selected[0].recipe
    data = open_images(options.data, resolution=recipe.size, progress=False)
    all_cases, omitted = possible(selected, data, options.images)
    if not all_cases:
        flags.error("; ".join(omitted))
    judge = ImageJudge(
        options.samples, options.extractor, options.images, options.reals, held_out=options.held_out
    )
    out = options.out / options.part
    outcomes = run_all(
        all_cases,
        seeds=range(options.seeds),
        out=out,
        processes=options.processes,
        judge=judge,
        play=play_once,
    )
    named = options.classifier or (f"classifier:{options.data}" if _has_classes(data) else "lite0:128")
    classifier = find_extractor(named, open_data=partial(open_images, progress=False))
    draw_surest(
        outcomes,
        all_cases,
        data,
        classifier,
        options.shown_class,
        out / "surest.png",
        samples=options.samples,
    )
    source = DATA_OF_PARTS.get(options.part, "CIFAR-10")
    titles = tuple(f"paper, {source}: {score}" for score in ("FID", "IS", "reverse KL, base 10"))
    text = trial_table(outcomes, COLUMNS, PAPER[options.part], titles)
    facts = facts_of(options, recipe, data, omitted, named)
    report("Self-Conditioned GAN on images", facts, text, out)


if __name__ == "__main__":
    main()
