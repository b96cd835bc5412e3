"""Self-Conditioned GAN's benchmark of mode collapse in the plane: its table 1, and its figures 6 and 7.

    python -m experiments.mode_coverage [--trials 10] [--on ring,grid] [--steps 4000] [--only self-conditioned,gan]

Every method has the same networks, batch, optimizers, length and averaging. The paper leaves open what its code and its
text say differently; each such number is an argument, and `--preset released` or `--preset paper` takes them all:

             steps    re-clustering  learning rate  beta1  ring's radius  averaging, decay of the rates
  everymode  the recipe's: `everymode recipes self-conditioned-grid` lists them                (radius 1)
  released   100,000  5,000          1e-4           0.8    2              none
  paper      400,000  10,000         1e-3           0.9    1              none

Both rules for "high quality" are always given: the text's (a disc of 3 std) and the released code's (a box). A
perfect sampler has 98.89 % and 99.46 %, so more than that means modes that are too narrow: hence the spread, which no
paper has.

--figure 6 sweeps the number of clusters against MGAN's number of generators; --figure 7 compares narrow and wide
Gaussians at 30 clusters.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from everymode.data.mixtures import Mixture
from everymode.data.opening import open_images
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.recipes.cluster_numbers import ClusterNumbers
from experiments.point_pictures import draw_panels, draw_sweep
from experiments.point_trials import PointJudge, play_points
from experiments.repeated import Case, Outcome, chosen, report, run_all
from experiments.trial_tables import Column, trial_table

METHODS = {
    "gan": "GAN",
    "pac-gan2": "PacGAN2",
    "pac-gan3": "PacGAN3",
    "pac-gan4": "PacGAN4",
    "random-labels-gan": "random labels (k = 50)",
    "mgan": "MGAN (k = 50)",
    "online-self-conditioned": "self-conditioned, online (k = 50)",
    "self-conditioned": "self-conditioned (k = 50)",
    "conditional-gan": "told the mode (not in the paper's table)",
}
"""Recipes without their data's name -> rows of table 1."""

PAPER = {
    "ring": {
        "gan": ("6.3 ± 0.5", "98.2 ± 0.2", "0.45 ± 0.09"),
        "pac-gan2": ("7.9 ± 0.1", "95.6 ± 2.0", "0.07 ± 0.03"),
        "pac-gan3": ("7.8 ± 0.1", "97.7 ± 0.3", "0.10 ± 0.02"),
        "pac-gan4": ("7.8 ± 0.1", "95.9 ± 1.4", "0.07 ± 0.02"),
        "random-labels-gan": ("7.9 ± 0.1", "96.3 ± 1.1", "0.07 ± 0.02"),
        "mgan": ("8.0 ± 0.0", "71.7 ± 1.3", "0.0073 ± 0.0014"),
        "online-self-conditioned": ("8.0 ± 0.0", "99.7 ± 0.1", "0.0014 ± 0.0001"),
        "self-conditioned": ("8.0 ± 0.0", "99.5 ± 0.3", "0.0014 ± 0.0002"),
    },
    "grid": {
        "gan": ("17.3 ± 0.8", "94.8 ± 0.7", "0.70 ± 0.07"),
        "pac-gan2": ("23.8 ± 0.7", "91.3 ± 0.8", "0.13 ± 0.04"),
        "pac-gan3": ("24.6 ± 0.4", "94.2 ± 0.4", "0.06 ± 0.02"),
        "pac-gan4": ("24.8 ± 0.2", "93.6 ± 0.6", "0.04 ± 0.01"),
        "random-labels-gan": ("16.0 ± 1.0", "90.6 ± 1.6", "0.57 ± 0.07"),
        "mgan": ("25.0 ± 0.0", "40.7 ± 1.2", "0.0473 ± 0.0047"),
        "online-self-conditioned": ("25.0 ± 0.0", "99.7 ± 0.1", "0.0057 ± 0.0004"),
        "self-conditioned": ("25.0 ± 0.0", "99.5 ± 0.1", "0.0063 ± 0.0007"),
    },
}
"""Table 1: modes, high quality in percent, reverse KL divergence; mean and standard error of ten trials."""

