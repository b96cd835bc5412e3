"""Partition-Guided GAN's tables 1, 2, 4 and 5 and its figure 5, at equal numbers of real images shown to D.

    python -m experiments.partition_guided [--on digits] [--part methods] [--budget 1] [--seeds 3]
    python -m experiments.partition_guided --on stacked-digits
    python -m experiments.partition_guided --on stacked-digits-16      at 16 pixels, for two CPU cores
    python -m experiments.partition_guided --on cifar10 --data cifar10-train.parquet
    python -m experiments.partition_guided --on stl10 --data stl10_binary
    python -m experiments.partition_guided --on 32 --data photos

--part methods (tables 1 and 2) compares a plain GAN (one part), random parts, parts without and with the guide, and the
true classes, all with the same networks and hyper-parameters; and Self-Conditioned GAN with its recipe's (on STL-10,
most images of which have no label, neither of the last two, as in the paper's table 2). --part k
(table 4) sweeps the number of parts, with and without the guide. --part weight (figure 5) sweeps the guide's weight at
the first step. All cases show equally many real images to D; the table has their G steps too, since PGMGAN takes
several D steps per G step. The partition of each k and seed is learned once; its quality is table 5. Guided generators
are scored without and with rejection (at most 21 draws per sample).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import everymode
from everymode.data.opening import open_images
from everymode.evaluation import Sampling, evaluate
from everymode.extractors.classifiers import classifier_for, predicted_labels
from everymode.extractors.finding import quantized
from everymode.metrics.clustering import nmi, purity
from everymode.metrics.modes import class_coverage
from everymode.partitioner import learn_partition
from everymode.partitioner.settings import DIGITS as DIGITS_PARTITION
from everymode.recipe import Recipe
from everymode.recipes import RECIPES, find
from everymode.recipes.partition_guided import DIGITS, Partition
from everymode.recipes.partition_learning import settings_for
from everymode.recipes.parts.given_labels import Given
from experiments.harness.budget import scaled, width_of
from experiments.harness.flags import chosen, parser
from experiments.harness.renumbering import add_numbers_flag, changed_numbers, renumbered
from experiments.harness.repeated import run_all, train_and_judge
from experiments.harness.report import report
from experiments.harness.results import Case, Outcome
from experiments.harness.tables import mean_and_spread, table

if TYPE_CHECKING:
    from torch import nn

    from everymode.game import LabelSource

PAPER = {
    "cifar10": {"partition-guided": ["8.93", "8.81"]},
    "stl10": {"partition-guided": ["19.52", "11.16"]},
}
"""FID and IS of 50,000 images, as other papers quote them."""
DATA = ("digits", "stacked-digits", "stacked-digits-16", "cifar10", "stl10", "32", "64", "128")
SWEPT_PARTS = {"digits": (5, 10, 20, 40)}
MORE_PARTS = (50, 100, 200, 400)
SWEPT_WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Factors on the recipe's guide weight."""
RETRIES = 20
MODE_SAMPLES = 10_000
"""Number of samples in which the 1,000 modes of stacked digits are counted."""
STACKED_REAL = 2000
"""Number of real images, of 100,000 stacked digits, for the Fréchet distance."""
STACKED_16 = DIGITS.with_numbers(
    name="partition-guided-stacked-digits-16",
    data="stacked-digits:samples=20000",
    held_out="",
    channels=3,
    steps=2000,
    guide_steps=1000,
    parts=100,
    partition=replace(DIGITS_PARTITION, starts=8, neighbors=20),
)
"""1,000 modes with the hyper-parameters of the bundled digits; the released ones, at 32 pixels, need a GPU."""


@dataclass(frozen=True, kw_only=True)
class OwnClasses(Given):
    """The true classes: fakes take their labels from the reals, samples have them in the same ratio as the dataset."""

    def source(self, recipe: Recipe, discriminator: nn.Module | None = None) -> LabelSource:
        from everymode.labels.given import GivenLabels

        return GivenLabels(recipe.num_classes, recipe.class_counts or None, reuse=True)


