"""Multi-hinge GAN's section 3.2: margins for the class scores of the projection itself, introduced during training.

    python -m experiments.shared_hinge [--budget 1] [--seeds 3]

According to the paper, if the loss is introduced in mid-training, fidelity jumps, diversity falls, and the spectrum of
the embedding collapses to a few dimensions; from scratch, or introduced too late, it fails. This experiment compares a
run of projection alone with runs in which the loss is switched on at the start, in the middle, and late. Precision
measures fidelity, recall measures diversity, and the spectrum is the embedding's singular values divided by the
largest.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from everymode.pictures import new_figure, save_figure
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.storage import checkpoint
from experiments.harness.budget import scaled
from experiments.harness.curves import plot
from experiments.harness.flags import chosen, parser
from experiments.harness.measuring import CURVES, add_judging_flags, columns_of, judge_of, measured
from experiments.harness.renumbering import add_numbers_flag, changed_numbers, named_numbers, renumbered
from experiments.harness.repeated import run_all
from experiments.harness.report import report
from experiments.harness.results import Case, Outcome
from experiments.harness.tables import table

PAPER = {
    "imagenet128": {"before the switch": ["47.79", "17.10"], "in the middle": ["169.68", "8.87"]},
    "imagenet64": {"before the switch": ["19.60", "15.49"], "in the middle": ["30.47", "10.03"]},
}
"""Dataset -> case -> IS and FID of section 3.2 (5,000 steps with margins) and of section 7.1 (15,000)."""
METRICS = ("fd", "pr")
SIGNALS = {
    "watch/self_accuracy": "samples whose class D predicts",
    "watch/coverage": "coverage of the reals",
    "watch/variety": "variety within a class",
} | CURVES


def switch_of(recipe: Recipe) -> int:
    """Return the step at which a recipe's class loss is switched on."""
    return recipe.flat_numbers()["hinge_start"]


def cases(on: str, data: str, held_out: str, budget: float) -> list[Case]:
    """Return a case for each step at which the class loss is switched on.

    "In the middle" and "late" train equally long after the switch; "from scratch" trains for the total length.
    """
    recipe = find(f"multi-hinge-shared-gan-{on}")
    # Without a decay of the learning rates, which would begin at a different step in each case.
    middle = scaled(recipe, budget, lr_decay=0.0, held_out=held_out or recipe.held_out)
    switch = switch_of(middle)
    after, late = middle.steps - switch, 2 * switch
    variants = {
        "never (projection alone)": middle.with_numbers(hinge_start=middle.steps),
        "from scratch": middle.with_numbers(hinge_start=0),
        "in the middle": middle,
        "before the switch": replace(middle, steps=switch),
        "late": middle.with_numbers(hinge_start=late, steps=late + after),
    }
    return [Case(name, variant, data or recipe.data) for name, variant in variants.items()]


def spectrum(outcome: Outcome) -> np.ndarray:
    """Return the singular values of the projection's embedding at the end of a run, divided by the largest."""
    weights = checkpoint.read_state(checkpoint.newest_of_run(Path(outcome.folder)))["modules"][
        "discriminator"
    ]
    (embedding,) = [
        tensor
        for name, tensor in weights.items()
        if name.startswith("head.embedding") and tensor.ndim == 2 and min(tensor.shape) > 1
    ]
    values = np.linalg.svd(embedding.double().numpy(), compute_uv=False)
    return values / values[0]


def draw_spectra(outcomes: list[Outcome], spectra: list[np.ndarray], path: Path) -> Path:
    """Plot one line per run: singular value against rank."""
    figure, (panel,) = new_figure(size=(6, 4))
    names = list(dict.fromkeys(outcome.case for outcome in outcomes))
    for outcome, values in zip(outcomes, spectra, strict=True):
        color = f"C{names.index(outcome.case)}"
        label = outcome.case if outcome.seed == outcomes[0].seed else None
        panel.plot(range(1, len(values) + 1), values, color=color, label=label, marker=".")
    panel.set_xlabel("rank")
    panel.set_ylabel("singular value of the embedding / the largest")
    panel.set_ylim(0, 1.05)
    panel.legend(fontsize=7)
    panel.grid(alpha=0.3)
    return save_figure(figure, path)


def main() -> None:
    flags = parser(__doc__, out="shared-hinge")
    flags.add_argument(
        "--on",
        choices=("digits", "cifar10", "imagenet64", "imagenet128"),
        default="digits",
        help="data of the recipes (default: digits)",
    )
    flags.add_argument("--data", default="", help="path of CIFAR or ImageNet")
    flags.add_argument("--held-out", default="", help="path of its test images, for the validation accuracy")
    add_numbers_flag(flags)
    add_judging_flags(flags)
    options = flags.parse_args()
    if options.on != "digits" and not options.data:
        flags.error(f"--on {options.on} needs --data, such as {options.on}-train.parquet or imagenet/train")
    if "steps" in named_numbers(options.numbers):
        flags.error("the cases differ in their steps, so --numbers can't set them: use --budget")
    judge = judge_of(options, METRICS)
    every_case = cases(options.on, options.data, options.held_out, options.budget)
    all_cases = renumbered(chosen(every_case, options.only), options.numbers)
    all_cases = measured(all_cases, options.measure, judge.extractor, judge.samples)
    outcomes = run_all(
        all_cases, seeds=range(options.seeds), out=options.out, processes=options.processes, judge=judge
    )
    spectra = [spectrum(outcome) for outcome in outcomes]
    for number, (outcome, values) in enumerate(zip(outcomes, spectra, strict=True)):
        above = {"values above half": float((values > 0.5).sum())}
        outcomes[number] = outcome._replace(scores=outcome.scores | above)
    plot(outcomes, SIGNALS, options.out / "curves.png")
    draw_spectra(outcomes, spectra, options.out / "spectra.png")
    columns = [
        *columns_of(options, METRICS),
        "last self_accuracy",
        "last validation_accuracy",
        "values above half",
    ]
    facts = [
        f"Multi-hinge GAN's section 3.2 on {options.on}; budget {options.budget:g}; {options.seeds} seeds"
        f"{changed_numbers(options.numbers)}",
        "Class loss switched on at step: "
        + ", ".join(f"{case.name} {switch_of(case.recipe)} of {case.recipe.steps}" for case in all_cases),
        "The paper (ImageNet): IS 47.79 to 169.68 and FID 17.10 to 8.87 within 5,000 steps at 128 pixels, IS 19.60 to "
        "30.47 and FID 15.49 to 10.03 within 15,000 at 64; visibly less diverse",
        "Curves: curves.png; spectra of the embedding: spectra.png",
    ]
    paper = PAPER.get(options.on, {})
    head = "paper IS | paper FID" if paper else ""
    report("Margins for the projection itself", facts, table(outcomes, columns, paper, head), options.out)


if __name__ == "__main__":
    main()
