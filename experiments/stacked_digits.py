"""Self-Conditioned GAN's table 2, stacked digits: 1,000 modes, three gray digits in three channels.

    python -m experiments.stacked_digits [--budget 1] [--seeds 5] [--only self-conditioned,gan]
    python -m experiments.stacked_digits --data t10k-images-idx3-ubyte.gz      stacked MNIST

The mode of a sample is the three digits that a classifier predicts from its channels; the classifier is trained on the
single digits that are stacked. The reverse KL divergence is in nats and in base 10: the paper's rows are in base 10,
but its PacGAN rows are copied from PacGAN, whose code takes the natural logarithm. For N samples of a perfect generator
it is about 999 / 2N nats, not 0; the last row shows that value for triples of the dataset itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

import everymode
from everymode.data.opening import open_images
from everymode.extractors.classifiers import Classifier, classifier_for, stacked_digit_labels
from everymode.extractors.finding import quantized
from everymode.metrics.modes import class_coverage
from everymode.pictures import save_grid
from everymode.recipes import find
from experiments.harness.budget import scaled, width_of
from experiments.harness.flags import chosen, parser
from experiments.harness.image_trials import cluster_scores, run_state
from experiments.harness.renumbering import add_numbers_flag, changed_numbers, renumbered
from experiments.harness.repeated import few_images, run_all
from experiments.harness.report import report
from experiments.harness.results import Case, Outcome
from experiments.harness.tables import Column, trial_table

METHODS = {
    "gan": "GAN",
    "pac-gan2": "PacGAN2",
    "pac-gan3": "PacGAN3",
    "pac-gan4": "PacGAN4",
    "logo-gan-ae": "Logo-GAN-AE",
    "random-labels-gan": "random labels",
    "online-self-conditioned": "self-conditioned, online",
    "self-conditioned": "self-conditioned",
    "logo-gan-rc": "Logo-GAN-RC (classes of a pretrained network)",
    "conditional-gan": "class-conditional (on the true modes)",
    "mgan": "MGAN (not in the paper's table)",
    "rotnet-gan": "RotNet's clusters (not in the paper's table)",
}
PAPER = {
    "gan": ("133.4 ± 17.70", "2.97 ± 0.216"),
    "pac-gan2": ("1000.0 ± 0.00", "0.06 ± 0.003 nats"),
    "pac-gan3": ("1000.0 ± 0.00", "0.06 ± 0.003 nats"),
    "pac-gan4": ("1000.0 ± 0.00", "0.07 ± 0.005 nats"),
    "logo-gan-ae": ("1000.0 ± 0.00", "0.09 ± 0.005"),
    "random-labels-gan": ("240.0 ± 12.02", "2.90 ± 0.192"),
    "online-self-conditioned": ("995.8 ± 0.86", "0.17 ± 0.027"),
    "self-conditioned": ("1000.0 ± 0.00", "0.08 ± 0.009"),
    "logo-gan-rc": ("1000.0 ± 0.00", "0.08 ± 0.006"),
    "conditional-gan": ("1000.0 ± 0.00", "0.08 ± 0.003"),
}
"""Table 2: modes and reverse KL divergence (in base 10, except PacGAN's); mean and standard error of five trials.

Two of the values are implausible in base 10: 2.97 (GAN, 133 modes) and 2.90 (random labels, 240 modes) would be as if
all samples were of one mode. In nats they would be as if equal shares were of 51 and 55.
"""
COLUMNS = (
    Column("modes", "modes (of 1,000)", digits=1),
    Column("kl nats", "reverse KL, nats", digits=3),
    Column("kl log10", "reverse KL, base 10", digits=3),
    Column("nmi", "NMI with modes", digits=3),
    Column("purity", "purity", digits=3),
)


@dataclass(frozen=True)
class StackedJudge:
    """Scores a finished run.

    Attributes:
        samples: number of generated images.
        digits: single digits that the classifier learns: "digits", or the file that is stacked.
        triples: number of training triples; 0 = all.
    """

    samples: int
    digits: str
    triples: int = 0

    def __call__(self, run: everymode.Run, data: str) -> dict[str, float]:
        images = quantized(run.generator().sample(self.samples, seed=30_000))
        scores = coverage(classifier_for(self.digits, partial(open_images, progress=False)), images)
        trained = open_images(data, resolution=run.recipe.size, progress=False)
        if self.triples:
            trained = few_images(trained, run.recipe.seed, images=self.triples)
        return scores | cluster_scores(run_state(run), trained.labels)


def coverage(classifier: Classifier, images: object) -> dict[str, float]:
    """Return the modes and the reverse KL divergence of uint8 images [N, 3, H, W], by a classifier of digits."""
    covered = class_coverage(stacked_digit_labels(classifier, images), 1000)
    return {
        "modes": float(covered.modes),
        "kl nats": covered.reverse_kl,
        "kl log10": covered.reverse_kl / math.log(10),
    }


def cases(data: str, budget: float, width: int | None, triples: int = 0) -> list[Case]:
    """Return a case for each method of the table on one dataset, with equal steps and widths.

    Args:
        triples: number of training triples, equally many of each mode; 0 = all.
    """
    prepare = partial(few_images, images=triples) if triples else None
    made = []
    for method in METHODS:
        recipe = find(f"{method}-stacked-digits")
        recipe = recipe.with_numbers(width=width or width_of(recipe))
        made.append(Case(method, scaled(recipe, budget), data or recipe.data, prepare))
    return made


def data_itself(judge: StackedJudge, data: str, resolution: tuple[int, int]) -> Outcome:
    """Return the scores of triples of the dataset, as many as the judge's samples."""
    triples = open_images(data, resolution=resolution, progress=False)
    rows = np.random.default_rng(0).integers(len(triples), size=judge.samples)
    classifier = classifier_for(judge.digits, partial(open_images, progress=False))
    return Outcome("data", 0, coverage(classifier, np.asarray(triples.images)[np.sort(rows)]), "", None, "")


def draw_samples(
    outcomes: Sequence[Outcome], all_cases: Sequence[Case], path: Path, columns: int = 20
) -> Path:
    """Draw one row of samples per method, of its first seed."""
    import torch

    rows, names = [], []
    for case in all_cases:
        first = next(outcome for outcome in outcomes if outcome.case == case.name)
        generator = everymode.load(first.folder, recipe=case.recipe)
        rows.append(generator.sample(columns, seed=0))
        names.append(case.name)
    return save_grid(torch.cat(rows), path, columns=columns, row_names=names)


def main(arguments: Sequence[str] | None = None) -> None:
    flags = parser(__doc__, out="stacked-digits")
    flags.add_argument("--data", default="", help="gray digits to stack (default: the bundled digits)")
    flags.add_argument("--samples", type=int, default=50_000, help="samples of each run (default: 50,000)")
    flags.add_argument("--width", type=int, help="width of all networks (default: the paper's 64)")
    flags.add_argument("--triples", type=int, default=0, help="number of training triples (default: 100,000)")
    add_numbers_flag(flags)
    options = flags.parse_args(arguments)
    judge = StackedJudge(options.samples, options.data or "digits", options.triples)
    data = f"stacked:{options.data}" if options.data else "stacked-digits"
    every_case = cases(data, options.budget, options.width, options.triples)
    all_cases = renumbered(chosen(every_case, options.only), options.numbers)
    outcomes = run_all(
        all_cases, seeds=range(options.seeds), out=options.out, processes=options.processes, judge=judge
    )
    recipe = all_cases[0].recipe
    ideal = data_itself(judge, data, recipe.size)
    classifier = classifier_for(judge.digits, partial(open_images, progress=False))
    draw_samples(outcomes, all_cases, options.out / "samples.png")
    facts = [
        f"Table 2 of Self-Conditioned GAN on {options.triples or 100_000:,} triples of {data}; {recipe.steps} steps of "
        f"batch {recipe.batch_size}, width {width_of(recipe)}, {options.seeds} seeds{changed_numbers(options.numbers)}",
        f"{options.samples:,} samples of the averaged generator; mean ± standard error over seeds",
        f"The classifier of single digits: accuracy {classifier.held_out_accuracy:.2%} on "
        f"{classifier.held_out_count} held-out digits",
        "Samples: samples.png",
    ]
    names = {**METHODS, "data": "triples of the dataset"}
    titles = ("paper: modes", "paper: reverse KL, base 10")
    report(
        "Stacked digits",
        facts,
        trial_table([*outcomes, ideal], COLUMNS, PAPER, titles, names=names),
        options.out,
    )


if __name__ == "__main__":
    main()
