"""Self-Conditioned GAN's benchmark of mode collapse in the plane: its table 1, and its figures 6 and 7.

    python -m experiments.mode_coverage [--trials 10] [--on ring,grid] [--steps 4000] [--only self-conditioned,gan]

All methods have the same networks, batch size, optimizers, length and averaging. The paper's text and its released code
differ in several hyper-parameters. Each of them is a flag, and `--preset released` or `--preset paper` sets all:

             steps    re-clustering  learning rate  beta1  ring's radius  averaging, settling, decay of the rates
  everymode  the recipe's: `everymode recipes show self-conditioned-grid`                    (radius 1)
  released   100,000  5,000          1e-4           0.8    2              none
  paper      400,000  10,000         1e-3           0.9    1              none

(The paper's length at the code's rates: `--preset released --steps 400000 --refresh-every 10000 --radius 1`.)

The table has both rules for "high quality": the text's (a disc of 3 std) and the released code's (a box). A perfect
sampler scores 98.89 % and 99.46 %; higher values mean that the modes are too narrow. The spread, which no paper
reports, shows that directly.

NMI and purity of the clusters are those of table 5 (the paper has 0.9716 and 0.9921, without naming ring or grid).

--figure 6 sweeps the number of clusters against MGAN's number of generators; --figure 7 compares narrow and wide
Gaussians at 30 clusters.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from everymode.data.mixtures import Mixture
from everymode.data.opening import open_images
from experiments.harness.flags import chosen, listed
from experiments.harness.point_pictures import draw_panels, draw_sweep
from experiments.harness.point_trials import PointJudge, play_points
from experiments.harness.repeated import run_all
from experiments.harness.report import report
from experiments.harness.results import Case, Outcome
from experiments.harness.tables import Column, trial_table
from experiments.mode_cases import (
    METHODS,
    PAPER,
    PRESETS,
    WIDE,
    shared_numbers,
    sweep_cases,
    table_cases,
    variance_cases,
)

COLUMNS = (
    Column("modes", "modes"),
    Column("fewest modes", "fewest in an evaluation", digits=1),
    Column("euclidean", "high quality, disc %", share=True),
    Column("box", "high quality, box %", share=True),
    Column("reverse kl", "reverse KL (nats)", digits=4),
    Column("spread", "spread", digits=3),
    Column("nmi", "NMI with modes", digits=3),
    Column("purity", "purity", digits=3),
)


def perfect(judge: PointJudge, mixture: Mixture, name: str, trials: int) -> list[Outcome]:
    """Return the scores of points of the mixture itself, as rows of the table."""
    sampled = [judge.perfect(mixture, seed=seed) for seed in range(trials)]
    return [
        Outcome(name, seed, scores | {"fewest modes": scores["modes"]}, "", None, "")
        for seed, scores in enumerate(sampled)
    ]


def evaluation_time(judge: PointJudge) -> float:
    """Return the seconds that both rules take for the points of one evaluation, the least of five."""
    mixture = open_images("grid").mixture
    assert mixture is not None
    points = np.random.default_rng(0).normal(size=(judge.points, 2))
    times = []
    for _ in range(5):
        began = time.perf_counter()
        judge.score(points, mixture)
        times.append(time.perf_counter() - began)
    return min(times)


def described_numbers(preset: str, changed: Mapping[str, Any], on: str) -> str:
    """Return a line with the hyper-parameters that all methods share on a dataset."""
    numbers = shared_numbers(preset, changed, on).items()
    return f"Preset {preset}: " + ", ".join(f"{name} {value:g}" for name, value in numbers)


def tables_by_dataset(
    outcomes: list[Outcome],
    cases: list[Case],
    judge: PointJudge,
    out: Path,
    numbers: Callable[[str], str],
) -> str:
    """Return table 1 with the paper's scores, one table and one picture per dataset, each after `numbers(dataset)`."""
    lines = []
    for on in dict.fromkeys(case.name.split(", ")[1] for case in cases):
        mine = [outcome for outcome in outcomes if outcome.case.endswith(f", {on}")]
        data = next(case.data for case in cases if case.name.endswith(f", {on}"))
        mixture = open_images(data).mixture
        assert mixture is not None
        ideal = perfect(judge, mixture, "a perfect sampler", len({outcome.seed for outcome in mine}))
        names = {f"{method}, {on}": title for method, title in METHODS.items()}
        paper = {f"{method}, {on}": cells for method, cells in PAPER[on].items()}
        titles = ("paper: modes", "paper: %", "paper: reverse KL")
        lines += [
            f"## 2D-{on} ({data})",
            "",
            numbers(on),
            "",
            trial_table([*mine, *ideal], COLUMNS, paper, titles, names=names),
        ]
        picture = draw_panels(mine, mixture, out / f"{on}.png", names=names)
        lines += ["", f"Samples of the first trial: {picture.name}", ""]
    return "\n".join(lines)


def draw_variances(outcomes: Sequence[Outcome], path: Path) -> Path:
    """Draw figure 7: one picture per variance, named after `path`. Return the path of the narrow one, drawn last."""
    drawn = path
    for name, std in reversed(WIDE.items()):
        mine = [outcome for outcome in outcomes if outcome.case.endswith(f", {name}")]
        mixture = open_images(f"grid:std={std:.6g}").mixture
        assert mixture is not None
        drawn = draw_panels(mine, mixture, path.with_stem(f"{path.stem}-{name.replace(' ', '-')}"))
    return drawn


