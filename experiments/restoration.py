"""Restoration: Omni-GAN's Table 3 and Figures 5, 7, 8 and 42, with small generators on colored shapes.

    python -m experiments.restoration [--seeds 3] [--budget 1] [--pictures 32]
    python -m experiments.restoration --part priors
    python -m experiments.restoration --part rates --seeds 1
    python -m experiments.restoration --on large-shapes        (or digits)
    python -m experiments.restoration --on cifar10 --data cifar10-train.parquet --held-out cifar10-test.parquet

Parts:
  tasks     reconstruction, colorization and doubling of held-out pictures by deep generative prior with Omni-INR-GAN's
            generator, trained and untrained, and by baselines
  priors    reconstruction with BigGAN, Omni-GAN and Omni-INR-GAN (Table 3); the first two have a convolutional head
  rates     the same tasks at three learning rates of the generator, on other pictures, from which the rate of the
            other parts was chosen

Pictures: 16 pixels, five shapes of six colors and three sizes on gray, without antialiasing; the 18 classes are color
and size. `large-shapes`: three shapes in one size, larger; the 18 classes are shape and color. All priors have the
schedule `SMALL` with the output head among the trained layers, 200 random codes, class unknown. Every case compares
images in the features of a trained critic, the pooled ones as a mean over positions; `untrained` has the initial
weights of the generator of the same seed.

The paper's pictures are of ImageNet at 256 pixels. Its colorizations are also compared with two learned colorizers
(Larsson et al., Zhang et al.), whose weights can't be had offline, so they are not
here. Digits are gray: no colorization.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from everymode.pictures import new_figure, save_figure
from everymode.recipe import Recipe
from everymode.recipes import biggan, multi_label, omni_gan, omni_inr_gan
from everymode.recipes.parts.plain_losses import PROJECTION
from experiments.harness.budget import scaled
from experiments.harness.flags import chosen, parser
from experiments.harness.renumbering import add_numbers_flag, changed_numbers, renumbered
from experiments.harness.repeated import run_all
from experiments.harness.report import report
from experiments.harness.results import Case, Outcome
from experiments.harness.tables import by_case, markdown, mean_and_spread, scores_of, table
from experiments.restoration_pictures import draw_any_size, draw_stages, draw_tasks
from experiments.restoration_trials import (
    BASELINES,
    BICUBIC,
    BIGGAN,
    COLORIZE,
    CONVOLUTIONAL,
    DOUBLE,
    GRAY,
    INR,
    LUMINANCE,
    RECONSTRUCT,
    SEARCH,
    TASKS,
    UNTRAINED,
    Restorations,
    restore_with_prior,
    restore_without_prior,
)

PARTS = ("tasks", "priors", "rates")
RATES = (1e-4, 1e-3, 3e-3)
CHOOSING = 8
"""Number of pictures of the part `rates`; none of them is among those of the other parts."""
PAPER = {
    # Table 3: PSNR and SSIM of reconstructions (of 1,000 ImageNet images)
    BIGGAN: ["25.68", "85.17"],
    CONVOLUTIONAL: ["26.35", "89.36"],
    INR: ["29.36", "92.74"],
}
PAPER_TITLES = "paper PSNR | paper SSIM"
KIND = "labels=color+size,antialias=no"
SHAPES = multi_label.SHAPES.with_numbers(
    name="omni-gan-colored-shapes",
    data=f"shapes:{KIND}",
    held_out=f"shapes:{KIND},samples=500,seed=1",
    num_classes=(6, 3),
    steps=1400,
    generator_lr=3e-4,
    precision="bf16",
    snapshot=350,
)
LARGE_KIND = "labels=shape+color,outlines=circle+square+triangle,sizes=large,antialias=no"
"""Three large shapes: more of the picture has a color, and is an edge, than with five shapes of three sizes."""
LARGE_SHAPES = SHAPES.with_numbers(
    name="omni-gan-large-shapes",
    data=f"shapes:{LARGE_KIND}",
    held_out=f"shapes:{LARGE_KIND},samples=500,seed=1",
    num_classes=(3, 6),
)
HELD_OUT = {
    "shapes": f"shapes:{KIND},samples=256,seed=2",
    "large-shapes": f"shapes:{LARGE_KIND},samples=256,seed=2",
    "digits": "digits:held-out",
}


@dataclass(frozen=True)
class Aim:
    """A difference of two scores that the trained prior is to reach."""

    name: str
    task: str
    other: str
    """Case whose score of the same task is subtracted."""
    decibels: float


AIMS = (
    Aim("reconstruction: above untrained", RECONSTRUCT, UNTRAINED, 3.0),
    Aim("colorization: above untrained", COLORIZE, UNTRAINED, 3.0),
    Aim("doubling: above untrained", DOUBLE, UNTRAINED, 2.0),
    Aim("colorization: above the gray picture", COLORIZE, GRAY, 3.0),
    Aim("doubling: above bicubic", DOUBLE, BICUBIC, 0.0),
)


def with_head(recipe: Recipe, name: str) -> Recipe:
    """Return a recipe's Omni-INR-GAN: the implicit head in place of the convolution."""
    return replace(recipe, name=name, networks=omni_inr_gan.with_implicit_head(recipe)).with_numbers(
        head_width=32
    )


