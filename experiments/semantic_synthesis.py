"""Semantic synthesis: Omni-GAN's Table 4, and Sparsity-Aware Normalization's Figures 7 and 12, with SPADE on textures.

    python -m experiments.semantic_synthesis [--seeds 3] [--budget 1] [--only "hinge,omni"]
    python -m experiments.semantic_synthesis --part compensation --seeds 1

Parts:
  losses         hinge and omni-loss per pixel, with and without weight decay of the critic; then hinge and a critic
                 without instance normalization: no norm, spectral normalization, SAN; and SAN before the critic's
                 instance normalization, as the paper describes it
  compensation   SAN with fractions r of the kernels and total compensations g (the paper's g, with the formula's part)

All rows have the same networks, learning rates, batch size and steps, and no terms but feature matching. The four rows
on normalization have SAN's beta1 of 0.5 and circular padding in the critic, and differ in the norm only; the other
rows have SPADE's beta1 of 0, zero padding, and instance and spectral normalization in the critic.

The textures are pictures of 32 pixels whose four classes differ in texture only (everymode.data.textures). The judge is
a segmenter that is fitted to pictures from another random stream than those of training and test. Its mean IoU must be
at least 0.95 on real test pictures, and at most 0.30 with the maps of other pictures, or the experiment stops. The
papers' scores are of Cityscapes, by DRN-D-105 and Inception: only orders can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import everymode
from everymode.data.opening import open_images
from everymode.evaluation import evaluate
from everymode.evaluation.segmenter_judges import SegmenterJudge, fitted_segmenter
from everymode.evaluation.semantic import SegmentationTally
from everymode.pictures import save_grid, to_uint8
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.recipes.parts.norms import NoNorm, Spectral
from everymode.recipes.san_gan import SparsityAware
from everymode.sampling.condition_pictures import condition_pictures
from experiments.harness.budget import scaled
from experiments.harness.flags import chosen, parser
from experiments.harness.renumbering import add_numbers_flag, changed_numbers, renumbered
from experiments.harness.repeated import minutes_of, run_all
from experiments.harness.report import report
from experiments.harness.results import Case, Outcome
from experiments.harness.stages import AT, plot_stages, train_in_stages
from experiments.harness.tables import by_case, markdown, mean_and_spread, scores_of, table

DECAY = 1e-4
"""Weight decay of the critic; the paper states none for this task."""
RATIOS, GAINS = (0.25, 0.5, 1.0), (1.0, 1.1, 1.3)
PAPER = {
    # Cityscapes: mIoU, pole, train, truck (Omni-GAN's Table 4); FID (SAN, section 4.2)
    "hinge": ["62.21", "47.21", "41.42", "64.96", "63.65"],
    "omni, decay": ["65.07", "50.47", "56.16", "71.06", "-"],
    "SAN, instance norm": ["-", "-", "-", "-", "58.56"],
}
PAPER_TITLES = "paper mIoU | paper fence | paper train | paper truck | paper FID"
EXAMPLES = 8


@dataclass(frozen=True)
class SegmenterScores:
    """Scores a finished run by a segmenter, and by the Frechet distance of its pictures to real test pictures.

    Attributes:
        test: real test pictures with the maps from which pictures are generated.
        pictures: pictures and maps to which the segmenter is fitted.
        steps: steps of that fit.
        extractor: of the Frechet distance.
        stages: number of times that a run is scored.
        curves: scores of which the value at each stage is saved.
        least_on_reals: mean IoU on real test pictures below which the segmenter is no judge.
        most_on_others: mean IoU with other pictures' maps above which it is none.
    """

    test: str = "textures:split=test,samples=1000"
    pictures: str = "textures:split=judge"
    steps: int = 600
    extractor: str = "lite0:64"
    stages: int = 6
    curves: tuple[str, ...] = ("fd", "miou")
    least_on_reals: float = 0.95
    most_on_others: float = 0.30

    def __call__(self, run: everymode.Run, data: str) -> dict[str, float]:
        segmenter, _ = good_segmenter(self, run.recipe.size)
        card = evaluate(
            run.folder,
            self.test,
            metrics=("fd",),
            extractor=self.extractor,
            segmenter=segmenter.segment,
            recipe=run.recipe,
        )
        measured = {each.metric: each for each in card.metrics.values() if each.value is not None}
        scores = {name: float(each.value) for name, each in measured.items() if each.value is not None}
        classes = measured["miou"].details["parts"]
        scores |= {f"IoU {name}": float(part["value"]) for name, part in classes.items()}
        return scores | {"minutes": minutes_of(run)}


@lru_cache(maxsize=4)
def good_segmenter(judge: SegmenterScores, size: tuple[int, int]) -> tuple[SegmenterJudge, dict[str, float]]:
    """Return a judge's segmenter, and its mean IoU on real test pictures ("reals") and other pictures' maps ("others").

    Raises:
        ValueError: if these show that it is no judge.
    """
    pictures, test = (
        open_images(name, resolution=size, progress=False) for name in (judge.pictures, judge.test)
    )
    assert pictures.paired is not None
    count = pictures.paired.num_classes
    segmenter = fitted_segmenter(pictures, count, steps=judge.steps)
    tally = SegmentationTally(test, segmenter, count)
    for start in range(0, len(test), 64):
        tally.add(torch.from_numpy(test.images[np.arange(start, min(start + 64, len(test)))]))
    details = next(each.details for each in tally.measured().values() if each.metric == "miou")
    found = {"reals": float(details["real_pictures"]), "others": float(details["other_maps"])}
    if found["reals"] < judge.least_on_reals or found["others"] > judge.most_on_others:
        raise ValueError(
            f"the segmenter has a mean IoU of {found['reals']:.3f} on real test pictures and of {found['others']:.3f} "
            f"with other pictures' maps; a judge needs at least {judge.least_on_reals:g} and at most "
            f"{judge.most_on_others:g}: fit it in more steps"
        )
    return segmenter, found


def losses() -> dict[str, Recipe]:
    """Return the recipes of the part `losses` by name."""
    hinge, omni, san = (find(f"{name}-textures") for name in ("spade", "omni-spade", "san-spade"))
    return {
        "hinge": hinge,
        "hinge, decay": hinge.with_numbers(discriminator_weight_decay=DECAY),
        "omni": omni.with_numbers(discriminator_weight_decay=0.0),
        "omni, decay": omni.with_numbers(discriminator_weight_decay=DECAY),
        "none": san.with_numbers(name="no-norm-spade-textures", norm=NoNorm()),
        "SN": san.with_numbers(name="sn-spade-textures", norm=Spectral()),
        "SAN": san,
        "SAN, instance norm": find("san-spade-instance-norm-textures"),
    }


def compensations() -> dict[str, Recipe]:
    """Return the recipes of the part `compensation` by name."""
    san = find("san-spade-textures")
    return {
        f"r {ratio:.0%}, g {gain:g}": san.with_numbers(norm=SparsityAware(fraction=ratio, compensation=gain))
        for ratio in RATIOS
        for gain in GAINS
    }


PARTS = {"losses": losses, "compensation": compensations}


def cases(part: str, budget: float) -> list[Case]:
    """Return the cases of a part."""
    made = []
    for name, recipe in PARTS[part]().items():
        case = Case(name, scaled(recipe, budget), recipe.data)
        made.append(case)
    return made


def compensation_table(outcomes: list[Outcome], score: str) -> str:
    """Return a Markdown table of a score with a row per fraction and a column per gain (the layout of Figure 12)."""
    found = by_case(outcomes)
    rows = [
        [
            f"{ratio:.0%}",
            *(
                mean_and_spread(
                    scores_of(found.get(f"r {ratio:.0%}, g {gain:g}", []), score), "standard deviation"
                )
                for gain in GAINS
            ),
        ]
        for ratio in RATIOS
    ]
    return markdown([f"{score}: kernels r", *(f"g {gain:g}" for gain in GAINS)], rows)


def draw_examples(all_cases: list[Case], outcomes: list[Outcome], judge: SegmenterScores, path: Path) -> Path:
    """Save a picture of the first test maps, their real pictures, and those of each case's first run."""
    recipe = all_cases[0].recipe
    test = open_images(judge.test, resolution=recipe.size, progress=False)
    rows = np.arange(min(EXAMPLES, len(test)))
    condition = test.gather_condition(rows, "cpu")
    shown = [to_uint8(condition_pictures(condition, recipe.size)[0]), torch.from_numpy(test.images[rows])]
    names = ["map", "real"]
    for case in all_cases:
        outcome = next(each for each in outcomes if each.case == case.name)
        if outcome.scores:
            generator = everymode.load(outcome.folder, recipe=case.recipe)
            shown.append(to_uint8(generator.translate(condition)))
            names.append(case.name)
    return save_grid(torch.cat(shown), path, columns=len(rows), row_names=names)