PRESETS: dict[str, dict[str, Any]] = {
    "everymode": {},
    "released": {
        "steps": 100_000,
        "refresh_every": 5000,
        "generator_lr": 1e-4,
        "discriminator_lr": 1e-4,
        "beta1": 0.8,
        "beta2": 0.999,
        "lr_decay": 0.0,
        "ema_decay": 0.0,
        "radius": 2.0,
    },
    "paper": {
        "steps": 400_000,
        "refresh_every": 10_000,
        "generator_lr": 1e-3,
        "discriminator_lr": 1e-3,
        "beta1": 0.9,
        "beta2": 0.999,
        "lr_decay": 0.0,
        "ema_decay": 0.0,
        "radius": 1.0,
    },
}
TERMS = ("steps", "batch_size", "generator_lr", "discriminator_lr", "beta1", "beta2", "lr_decay", "ema_decay")
"""Numbers that are the same for all methods."""
SWEPT = (5, 10, 15, 20, 25, 30, 50, 75, 100)
WIDE = {"grid": 0.05, "wide grid": 0.1**0.5}
"""Figure 7's data: variances 0.0025 and 0.1."""

COLUMNS = (
    Column("modes", "modes"),
    Column("fewest modes", "fewest in an evaluation", digits=1),
    Column("euclidean", "high quality, disc %", share=True),
    Column("box", "high quality, box %", share=True),
    Column("reverse kl", "reverse KL (nats)", digits=4),
    Column("spread", "spread", digits=3),
)


def numbers_of(preset: str, changed: Mapping[str, Any], on: str) -> dict[str, Any]:
    """What all methods share on one data set: the self-conditioned recipe's numbers, the preset's, then `changed`."""
    recipe = find(f"self-conditioned-{on}")
    own = {name: getattr(recipe, name) for name in (*TERMS, "refresh_every")} | {"radius": 1.0}
    return own | PRESETS[preset] | {name: value for name, value in changed.items() if value is not None}


def on_terms(recipe: Recipe, numbers: Mapping[str, Any]) -> Recipe:
    """A recipe with the shared numbers, and with their re-clustering if it clusters."""
    shared = {name: numbers[name] for name in TERMS}
    if isinstance(recipe, ClusterNumbers):
        shared["refresh_every"] = numbers["refresh_every"]
    return replace(recipe, **shared)


def data_of(on: str, radius: float) -> str:
    return f"ring:radius={radius:g}" if on == "ring" else on


def table_cases(on: Sequence[str], preset: str, changed: Mapping[str, Any]) -> list[Case]:
    """Table 1: every method on every data set."""
    cases = []
    for name in on:
        numbers = numbers_of(preset, changed, name)
        for method in METHODS:
            recipe = on_terms(find(f"{method}-{name}"), numbers)
            cases.append(Case(f"{method}, {name}", recipe, data_of(name, numbers["radius"])))
    return cases


def sweep_cases(preset: str, changed: Mapping[str, Any], swept: Sequence[int] = SWEPT) -> list[Case]:
    """Figure 6: the number of clusters, and of MGAN's generators, on the grid."""
    numbers = numbers_of(preset, changed, "grid")
    return [
        Case(f"{method}, k = {k}", on_terms(with_k(find(f"{method}-grid"), k), numbers), "grid")
        for k in swept
        for method in ("self-conditioned", "mgan")
    ]


def variance_cases(preset: str, changed: Mapping[str, Any]) -> list[Case]:
    """Figure 7: narrow and wide Gaussians at k = 30."""
    numbers = numbers_of(preset, changed, "grid")
    cases = []
    for name, std in WIDE.items():
        for method in ("pac-gan2", "mgan", "self-conditioned"):
            recipe = find(f"{method}-grid")
            recipe = recipe if method == "pac-gan2" else with_k(recipe, 30)
            cases.append(Case(f"{method}, {name}", on_terms(recipe, numbers), f"grid:std={std:.6g}"))
    return cases


def with_k(recipe: Recipe, k: int) -> Recipe:
    """A recipe with k clusters, or k generators."""
    return replace(recipe, **{"clusters" if isinstance(recipe, ClusterNumbers) else "generators": k})


def perfect(judge: PointJudge, mixture: Mixture, name: str, trials: int) -> list[Outcome]:
    """What points of the mixture itself get, as rows of the table."""
    found = [judge.perfect(mixture, seed=seed) for seed in range(trials)]
    return [
        Outcome(name, seed, scores | {"fewest modes": scores["modes"]}, "", None, "")
        for seed, scores in enumerate(found)
    ]


def evaluation_time(judge: PointJudge) -> float:
    """Seconds that both rules take for the points of one evaluation, the least of five."""
    mixture = open_images("grid").mixture
    assert mixture is not None
    points = np.random.default_rng(0).normal(size=(judge.points, 2))
    times = []
    for _ in range(5):
        began = time.perf_counter()
        judge.score(points, mixture)
        times.append(time.perf_counter() - began)
    return min(times)