@dataclass(frozen=True)
class PartitionJudge:
    """Scores a finished run.

    Attributes:
        samples: number of generated images.
        partitions: folder of the partitions, one per k and seed.
        extractor: of the metrics; None = the default.
        classifier: dataset whose classifier determines the class of a sample; "" = none.
        stacked: whether that classifier reads three digits of each sample.
        of_modes: number of generated images in which classes or modes are counted.
        real: number of real images for the metrics, chosen at random; None = all.
    """

    samples: int
    partitions: Path
    extractor: str | None
    classifier: str
    stacked: bool = False
    of_modes: int = 1000
    real: int | None = None

    def __call__(self, run: everymode.Run, data: str) -> dict[str, float]:
        recipe = run.recipe
        card = partial(
            evaluate,
            run.folder,
            data,
            num=self.samples,
            num_real=self.real,
            metrics=("fd", "pr"),
            recipe=recipe,
        )
        scores = {each.metric: each.value for each in card(extractor=self.extractor).metrics.values()}
        scores["G steps"] = recipe.steps
        if self.classifier:
            scores |= self.classes(run)
        if partition_in(recipe) is not None:
            rejected = card(extractor=self.extractor, sampling=Sampling(rejection=RETRIES))
            scores["fd, rejection"] = rejected.value("fd")
            scores["accepted"] = rejected.subject["facts"]["acceptance_rate"]
        return {name: float(value) for name, value in scores.items() if value is not None}

    def classes(self, run: everymode.Run) -> dict[str, float]:
        """Return the number of classes (or modes) in samples, and the reverse KL divergence from equal shares."""
        images = quantized(run.generator().sample(self.of_modes, seed=30_000))
        classifier = classifier_for(self.classifier, partial(open_images, progress=False))
        if self.stacked:
            from experiments.stacked_digits import coverage

            scores = coverage(classifier, images)
            return {"modes": scores["modes"], "reverse KL": scores["kl nats"]}
        covered = class_coverage(predicted_labels(classifier, images), classifier.num_classes)
        return {"modes": float(covered.modes), "reverse KL": covered.reverse_kl}


def play(case: Case, seed: int, folder: Path, judge: PartitionJudge) -> Outcome:
    """Train and score a case with the partition of its k and seed."""
    recipe = case.recipe
    if partition_in(recipe) is not None:
        recipe = recipe.with_numbers(partitioner=str(partition_of(recipe, seed, judge.partitions)))
    return train_and_judge(case._replace(recipe=recipe), seed, folder, judge)


def partition_in(recipe: Recipe) -> Partition | None:
    """Return the labels of a recipe if they are learned parts, otherwise None."""
    labels = recipe.labels
    return labels if isinstance(labels, Partition) and not labels.random_parts else None


def partition_of(recipe: Recipe, seed: int, folder: Path) -> Path:
    """Return the folder of the partition of a recipe's k and a seed."""
    return folder / f"k{recipe.flat_numbers()['parts']}-seed{seed}"


def learn_partitions(cases: Sequence[Case], seeds: Sequence[int], folder: Path) -> str:
    """Learn the partitions that the cases need and that do not exist yet.

    Returns:
        Markdown table of their quality (table 5); "" if no case needs any.
    """
    lines = [
        "| parts | NMI with the classes | purity | largest part | empty parts |",
        "|---|---|---|---|---|",
    ]
    needed = {
        labels.parts: case
        for case in cases
        if (labels := partition_in(case.recipe)) is not None and labels.parts
    }
    for parts, case in sorted(needed.items()):
        recipe = case.recipe
        data = open_images(case.data, resolution=recipe.size, progress=False)
        partition = recipe.for_data(data.facts()).flat_numbers()["partition"]
        reports = []
        for seed in seeds:
            path = partition_of(recipe, seed, folder)
            learn_partition(
                data, partition, path, seed=seed, verbose=True, scores={"nmi": nmi, "purity": purity}
            )
            reports.append(json.loads((path / "report.json").read_text()))
        shown = [
            mean_and_spread([each[name] for each in reports if name in each], "standard deviation")
            for name in ("nmi", "purity")
        ]
        largest = max(each["largest_part"] / each["images"] for each in reports)
        empty = max(each["empty_parts"] for each in reports)
        lines.append(f"| {parts} | {' | '.join(shown)} | {largest:.1%} | {empty} |")
    return "\n".join(lines) if needed else ""


def with_images(recipe: Recipe, images: int) -> Recipe:
    """Return the recipe with the number of steps that shows `images` real images to D."""
    steps = images / (recipe.batch_size * recipe.discriminator_steps)
    return scaled(recipe, steps / recipe.steps)


