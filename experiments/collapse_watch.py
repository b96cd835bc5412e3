"""Alarms of the collapse watch: delays on forced collapses, and false alarms on healthy runs.

    python -m experiments.collapse_watch [--cases NAME ...] [--seeds 5] [--steps N] [--processes 2] [--out table.md]

Healthy runs: the digits demo, and the class-conditional GAN on the grid. Collapsing runs: the demo with an additional
term that pulls all samples of a batch onto one image from step 400 on, so the step at which the collapse begins is
known. These three cases run by default.

Untamed runs (only if named by `--cases`) have no weight decay, few digits and many steps. Nothing is forced in them;
they show what the watch reports and how far coverage falls from its best.

Each run has a process with one thread. Delay: ticks (of 50 steps) from the first forced step to the alarm.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor

import everymode
from everymode.game import Turn, Weighted
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.recipes.omni_gan import DIGITS
from everymode.recipes.parts.terms import Weights
from everymode.recipes.plain_gan import CONDITIONAL_GRID
from everymode.storage.run_folder import read_lines
from everymode.training.schedules import switched_on

if TYPE_CHECKING:
    from everymode.recipes.parts.terms import Both

BEGINS = 400
"""Step at which the collapsing runs are first pulled onto one image."""


@dataclass(frozen=True, kw_only=True)
class OneMode(Weights):
    """A generator term that pulls the samples onto one image from step BEGINS on."""

    pull: float = 300.0
    """Weight of the term."""

    def build(self, recipe: Recipe) -> Both:
        of_discriminator, of_generator = super().build(recipe)
        term = Weighted("one mode", distance_to_first, switched_on(self.pull, at=BEGINS))
        return of_discriminator, (*of_generator, term)


def distance_to_first(turn: Turn) -> Tensor:
    """Return the mean squared distance of the fakes from the first of them."""
    return (turn.fake - turn.fake[:1].detach()).square().mean()


@dataclass(frozen=True)
class Case:
    """One kind of run."""

    recipe: Callable[[], Recipe]
    begins: int | None = None
    """Step at which a collapse is forced; None = it is not forced."""
    images: int | None = None
    """Number of training digits, the first of the dataset; None = the recipe's default data."""


class Outcome(NamedTuple):
    """Alarms and warnings of the collapse watch in one run."""

    kind: str
    seed: int
    ticks: int
    alarm_step: int | None
    text: str
    last_healthy: int | None
    warning_step: int | None
    best_coverage: float
    last_coverage: float


def untamed(name: str, **numbers: Any) -> Recipe:
    """Return a long recipe for digits by name, without what keeps its discriminator from overfitting."""
    on_digits = {"data": "", "held_out": "digits:held-out", "snapshot": 1000}
    unregularized = {"generator_weight_decay": 0.0, "discriminator_weight_decay": 0.0, "lr_decay": 0.0}
    return find(name).with_numbers(**{**on_digits, **unregularized, "steps": 6000, **numbers})


USUAL: dict[str, Case] = {
    "healthy digits": Case(lambda: DIGITS),
    "healthy grid": Case(lambda: replace(CONDITIONAL_GRID, steps=2000, tick=100)),
    "collapsing digits": Case(
        lambda: DIGITS.with_numbers(name="one-mode", steps=700, terms=OneMode()), begins=BEGINS
    ),
}

UNTAMED: dict[str, Case] = {
    "untamed omni, 100 digits": Case(lambda: untamed("omni-gan-digits"), images=100),
    "untamed omni, 30 digits": Case(lambda: untamed("omni-gan-digits", watch_samples=30), images=30),
    "untamed omni, 100 digits, strong D": Case(
        lambda: untamed("omni-gan-digits", discriminator_steps=5, discriminator_lr=3e-3), images=100
    ),
    "untamed omni, 100 digits, beta1 0.9": Case(
        lambda: untamed("omni-gan-digits", beta1=0.9, generator_lr=2e-3, discriminator_lr=2e-3), images=100
    ),
    "untamed BigGAN, 100 digits": Case(lambda: untamed("biggan-digits"), images=100),
    "untamed AC-GAN, 100 digits": Case(lambda: untamed("ac-gan-digits"), images=100),
    "untamed AC-GAN": Case(lambda: untamed("ac-gan-digits", data="digits:train")),
}

CASES = USUAL | UNTAMED
CASES_HELP = f"names of cases (default: {', '.join(USUAL)})"


def run(kind: str, seed: int, steps: int | None = None) -> Outcome:
    """Train once, and return the first alarm and the first warning."""
    import torch

    torch.set_num_threads(1)
    case = CASES[kind]
    recipe = case.recipe() if steps is None else case.recipe().with_numbers(steps=steps)
    data = None
    if case.images is not None:
        data = everymode.open_images("digits:train", resolution=16).subset(range(case.images))
    with tempfile.TemporaryDirectory() as folder:
        done = everymode.train(recipe, data, out=folder, seed=seed, quiet=True).folder
        alarms, warnings, log = (
            read_lines(done / name) for name in ("collapses.jsonl", "warnings.jsonl", "log.jsonl")
        )
    first = alarms[0] if alarms else {"step": None, "text": "", "last_healthy": None}
    coverage = [record["watch/coverage"] for record in log if "watch/coverage" in record] or [float("nan")]
    return Outcome(
        kind,
        seed,
        len(log),
        first["step"],
        first["text"],
        first["last_healthy"],
        warnings[0]["step"] if warnings else None,
        max(coverage),
        coverage[-1],
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """Return a Markdown table with one row per run."""
    lines = [
        "| run | seed | ticks | alarm at step | delay, ticks | alarm message | last healthy step | D overfits from | "
        "coverage: best, last |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for outcome in outcomes:
        begins, delay = CASES[outcome.kind].begins, "-"
        if begins is not None and outcome.alarm_step is not None:
            delay = str((outcome.alarm_step - begins) // DIGITS.tick)
        steps = (outcome.alarm_step, outcome.warning_step)
        alarm, warning = ("none" if step is None else str(step) for step in steps)
        cells = [outcome.kind, outcome.seed, outcome.ticks, alarm, delay, outcome.text or "-"]
        cells += ["-" if outcome.alarm_step is None else outcome.last_healthy, warning]
        cells += [f"{outcome.best_coverage:.2f}, {outcome.last_coverage:.2f}"]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--cases", nargs="+", choices=[*CASES], default=[*USUAL], metavar="NAME", help=CASES_HELP
    )
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds (default: 5)")
    parser.add_argument("--steps", type=int, help="steps of every run (default: its recipe's)")
    parser.add_argument("--processes", type=int, default=2, help="runs at a time (default: 2)")
    parser.add_argument("--out", type=Path, help="file for the table (default: only print it)")
    options = parser.parse_args()
    jobs = [(kind, seed, options.steps) for kind in options.cases for seed in range(options.seeds)]
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        outcomes = []
        for done in [pool.submit(run, *job) for job in jobs]:
            outcomes.append(done.result())
            print(outcomes[-1], flush=True)
    text = table(outcomes)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