def parser() -> argparse.ArgumentParser:
    """Return a parser with the flags of this experiment."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        "--figure",
        choices=("table-1", "6", "7"),
        default="table-1",
        help="table or figure of the paper (default: table-1)",
    )
    made.add_argument("--trials", type=int, default=10, help="number of seeds of each case (default: 10)")
    made.add_argument(
        "--others", type=int, help="number of seeds of all cases except self-conditioned (default: --trials)"
    )
    made.add_argument(
        "--on",
        type=listed("ring", "grid"),
        default=["ring", "grid"],
        metavar="ring,grid",
        help="datasets of table 1: ring, grid, or both joined by a comma (default: both)",
    )
    made.add_argument(
        "--only",
        default="",
        help="methods of table 1 (gan,mgan), or words in the names of a figure's cases (default: all)",
    )
    made.add_argument(
        "--preset",
        choices=tuple(PRESETS),
        default="everymode",
        help="hyper-parameters that all methods share (default: everymode)",
    )
    add_hyper_parameters(made)
    made.add_argument(
        "--first-seed", type=int, default=0, help="first seed; choose settings on others than 0 (default: 0)"
    )
    made.add_argument(
        "--points", type=int, default=50_000, help="number of points of an evaluation (default: 50,000)"
    )
    made.add_argument(
        "--processes", type=int, default=2, help="trials at a time, one thread each (default: 2)"
    )
    made.add_argument("--out", type=Path, default=Path("runs/mode-coverage"), help="folder of the set")
    return made


def add_hyper_parameters(made: argparse.ArgumentParser) -> None:
    """Add a flag for each hyper-parameter that all methods share."""
    made.add_argument("--steps", type=int, help="generator steps (default: the preset's)")
    made.add_argument(
        "--refresh-every", type=int, help="steps between two clusterings (default: the preset's)"
    )
    made.add_argument(
        "--online-after",
        type=int,
        help="steps after which the online variant updates its centers (paper: 25,000; default: --refresh-every)",
    )
    made.add_argument(
        "--packs",
        action="store_true",
        help="give PacGAN as many packs as the others have points, as in its code; default: cut packs from the batch",
    )
    made.add_argument("--batch-size", type=int, help="points per step (default: the preset's)")
    made.add_argument("--lr", type=float, help="learning rate of both networks")
    made.add_argument(
        "--discriminator-lr", type=float, help="learning rate of the discriminator (default: --lr)"
    )
    made.add_argument("--beta1", type=float, help="beta1 of Adam (default: the preset's)")
    made.add_argument("--lr-decay", type=float, help="share of training over which the rates fall to zero")
    made.add_argument(
        "--settling", type=float, help="share of training with fixed statistics of batch normalization"
    )
    made.add_argument(
        "--settling-lr", type=float, help="factor on the generator's learning rate during --settling"
    )
    made.add_argument("--ema-decay", type=float, help="decay of the averaged generator, which is scored")
    made.add_argument("--radius", type=float, help="radius of the ring")


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    changed = {
        "steps": options.steps,
        "batch_size": options.batch_size,
        "refresh_every": options.refresh_every,
        "online_after": options.online_after or options.refresh_every,
        "packs": options.packs,
        "generator_lr": options.lr,
        "discriminator_lr": options.lr if options.discriminator_lr is None else options.discriminator_lr,
        "beta1": options.beta1,
        "lr_decay": options.lr_decay,
        "settling": options.settling,
        "settling_lr": options.settling_lr,
        "ema_decay": options.ema_decay,
        "radius": options.radius,
    }
    cases = {
        "table-1": lambda: table_cases(options.on, options.preset, changed, options.only),
        "6": lambda: chosen(sweep_cases(options.preset, changed), options.only),
        "7": lambda: chosen(variance_cases(options.preset, changed), options.only),
    }[options.figure]()
    judge = PointJudge(points=options.points)
    self_conditioned = [case for case in cases if case.name.startswith("self-conditioned")]
    others = [case for case in cases if case not in self_conditioned]
    outcomes = []
    for group, trials in ((self_conditioned, options.trials), (others, options.others or options.trials)):
        outcomes += run_all(
            group,
            seeds=range(options.first_seed, options.first_seed + trials),
            out=options.out,
            processes=options.processes,
            judge=judge,
            play=play_points,
        )
    order = [case.name for case in cases]
    outcomes.sort(key=lambda outcome: (order.index(outcome.case), outcome.seed))
    if options.figure == "table-1":
        numbers = partial(described_numbers, options.preset, changed)
        text = tables_by_dataset(outcomes, cases, judge, options.out, numbers)
    else:
        draw = draw_sweep if options.figure == "6" else draw_variances
        picture = draw(outcomes, options.out / f"figure-{options.figure}.png")
        text = f"{trial_table(outcomes, COLUMNS, {}, ())}\n\nPicture: {picture.name}"
    facts = [
        *([] if options.figure == "table-1" else [described_numbers(options.preset, changed, "grid")]),
        f"Averaged generator; {judge.points:,} points; mean of the last {judge.last} evaluations, "
        f"{100 * judge.spacing:g} % of training apart; mean ± standard error over trials",
        f"Both rules on {judge.points:,} points took {1000 * evaluation_time(judge):.0f} ms",
    ]
    report("Mode coverage in the plane", facts, text, options.out)


if __name__ == "__main__":
    main()