def main() -> None:
    flags = parser(__doc__, out="semantic-synthesis")
    flags.add_argument("--part", choices=tuple(PARTS), default="losses", help="part (default: losses)")
    flags.add_argument("--stages", type=int, default=6, help="times that a run is scored (default: 6)")
    add_numbers_flag(flags)
    options = flags.parse_args()
    run_part(options, SegmenterScores(stages=options.stages))


def run_part(options: Any, judge: SegmenterScores) -> None:
    """Run and report a part."""
    all_cases = renumbered(chosen(cases(options.part, options.budget), options.only), options.numbers)
    recipe = all_cases[0].recipe
    segmenter, found = good_segmenter(judge, recipe.size)
    out = options.out / options.part
    outcomes = run_all(
        all_cases,
        seeds=range(options.seeds),
        out=out,
        processes=options.processes,
        judge=judge,
        play=train_in_stages,
    )
    curves = plot_stages(
        outcomes, {"fd": f"fd ({judge.extractor}) of test maps", "miou": "mIoU"}, out / "curves.png"
    )
    picture = draw_examples(all_cases, outcomes, judge, out / "examples.png")
    facts = [
        f"textures, {recipe.resolution} pixels, {recipe.steps:,} steps of {recipe.batch_size} pictures, learning rates "
        f"{recipe.generator_lr:g} (G) and {recipe.discriminator_lr:g} (D), {options.seeds} seeds, mean ± standard "
        f"deviation{changed_numbers(options.numbers)}",
        f"Judge: segmenter {segmenter.digest[:12]}, fitted to {judge.pictures}; mIoU {found['reals']:.3f} on real test "
        f"pictures, {found['others']:.3f} with other pictures' maps",
        f"Scores: {judge.test}; one confusion matrix over the set, at the pictures' size; fd by {judge.extractor}, the "
        "pictures of test maps against the real test pictures",
        f"Curves: {curves.name} (Figure 7); examples of the first seed: {picture.name}",
    ]
    if options.part == "compensation":
        facts.append("Paper (Figure 12, Cityscapes, narrower networks): best at r 100 %, g 1.1")
        text = "\n\n".join(compensation_table(outcomes, score) for score in ("fd", "miou"))
    else:
        classes = sorted({name for each in outcomes for name in each.scores if name.startswith("IoU ")})
        columns = ["miou", "pixel-accuracy", *(name for name in classes if AT not in name), "fd", "minutes"]
        text = table(outcomes, columns, PAPER, PAPER_TITLES)
    report(f"Semantic synthesis: {options.part}", facts, text, out)


if __name__ == "__main__":
    main()