def tell_table(outcomes: list[Outcome], cases: list[Case], judge: PointJudge, out: Path) -> str:
    """Table 1 beside the paper's, one table and one picture a data set."""
    parts = []
    for on in dict.fromkeys(case.name.split(", ")[1] for case in cases):
        mine = [outcome for outcome in outcomes if outcome.case.endswith(f", {on}")]
        data = next(case.data for case in cases if case.name.endswith(f", {on}"))
        mixture = open_images(data).mixture
        assert mixture is not None
        ideal = perfect(judge, mixture, "a perfect sampler", len({outcome.seed for outcome in mine}))
        names = {f"{method}, {on}": title for method, title in METHODS.items()}
        paper = {f"{method}, {on}": cells for method, cells in PAPER[on].items()}
        titles = ("paper: modes", "paper: %", "paper: reverse KL")
        parts += [
            f"## 2D-{on} ({data})",
            "",
            trial_table([*mine, *ideal], COLUMNS, paper, titles, names=names),
        ]
        picture = draw_panels(mine, mixture, out / f"{on}.png", names=names)
        parts += ["", f"Samples of the first trial: {picture.name}", ""]
    return "\n".join(parts)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--figure", choices=("table-1", "6", "7"), default="table-1")
    made.add_argument("--trials", type=int, default=10, help="seeds of each case (default: 10)")
    made.add_argument("--on", default="ring,grid", help="data sets of table 1 (default: ring,grid)")
    made.add_argument("--only", default="", help="cases whose name contains one of these words (a,b,c)")
    made.add_argument("--preset", choices=tuple(PRESETS), default="everymode")
    made.add_argument("--steps", type=int, help="generator steps")
    made.add_argument("--refresh-every", type=int, help="steps between two clusterings")
    made.add_argument("--lr", type=float, help="learning rate of both networks")
    made.add_argument("--beta1", type=float)
    made.add_argument("--lr-decay", type=float, help="share of training over which the rates fall to zero")
    made.add_argument("--ema-decay", type=float, help="of the averaged generator, which is judged")
    made.add_argument("--radius", type=float, help="of the ring")
    made.add_argument("--points", type=int, default=50_000, help="points of an evaluation (default: 50,000)")
    made.add_argument(
        "--processes", type=int, default=2, help="trials at a time, one thread each (default: 2)"
    )
    made.add_argument("--out", type=Path, default=Path("runs/mode-coverage"), help="folder of the set")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    changed = {
        "steps": options.steps,
        "refresh_every": options.refresh_every,
        "generator_lr": options.lr,
        "discriminator_lr": options.lr,
        "beta1": options.beta1,
        "lr_decay": options.lr_decay,
        "ema_decay": options.ema_decay,
        "radius": options.radius,
    }
    on = [name.strip() for name in options.on.split(",") if name.strip()]
    every_case = {
        "table-1": lambda: table_cases(on, options.preset, changed),
        "6": lambda: sweep_cases(options.preset, changed),
        "7": lambda: variance_cases(options.preset, changed),
    }[options.figure]()
    cases = chosen(every_case, options.only)
    judge = PointJudge(points=options.points)
    outcomes = run_all(
        cases,
        seeds=range(options.trials),
        out=options.out,
        processes=options.processes,
        judge=judge,
        play=play_points,
    )
    if options.figure == "table-1":
        text = tell_table(outcomes, cases, judge, options.out)
    else:
        text = trial_table(outcomes, COLUMNS, {}, ())
        if options.figure == "6":
            draw_sweep(outcomes, options.out / "figure-6.png")
        else:
            for name, std in WIDE.items():
                mixture = open_images(f"grid:std={std:.6g}").mixture
                mine = [outcome for outcome in outcomes if outcome.case.endswith(f", {name}")]
                if mine and mixture is not None:
                    draw_panels(mine, mixture, options.out / f"figure-7-{name.replace(' ', '-')}.png")
    shown = numbers_of(options.preset, changed, on[0] if options.figure == "table-1" else "grid")
    facts = [
        f"Preset {options.preset}: " + ", ".join(f"{name} {value:g}" for name, value in shown.items()),
        f"{options.trials} trials; averaged generator; {judge.points:,} points; mean of the last {judge.last} "
        f"evaluations, {100 * judge.spacing:g} % of training apart; mean ± standard error over trials",
        f"Both rules on {judge.points:,} points took {1000 * evaluation_time(judge):.0f} ms",
    ]
    report("Mode coverage in the plane", facts, text, options.out)


if __name__ == "__main__":
    main()