def recipes(on: str) -> dict[str, Recipe]:
    """Return the recipes of the priors by name; they differ in the loss and the output head only."""
    if on in ("shapes", "large-shapes"):
        shapes = SHAPES if on == "shapes" else LARGE_SHAPES
        kind = shapes.name.removeprefix("omni-gan-")
        return {
            INR: with_head(shapes, f"omni-inr-gan-{kind}"),
            CONVOLUTIONAL: shapes,
            BIGGAN: replace(shapes, name=f"biggan-{kind}", loss=PROJECTION),
        }
    if on == "digits":
        return {INR: omni_inr_gan.DIGITS, CONVOLUTIONAL: omni_gan.DIGITS, BIGGAN: biggan.DIGITS}
    return {INR: omni_inr_gan.CIFAR10, CONVOLUTIONAL: omni_gan.CIFAR10, BIGGAN: biggan.CIFAR10}


def cases(part: str, options: argparse.Namespace) -> list[Case]:
    """Return the cases of a part."""
    made = {
        name: Case(name, scaled(recipe, options.budget), options.data or recipe.data)
        for name, recipe in recipes(options.on).items()
    }
    made = dict(zip(made, renumbered(list(made.values()), options.numbers), strict=True))
    untrained = made[INR]._replace(name=UNTRAINED)
    if part == "priors":
        return list(made.values())
    if part == "rates":
        return [made[INR], untrained]
    found = [made[INR], untrained, *(made[INR]._replace(name=name) for name in BASELINES)]
    return [case for case in found if case.name != GRAY or case.recipe.channels == 3]


def play_all(
    selected: Sequence[Case], judge: Restorations, seeds: int, out: Path, processes: int
) -> list[Outcome]:
    """Run the cases one by one, as several of them have one recipe, which `run_all` would run once."""
    outcomes: list[Outcome] = []
    for case in selected:
        play = restore_without_prior if case.name in BASELINES else restore_with_prior
        outcomes += run_all([case], seeds=range(seeds), out=out, processes=processes, judge=judge, play=play)
    return outcomes


