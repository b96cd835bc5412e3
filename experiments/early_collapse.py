"""Supervision against regularization: Omni-GAN's figures 3, 4, 10 and 15 to 18, and the decay grid of section F.5.

    python -m experiments.early_collapse --figure 3 [--images 300] [--budget 1.5] [--seeds 3]
    python -m experiments.early_collapse --figure 10 --on cifar100 --data cifar100-train.parquet --width 16
    python -m experiments.early_collapse --figure few --data cifar10-train.parquet --images 300
    python -m experiments.early_collapse --figure few --images 100 --decay 5e-3 --numbers "discriminator_steps=4"

Figures:
  3         omni, one-sided and projection, with and without decay
  4         AC-GAN with decay or DiffAug; ImAC-GAN
  10        AC-GAN under WGAN-GP, WGAN-div and R1
  15        one-sided against projection
  16, 17    K + 1 multi-hinge with and without decay, on CIFAR-100 and CIFAR-10
  18        decay on the discriminator only, or on both
  grid      decays of the discriminator
  few       AC-GAN and Omni-GAN with and without decay
  all       the cases of all figures, each name once, and a picture of each figure

`--decay` sets the discriminator's decay in all cases that have one; `--numbers` changes hyper-parameters of all cases.

The curves are the collapse watch's and, with `--measure 20`, those of the paper: FID and IS. The paper reports the
checkpoint with the best FID. Here, a row has the scores of the last checkpoint and, with `--measure`, also the best.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from everymode.game import Weighted
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.recipes.parts.terms import Weights
from experiments.conditional_losses import AUGMENTATION, PAPER, VARIANTS
from experiments.harness.budget import scaled, width_of
from experiments.harness.curves import plot
from experiments.harness.flags import chosen, parser
from experiments.harness.measuring import CURVES, add_judging_flags, columns_of, judge_of, measured
from experiments.harness.renumbering import add_numbers_flag, changed_numbers, renumbered
from experiments.harness.repeated import few_images, run_all
from experiments.harness.report import report
from experiments.harness.results import Case
from experiments.harness.tables import table

if TYPE_CHECKING:
    from everymode.recipes.parts.terms import Both


PenaltyName = Literal["wgan-gp", "wgan-div", "r1"]


@dataclass(frozen=True, kw_only=True)
class Penalty(Weights):
    """A gradient penalty on the discriminator, one of three, in addition to the other terms."""

    penalty: PenaltyName = "r1"
    """Name of the penalty."""
    penalty_weight: float = 10.0
    """Weight of the penalty: the published 10 for WGAN-GP, 1 for WGAN-div (k = 2, p = 6), 5 for R1 (gamma = 10)."""

    def build(self, recipe: Recipe) -> Both:
        from everymode.losses.penalties import r1, wgan_div, wgan_gp

        of_discriminator, of_generator = super(Penalty, replace(self, penalty_weight=0.0)).build(recipe)
        term = {"wgan-gp": wgan_gp, "wgan-div": wgan_div, "r1": r1}[self.penalty]()
        return (*of_discriminator, Weighted(self.penalty, term, self.penalty_weight)), of_generator


TABLE_1 = {
    "omni": "omni-gan",
    "projection": "biggan",
    "AC-GAN": "ac-gan",
    "ImAC-GAN": "imac-gan",
    "multi-hinge K+1": "multi-hinge-k1-gan",
}
"""Method of a case -> row of Omni-GAN's Table 1."""
PENALTIES: dict[str, tuple[PenaltyName, float]] = {
    "WGAN-GP": ("wgan-gp", 10.0),
    "WGAN-div": ("wgan-div", 1.0),
    "R1": ("r1", 5.0),
}
"""Name of a penalty in figure 10 -> its term and weight."""
METRICS = ("fd", "pr")
FIGURES = ("1a", "3", "4", "10", "14", "15", "16", "17", "18", "grid", "few", "all")
SIGNALS = {
    "judgment/real": "realness of training images (figure 14)",
    "judgment/fake": "realness of samples (figure 14)",
    "watch/held_out": "realness of held-out images (figure 14)",
    "watch/coverage": "coverage of the reals by the raw generator",
    "watch/variety": "variety within a class (1 = that of real images)",
    "watch/held_out_gap": "realness of training minus held-out images",
    "watch/self_accuracy": "samples whose class D predicts",
    "watch/labels_hit": "samples whose nearest reals are of the requested class",
    "watch/overfitting": "overfitting of D (1 = held-out images look like fakes)",
} | CURVES