def cases(
    part: str, on: str, data: str, budget: float, width: int | None, *, small_partitioner: bool = False
) -> list[Case]:
    """Return the cases of a part, all with the number of real images of the first."""
    base = STACKED_16 if on == "stacked-digits-16" else find(f"partition-guided-{on}")
    if small_partitioner:
        base = base.with_numbers(partition=settings_for(base))
    source = data or base.data
    base = scaled(base.with_numbers(width=width or width_of(base)), budget)
    images = base.steps * base.discriminator_steps * base.batch_size
    defaults = base.flat_numbers()
    if defaults["parts"] is None:
        facts = open_images(source, resolution=base.size, progress=False).facts()
        base = base.with_numbers(parts=base.for_data(facts).num_labels)
    unguided = base.with_numbers(guide_weight=0.0, guide_floor=0.0)
    if part == "k":
        return [
            Case(f"{parts} parts{suffix}", recipe.with_numbers(parts=parts), source)
            for parts in SWEPT_PARTS.get(on, MORE_PARTS)
            for suffix, recipe in (("", base), (" without guide", unguided))
        ]
    if part == "weight":
        weights = [factor * defaults["guide_weight"] for factor in SWEPT_WEIGHTS]
        return [
            Case(
                f"weight {weight:g}",
                base.with_numbers(guide_weight=weight, guide_floor=min(weight, defaults["guide_floor"])),
                source,
            )
            for weight in weights
        ]
    methods = [
        Case("GAN", unguided.with_numbers(random_parts=True, parts=1), source),
        Case("random partition", unguided.with_numbers(random_parts=True), source),
        Case("partition", unguided, source),
        Case("partition-guided", base, source),
    ]
    if f"self-conditioned-{on}" in RECIPES:  # their networks need 32 pixels, and sides of a power of 2
        rival = find(f"self-conditioned-{on}")
        rival = with_images(rival.with_numbers(width=width or width_of(rival)), images)
        methods.append(Case("self-conditioned", rival, source))
    if on == "stl10":  # most of its images have no label
        return methods
    return [*methods, Case("class-conditional", replace(base, labels=OwnClasses()), source)]


def own_parser() -> argparse.ArgumentParser:
    """Return a parser with the flags of this experiment and those that every experiment has."""
    flags = parser(__doc__, out="partition-guided")
    flags.add_argument(
        "--part",
        choices=("methods", "k", "weight"),
        default="methods",
        help="part of the experiment (default: methods)",
    )
    flags.add_argument(
        "--on",
        choices=DATA,
        default="digits",
        help="data of the recipes; all but digits and stacked digits need --data (default: digits)",
    )
    flags.add_argument(
        "--small-partitioner",
        action="store_true",
        help="learn partitions with the settings for two CPU cores, not the recipe's",
    )
    add_numbers_flag(flags)
    flags.add_argument("--data", default="", help="images to train on (default: the recipes')")
    flags.add_argument("--width", type=int, help="base number of channels (default: the recipes')")
    flags.add_argument("--samples", type=int, default=1000, help="samples of each run (default: 1000)")
    return flags


def main(arguments: Sequence[str] | None = None) -> None:
    flags = own_parser()
    options = flags.parse_args(arguments)
    digits, stacked = options.on == "digits", options.on.startswith("stacked-digits")
    if not (digits or stacked or options.data):
        flags.error(f"--on {options.on} needs --data, the images to train on")
    every_case = cases(
        options.part,
        options.on,
        options.data,
        options.budget,
        options.width,
        small_partitioner=options.small_partitioner,
    )
    all_cases = renumbered(chosen(every_case, options.only), options.numbers)
    partitions, out = options.out / options.on / "partitions", options.out / options.on / options.part
    seeds = range(options.seeds)
    quality = learn_partitions(all_cases, seeds, partitions)
    judge = PartitionJudge(
        options.samples,
        partitions,
        None if digits else "lite0:64",
        "digits" if digits or stacked else "",
        stacked,
        of_modes=MODE_SAMPLES if stacked else options.samples,
        real=STACKED_REAL if stacked else None,
    )
    outcomes = run_all(all_cases, seeds=seeds, out=out, processes=options.processes, judge=judge, play=play)
    columns = ["fd", "fd, rejection", "accepted", "precision", "recall", "modes", "reverse KL", "G steps"]
    first = all_cases[0].recipe
    images = first.steps * first.discriminator_steps * first.batch_size
    facts = [
        f"Partition-Guided GAN ({options.part}) on {options.on}{changed_numbers(options.numbers)}",
        f"{images:,} real images shown to D, in {images // first.batch_size:,} D steps of {first.batch_size} "
        f"(except self-conditioned); width {width_of(first)}; {options.seeds} seeds, mean ± standard deviation",
        f"{judge.samples:,} samples; fd by {judge.extractor or 'the digits classifier'}; rejection: at most "
        f"{RETRIES} redraws",
    ]
    paper = PAPER.get(options.on, {}) if options.part == "methods" else {}
    text = table(outcomes, columns, paper, "paper FID | paper IS" if paper else "")
    report("Partition-Guided GAN", facts, f"{text}\n\n{quality}" if quality else text, out)


if __name__ == "__main__":
    main()