def with_searches(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes, each prior's followed by that of its search alone: the best of the random codes."""
    found: list[Outcome] = []
    for mine in by_case(outcomes).values():
        found += mine
        for outcome in mine:
            scores = {
                f"{task} psnr": outcome.scores[f"{task} {SEARCH} psnr"]
                for task in TASKS
                if f"{task} {SEARCH} psnr" in outcome.scores
            }
            if scores:
                found.append(outcome._replace(case=f"{outcome.case}, search alone", scores=scores))
    return found


def aims_table(outcomes: Sequence[Outcome]) -> str:
    """Return the differences from the trained prior that are aimed at, by seed, with the aims."""
    rows = []
    for aim in AIMS:
        name = f"{aim.task} psnr"
        pairs = [
            (one.scores[name], other.scores[name])
            for one in outcomes
            for other in outcomes
            if one.case == INR and other.case == aim.other and one.seed == other.seed and name in other.scores
        ]
        if not pairs:
            continue
        differences = [one - other for one, other in pairs]
        reached = fmean(differences) >= aim.decibels if aim.decibels else fmean(differences) > 0
        rows.append(
            [
                aim.name,
                f"{aim.decibels:g}" if aim.decibels else "above 0",
                mean_and_spread(differences, "standard deviation", digits=2),
                ", ".join(f"{each:.2f}" for each in differences),
                "yes" if reached else "no",
            ]
        )
    return markdown(["difference in dB", "aim", "mean", "by seed", "reached"], rows)


def rates_table(by_rate: dict[float, list[Outcome]]) -> str:
    """Return the mean PSNR of each task by learning rate, trained and untrained."""
    names = list(by_case(next(iter(by_rate.values()))))
    tasks = [task for task in TASKS if any(f"{task} psnr" in each.scores for each in by_rate[RATES[0]])]
    rows = [
        [
            f"{rate:g}",
            *(
                mean_and_spread(
                    scores_of(by_case(outcomes)[name], f"{task} psnr"), "standard deviation", digits=2
                )
                for task in tasks
                for name in names
            ),
        ]
        for rate, outcomes in by_rate.items()
    ]
    return markdown(["generator's rate", *(f"{task}, {name}" for task in tasks for name in names)], rows)


def plot_rates(by_rate: dict[float, list[Outcome]], references: Sequence[Outcome], path: Path) -> Path:
    """Plot PSNR against the learning rate, one panel per task; dashed lines are gray pictures and bicubic."""
    figure, panels = new_figure(1, len(TASKS), size=(12, 3.6))
    for panel, task in zip(panels, TASKS, strict=True):
        for number, name in enumerate(by_case(next(iter(by_rate.values())))):
            values = [scores_of(by_case(each)[name], f"{task} psnr") for each in by_rate.values()]
            known = [(rate, fmean(each)) for rate, each in zip(by_rate, values, strict=True) if each]
            panel.plot([each[0] for each in known], [each[1] for each in known], f"C{number}o-", label=name)
        for number, outcome in enumerate(references, 2):
            if f"{task} psnr" in outcome.scores:
                value = outcome.scores[f"{task} psnr"]
                panel.axhline(value, color=f"C{number}", linestyle="--", label=outcome.case)
        panel.set_xscale("log")
        panel.set_xlabel("generator's learning rate", fontsize=8)
        panel.set_ylabel("PSNR in dB", fontsize=8)
        panel.set_title(task, fontsize=9)
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.3)
        panel.legend(fontsize=7)
    return save_figure(figure, path)


def own_parser() -> argparse.ArgumentParser:
    """Return a parser with the flags of this experiment and those that every experiment has."""
    flags = parser(__doc__, out="restoration")
    flags.add_argument(
        "--part", choices=PARTS, default="tasks", help="part of the experiment (default: tasks)"
    )
    flags.add_argument(
        "--on",
        choices=("shapes", "large-shapes", "digits", "cifar10"),
        default="shapes",
        help="data (default: shapes)",
    )
    flags.add_argument("--data", default="", help="path of CIFAR")
    flags.add_argument("--held-out", default="", help="path of its test images, which are restored")
    flags.add_argument("--pictures", type=int, default=32, help="number of held-out pictures (default: 32)")
    flags.add_argument(
        "--rate", type=float, default=RATES[0], help="generator's learning rate (default: 1e-4)"
    )
    add_numbers_flag(flags)
    return flags