def plain(recipe: Recipe) -> Recipe:
    """Return the recipe without weight decay."""
    return replace(recipe, generator_weight_decay=0.0, discriminator_weight_decay=0.0)


def penalized(recipe: Recipe, penalty: PenaltyName, weight: float, on: str) -> Recipe:
    """Return an AC-GAN without weight decay and with a gradient penalty."""
    terms = Penalty(penalty=penalty, penalty_weight=weight)
    return replace(plain(recipe), name=f"ac-gan-{penalty}-{on}", terms=terms)


def recipes(figure: str, on: str, *, decay: float | None = None) -> dict[str, Recipe]:
    """Return the cases of a figure by name, with the recipes' default steps.

    Args:
        decay: the discriminator's weight decay where there is one; None = Omni-GAN's on that dataset.
    """
    omni = find(f"omni-gan-{on}")
    if decay is not None:
        omni = replace(omni, discriminator_weight_decay=decay)
    one_sided = omni.with_numbers(name=f"one-sided-omni-gan-{on}", one_sided=True)
    projection, auxiliary, improved, k_plus_1 = (
        find(f"{method}-{on}") for method in ("biggan", "ac-gan", "imac-gan", "multi-hinge-k1-gan")
    )

    def decayed(recipe: Recipe) -> Recipe:
        return replace(
            recipe,
            generator_weight_decay=omni.generator_weight_decay,
            discriminator_weight_decay=omni.discriminator_weight_decay,
        )

    def both(pair: dict[str, Recipe]) -> dict[str, Recipe]:
        return {
            f"{name}, {variant}": change(recipe)
            for name, recipe in pair.items()
            for variant, change in (("no decay", plain), ("decay", decayed))
        }

    if figure == "1a":
        rivals = {"projection": projection, "AC-GAN": auxiliary, "multi-hinge K+1": k_plus_1}
        return {"omni, decay": decayed(omni)} | {
            f"{name}, no decay": plain(each) for name, each in rivals.items()
        }
    if figure == "14":
        return both({"projection": projection})
    if figure == "3":
        return both({"omni": omni, "one-sided": one_sided, "projection": projection})
    if figure == "4":
        augmented = replace(plain(auxiliary), augmentation=AUGMENTATION)
        return both({"AC-GAN": auxiliary, "ImAC-GAN": improved}) | {"AC-GAN, DiffAug, no decay": augmented}
    if figure == "10":
        return both({"AC-GAN": auxiliary}) | {
            f"AC-GAN, {name}": penalized(auxiliary, *numbers, on) for name, numbers in PENALTIES.items()
        }
    if figure == "15":
        return both({"one-sided": one_sided, "projection": projection}) | {"omni, decay": decayed(omni)}
    if figure in ("16", "17"):
        return both({"multi-hinge K+1": k_plus_1}) | {"omni, decay": decayed(omni)}
    if figure == "18":
        return both({"omni": omni}) | {
            "omni, decay of D only": replace(decayed(omni), generator_weight_decay=0.0)
        }
    if figure == "all":
        figures = [recipes(each, on, decay=decay) for each in FIGURES[:-1]]
        return {name: recipe for cases_of_figure in figures for name, recipe in cases_of_figure.items()}
    if figure == "few":
        return both({"omni": omni, "AC-GAN": auxiliary})
    decays = (0.0, 1e-5, 1e-4, 5e-4, 2e-3)
    return {
        f"omni, decay of D {decay:g}": replace(decayed(omni), discriminator_weight_decay=decay)
        for decay in decays
    }


def paper_cells(case: str, on: str) -> list[str]:
    """Return a case's FID, IS and collapse in Omni-GAN's Table 1 on CIFAR; dashes for a case that is not in it."""
    method, _, variant = case.partition(", ")
    variants = {"no decay": "plain", "decay": "decay", "DiffAug, no decay": "DiffAug"}
    if method not in TABLE_1 or variant not in variants or on not in PAPER:
        return ["-"] * 3
    return PAPER[on][TABLE_1[method]][VARIANTS.index(variants[variant])].split()


