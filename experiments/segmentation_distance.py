"""Fréchet Segmentation Distance: Self-Conditioned GAN's Tables 4 and 7 in small, FSD beside FD, on colored shapes.

    python -m experiments.segmentation_distance [--seeds 3] [--budget 1] [--only "self-conditioned"] [--num 2000]

Rows:
  real                            other images of the same kind: the floor
  one color dropped               the same without one of the six colors
  untrained                       initial weights of the class-conditional generator
  unconditional, random labels, self-conditioned, class-conditional

Columns: FSD (areas times 100, segmenter `palette`), FD of --extractor, the relative change of the area of the color
that changed most. All are compared with the same held-out images. The paper's numbers are of photographs of 256 pixels,
with 336 objects and Inception's features: only orders can be compared. Lower is better, although the paper's tables
have arrows that point up.

Generators are those of experiments.reconstruction and experiments.dissection, in the folder `generators` beside this
set's.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from everymode.data.opening import open_images
from everymode.evaluation import evaluate
from everymode.pictures import save_grid
from experiments.harness.flags import chosen, parser
from experiments.harness.renumbering import add_numbers_flag, changed_numbers, renumbered
from experiments.harness.repeated import run_all
from experiments.harness.report import report
from experiments.harness.results import Case, Outcome, scores_after
from experiments.harness.tables import scores_of, table
from experiments.harness.trained_generators import (
    CONDITIONAL,
    RANDOM,
    SELF_CONDITIONED,
    SHAPES,
    UNCONDITIONAL,
    cases,
    drawn,
    generator_at,
    trained,
    unlabeled,
    untrained,
)

REAL, DROPPED, UNTRAINED = "real", "one color dropped", "untrained"
KEPT_COLORS = "red+green+blue+yellow+purple"
TEST_SEED, OTHER_SEED = 1, 101
"""Seeds of the held-out images, and of the first images that the row `real` compares with them."""
PAPER = {
    # FID and FSD on Places365, ImageNet (Table 4), and both together (Table 7)
    UNCONDITIONAL: ["14.21", "125.4", "54.17", "129.7", "167.1"],
    RANDOM: ["14.20", "112.4", "56.03", "146.3", "-"],
    SELF_CONDITIONED: ["9.56", "87.67", "40.30", "82.46", "68.55"],
    CONDITIONAL: ["8.12", "58.17", "35.14", "115.1", "92.43"],
}
PAPER_TITLES = "paper Places365: FID | FSD | paper ImageNet: FID | FSD | paper both: FSD"
COLUMNS = ("fsd", "fd", "largest change", "minutes")
EXAMPLES = 12


@dataclass(frozen=True)
class Areas:
    """Settings of the distances.

    Attributes:
        num: images on each side.
        extractor: of the Fréchet distance.
        segmenter: of the Fréchet Segmentation Distance.
    """

    num: int = 2000
    extractor: str = "lite0:64"
    segmenter: str = "palette"

    @property
    def test(self) -> str:
        """The held-out images."""
        return f"{SHAPES},seed={TEST_SEED},samples={self.num}"

    def scores(self, fake: Any, size: tuple[int, int]) -> dict[str, float]:
        """Return the scores of images, a name or arrays, against the held-out images."""
        side = open_images(fake, resolution=size, progress=False) if isinstance(fake, str) else fake
        card = evaluate(
            side,
            open_images(self.test, resolution=size, progress=False),
            metrics=("fd", "fsd"),
            extractor=self.extractor,
            segmenter=self.segmenter,
        )
        scores = {each.metric: float(each.value) for each in card.metrics.values() if each.value is not None}
        details = next(each.details for each in card.metrics.values() if each.metric == "fsd")
        changes = {
            name: part["value"] for name, part in details["parts"].items() if part["value"] is not None
        }
        scores |= {f"change {name}": float(value) for name, value in changes.items()}
        scores["largest change"] = max(changes.values(), key=abs)
        return scores | {"halves": float(details["real_halves"])}


def score_case(case: Case, seed: int, folder: Path, judge: Areas) -> Outcome:
    """Train a case unless it is trained, and score its generator; the last case also scores the other rows."""
    folder.mkdir(parents=True, exist_ok=True)
    outcome, run = trained(case, seed, folder.parents[1] / "generators")
    if not outcome.scores:  # it diverged
        return outcome
    generator = generator_at(case, run, case.recipe.steps)
    size = case.recipe.size
    scores = outcome.scores | judge.scores(unlabeled(drawn(generator, judge.num)), size)
    if case.name == CONDITIONAL:
        others = {
            REAL: f"{SHAPES},seed={OTHER_SEED + seed},samples={judge.num}",
            DROPPED: f"{SHAPES},seed={OTHER_SEED + seed},samples={judge.num},colors={KEPT_COLORS}",
            UNTRAINED: unlabeled(drawn(untrained(generator, seed), judge.num)),
        }
        for row, side in others.items():
            scores |= {f"{row}: {name}": value for name, value in judge.scores(side, size).items()}
    return outcome._replace(case=case.name, scores=scores, folder=str(run))


def other_rows(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes of the rows without a trained generator."""
    found = []
    for row in (REAL, DROPPED, UNTRAINED):
        for each in outcomes:
            scores = scores_after(each, f"{row}: ")
            if scores:
                found.append(Outcome(row, each.seed, scores, "", None, ""))
    return found