def main() -> None:
    flags = own_parser()
    options = flags.parse_args()
    if options.on == "cifar10" and not (options.data and options.held_out):
        flags.error(
            "--on cifar10 needs --data and --held-out, such as cifar10-train.parquet, cifar10-test.parquet"
        )
    if options.pictures < 1:
        flags.error(f"--pictures is {options.pictures}: it is at least 1")
    selected = chosen(cases(options.part, options), options.only)
    judge = Restorations(options.held_out or HELD_OUT[options.on], num=options.pictures, rate=options.rate)
    runs, out = options.out / options.on, options.out / options.on / options.part
    shared = (options.seeds, runs, options.processes)
    recipe = selected[0].recipe
    facts = [
        f"{options.on}: {recipe.resolution} pixels, width {recipe.flat_numbers()['width']}, {recipe.steps:,} steps "
        f"(budget {options.budget:g}); {options.seeds} seeds, mean ± standard deviation of their means"
        f"{changed_numbers(options.numbers)}",
    ]
    if options.part == "rates":
        report_rates(selected, replace(judge, num=CHOOSING, skip=options.pictures), shared, facts, out)
        return
    outcomes = play_all(selected, judge, *shared)
    pictures = [path.name for path in drawn(selected, outcomes, judge, out)]
    facts += [
        f"{judge.num} pictures of {judge.pictures}, that no prior was trained on; generator's rate {judge.rate:g}, "
        f"{judge.candidates} random codes of standard deviation {judge.std:g}",
        "PSNR in dB with range 1 on 8 bits; ssim-range2: SSIM with range 2, as the paper's seems to have (its x 100)",
        "search alone: the best of the random codes, before the first step",
        f"Pictures: {', '.join(pictures)}",
    ]
    columns = [f"{task} psnr" for task in TASKS] + [f"{COLORIZE} {LUMINANCE} psnr"]
    columns += [f"{RECONSTRUCT} ssim", f"{RECONSTRUCT} ssim-range2", f"{DOUBLE} ssim", "minutes"]
    text = table(with_searches(outcomes), columns, PAPER, PAPER_TITLES)
    if options.part == "tasks":
        text += "\n\n" + aims_table(outcomes)
    report(f"Restoration ({options.part}) on {options.on}", facts, text, out)


def drawn(selected: Sequence[Case], outcomes: list[Outcome], judge: Restorations, out: Path) -> list[Path]:
    """Draw the pictures of a part, from the first seed."""
    first = {name: mine[0] for name, mine in by_case(outcomes).items()}
    paths = draw_tasks(selected[0], first, judge, out)
    if INR in first:
        paths += draw_stages(selected[0], first[INR], judge, out)
    priors = [case for case in selected if case.name in (INR, CONVOLUTIONAL)]
    if len(priors) == 2 and priors[0].data.startswith("shapes:"):
        paths.append(draw_any_size(priors, first, judge, out))
    return paths


def report_rates(
    selected: Sequence[Case],
    judge: Restorations,
    shared: tuple[int, Path, int],
    facts: list[str],
    out: Path,
) -> None:
    """Run and report the part `rates`."""
    by_rate = {rate: play_all(selected, replace(judge, rate=rate), *shared) for rate in RATES}
    names = [name for name in (GRAY, BICUBIC) if name != GRAY or selected[0].recipe.channels == 3]
    references = [selected[0]._replace(name=name) for name in names]
    known = play_all(references, judge, 1, *shared[1:])
    picture = plot_rates(by_rate, known, out / "rates.png")
    known_text = ", ".join(
        f"{each.case} {next(value for name, value in each.scores.items() if name.endswith(' psnr')):.2f}"
        for each in known
    )
    facts = [
        *facts,
        f"{judge.num} pictures of {judge.pictures}, none of which is restored in the other parts; PSNR in dB",
        f"Without a network: {known_text}",
        f"Plot: {picture.name}",
    ]
    report("Restoration by learning rate of the generator", facts, rates_table(by_rate), out)


if __name__ == "__main__":
    main()