def cases(options: argparse.Namespace) -> list[Case]:
    """Return the cases of the selected figure, at the budget."""
    numbers: dict[str, Any] = {}
    if options.width is not None:
        numbers["width"] = options.width
    if options.data:
        numbers["held_out"] = options.held_out
    prepare = partial(few_images, images=options.images) if options.images else None
    made = [
        Case(name, scaled(recipe, options.budget, **numbers), options.data or recipe.data, prepare)
        for name, recipe in recipes(options.figure, options.on, decay=options.decay).items()
    ]
    return renumbered(made, options.numbers)


def own_parser() -> argparse.ArgumentParser:
    """Return a parser with the flags of this experiment and those that every experiment has."""
    flags = parser(__doc__, out="early-collapse")
    flags.add_argument("--figure", choices=FIGURES, default="3", help="figure of the paper (default: 3)")
    flags.add_argument(
        "--on",
        choices=("digits", "cifar10", "cifar100"),
        default="digits",
        help="data of the recipes (default: digits)",
    )
    flags.add_argument("--data", default="", help="path of CIFAR; with --on digits, any labeled dataset")
    flags.add_argument(
        "--held-out", default="", help="held-out images of the same kind as --data, for the collapse watch"
    )
    flags.add_argument("--images", type=int, default=0, help="number of training images (default: all)")
    flags.add_argument("--width", type=int, help="base number of channels (default: the recipes')")
    flags.add_argument(
        "--decay",
        type=float,
        help="the discriminator's weight decay, in cases that have one (default: Omni-GAN's)",
    )
    add_numbers_flag(flags)
    add_judging_flags(flags)
    return flags


def main() -> None:
    flags = own_parser()
    options = flags.parse_args()
    if options.on != "digits" and not options.data:
        flags.error(f"--on {options.on} needs --data, such as {options.on}-train.parquet")
    if options.figure == "grid" and options.decay is not None:
        flags.error(f"--figure grid sweeps the decays, so --decay {options.decay:g} can't be set: omit it")
    selected = chosen(cases(options), options.only)
    out = options.out / f"figure-{options.figure}"
    judge = judge_of(options, METRICS)
    selected = measured(selected, options.measure, judge.extractor, judge.samples)
    outcomes = run_all(
        selected, seeds=range(options.seeds), out=out, processes=options.processes, judge=judge
    )
    picture = plot(outcomes, SIGNALS, out / "curves.png")
    for figure in FIGURES[:-1] if options.figure == "all" else ():
        shown = recipes(figure, options.on, decay=options.decay)
        mine = [outcome for outcome in outcomes if outcome.case in shown]
        if mine:
            plot(mine, SIGNALS, out / f"curves-{figure}.png")
    columns = [
        *columns_of(options, METRICS),
        "best coverage",
        "last coverage",
        "last held_out_gap",
        "last self_accuracy",
    ]
    facts = [
        f"Omni-GAN's figure {options.figure}, hyper-parameters of {options.on}"
        + (f" on {options.data}" if options.data else "")
        + (f", {options.images} images" if options.images else "")
        + (f"; decay of D {options.decay:g}" if options.decay is not None else "")
        + changed_numbers(options.numbers),
        f"Budget: {options.budget:g} of each recipe's steps ({selected[0].recipe.steps:,}); width "
        f"{width_of(selected[0].recipe)}; {options.seeds} seeds, mean ± standard deviation",
        f"Scores: averaged generator, {judge.samples:,} samples, against all images of {selected[0].data}; fd by "
        f"{judge.extractor or 'the digits classifier'}; coverage: of the raw generator, by the collapse watch",
        f"Curves: {picture.name}",
    ]
    paper, head = {}, ""
    if options.on in PAPER:
        paper = {case.name: paper_cells(case.name, options.on) for case in selected}
        head = "paper FID | paper IS | paper collapse"
    report("Supervision against regularization", facts, table(outcomes, columns, paper, head), out)


if __name__ == "__main__":
    main()
