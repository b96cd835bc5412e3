"""Does the watch see a collapse, and does it keep quiet otherwise?

    python -m experiments.collapse_watch [--seeds 5] [--processes 2] [--out table.md]

Healthy runs: the digits demo, and the class-conditional GAN on the grid. Collapsing runs: the demo, in which a term
pulls all samples of a batch onto one image from step 400 on, so that the moment at which the collapse begins is known.
Each run is made in a process of one thread. Delay: ticks (of 50 steps) from that moment to the alarm.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

import everymode
from everymode.game import Game, Turn, Weighted
from everymode.recipe import Recipe
from everymode.recipes.omni_gan import DIGITS, OmniGAN
from everymode.recipes.points import CONDITIONAL_GRID
from everymode.schedules import switched_on

BEGINS = 400
"""Step at which the collapsing runs are pulled onto one image."""


@dataclass(frozen=True, kw_only=True)
class OneModeGAN(OmniGAN):
    """Omni-GAN whose samples are pulled onto one image from step BEGINS on."""

    pull: float = 300.0
    """Weight of the term."""

    def build(self) -> Game:
        game = super().build()
        term = Weighted("one mode", distance_to_first, switched_on(self.pull, at=BEGINS))
        game.objective = replace(game.objective, generator_terms=(term,))
        return game


def distance_to_first(turn: Turn) -> Tensor:
    """Mean squared distance of the fakes to the first of them."""
    return (turn.fake - turn.fake[:1].detach()).square().mean()


class Outcome(NamedTuple):
    """What the watch said of one run."""

    kind: str
    seed: int
    ticks: int
    alarm_step: int | None
    text: str
    last_healthy: int | None


KINDS: dict[str, Callable[[], Recipe]] = {
    "healthy digits": lambda: DIGITS,
    "healthy grid": lambda: replace(CONDITIONAL_GRID, steps=2000, tick=100),
    "collapsing digits": lambda: OneModeGAN(**{**vars(DIGITS), "name": "one-mode", "steps": 700}),
}


def run(kind: str, seed: int) -> Outcome:
    """One run, and its first alarm."""
    import torch

    torch.set_num_threads(1)
    recipe = KINDS[kind]()
    with tempfile.TemporaryDirectory() as folder:
        done = everymode.train(recipe, out=folder, seed=seed, quiet=True)
        noted = done.folder / "collapses.jsonl"
        alarms = [json.loads(line) for line in noted.read_text().splitlines()] if noted.exists() else []
    first = alarms[0] if alarms else {"step": None, "text": "", "last_healthy": None}
    return Outcome(
        kind, seed, recipe.steps // recipe.tick, first["step"], first["text"], first["last_healthy"]
    )


def table(outcomes: list[Outcome]) -> str:
    """Markdown: one row a run."""
    lines = [
        "| run | seed | ticks | alarm at step | delay, ticks | what it saw | last healthy step |",
        "|---|---|---|---|---|---|---|",
    ]
    for outcome in outcomes:
        delay = "-"
        if outcome.kind.startswith("collapsing") and outcome.alarm_step is not None:
            delay = str((outcome.alarm_step - BEGINS) // DIGITS.tick)
        shown = [
            "none" if value is None else str(value) for value in (outcome.alarm_step, outcome.last_healthy)
        ]
        lines.append(
            f"| {outcome.kind} | {outcome.seed} | {outcome.ticks} | {shown[0]} | {delay} | {outcome.text or '-'} | "
            f"{shown[1] if outcome.alarm_step is not None else '-'} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    jobs = [(kind, seed) for kind in KINDS for seed in range(options.seeds)]
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