def verdicts(outcomes: Sequence[Outcome]) -> list[str]:
    """Return whether FSD orders real, trained and untrained in each seed, and how much a dropped color costs."""
    told = []
    for each in outcomes:
        if f"{REAL}: fsd" not in each.scores:
            continue
        floor, dropped, first = (each.scores[f"{row}: fsd"] for row in (REAL, DROPPED, UNTRAINED))
        middle = each.scores["fsd"]
        order = "are in this order" if floor < middle < first else "are NOT in this order"
        told.append(
            f"seed {each.seed}: real {floor:.2f}, {each.case} {middle:.1f}, untrained {first:.0f} {order}; a dropped "
            f"color costs {dropped:.1f}, {dropped / floor:.0f} times the floor"
        )
    return told


def draw_examples(all_cases: Sequence[Case], outcomes: Sequence[Outcome], test: str, path: Path) -> Path:
    """Save a picture of real images and of images of each case's first run."""
    size = all_cases[0].recipe.size
    real = open_images(test, resolution=size, progress=False)
    count = min(EXAMPLES, len(real))
    shown, names = [torch.from_numpy(np.array(real.images[np.arange(count)]))], [REAL]
    for case in all_cases:
        outcome = next(each for each in outcomes if each.case == case.name)
        if outcome.scores:
            shown.append(drawn(generator_at(case, Path(outcome.folder), case.recipe.steps), count))
            names.append(case.name)
    return save_grid(torch.cat(shown), path, columns=count, row_names=names)


def main(arguments: Sequence[str] | None = None) -> None:
    flags = parser(__doc__, out="segmentation-distance")
    flags.add_argument("--num", type=int, default=2000, help="images on each side (default: 2,000)")
    flags.add_argument("--extractor", default="lite0:64", help="extractor of FD (default: lite0:64)")
    add_numbers_flag(flags)
    options = flags.parse_args(arguments)
    run_set(options, Areas(options.num, options.extractor))


def run_set(options: argparse.Namespace, judge: Areas) -> None:
    """Run and report the experiment."""
    all_cases = renumbered(chosen(cases("shapes", options.budget), options.only), options.numbers)
    outcomes = run_all(
        all_cases,
        seeds=range(options.seeds),
        out=options.out,
        processes=options.processes,
        judge=judge,
        play=score_case,
    )
    recipe = all_cases[0].recipe
    picture = draw_examples(all_cases, outcomes, judge.test, options.out / "examples.png")
    halves = scores_of(outcomes, "halves")
    facts = [
        f"{all_cases[0].data}, {recipe.resolution} pixels, {recipe.steps:,} steps of {recipe.batch_size} images, "
        f"{options.seeds} seeds, mean ± standard deviation{changed_numbers(options.numbers)}",
        f"{judge.num:,} images on each side; real: {judge.test}; segmenter {judge.segmenter}, areas times 100; FD of "
        f"{judge.extractor}",
        *([f"Distance between two halves of the held-out images: {halves[0]:.2f}"] if halves else []),
        *verdicts(outcomes),
        f"Examples of the first seed: {picture.name}",
    ]
    text = table(other_rows(outcomes) + outcomes, COLUMNS, PAPER, PAPER_TITLES)
    report("Fréchet Segmentation Distance", facts, text, options.out)


if __name__ == "__main__":
    main()
