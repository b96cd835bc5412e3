"""Runs that are scored several times during training, for curves of scores that need a finished run folder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from everymode.pictures import new_figure, save_figure
from experiments.harness.repeated import train_and_judge
from experiments.harness.results import Case, Outcome, kept, scores_after
from experiments.harness.tables import by_case

AT = " at step "


def train_in_stages(case: Case, seed: int, folder: Path, judge: Any) -> Outcome:
    """Train a case, and score it each time that a share of its steps is complete.

    A stage resumes the run of the one before, which changes nothing as long as no schedule depends on the number of
    steps. Scores of a stage are named "fd at step 50".

    Args:
        judge: called with (run, data) for its scores; `judge.stages` is the number of stages, and `judge.curves` the
            names of the scores that are saved of each.

    Raises:
        ValueError: if a schedule of the recipe depends on the number of steps.
    """
    recipe, curve = case.recipe, {}
    if recipe.lr_decay or recipe.lr_halvings or recipe.settling:
        raise ValueError(
            f"{recipe.name} has a schedule that depends on its number of steps, so it can't be trained in stages: set "
            "lr_decay and settling to 0, and lr_halvings to none"
        )
    for stage in range(1, judge.stages):
        steps = recipe.steps * stage // judge.stages
        shorter = case._replace(recipe=recipe.with_numbers(steps=steps))
        play = partial(train_and_judge, shorter, seed, folder, judge)
        outcome = kept(folder / f"outcome-{steps}.json", play)
        if not outcome.scores:  # it diverged
            return outcome
        curve |= _named(outcome, judge.curves, steps)
    outcome = train_and_judge(case, seed, folder, judge)
    curve |= _named(outcome, judge.curves, recipe.steps)
    return outcome._replace(scores=outcome.scores | curve)


def _named(outcome: Outcome, scores: Sequence[str], step: int) -> dict[str, float]:
    """Return some scores of an outcome, by names with the step."""
    return {f"{name}{AT}{step}": outcome.scores[name] for name in scores if name in outcome.scores}


def curve_of(outcome: Outcome, score: str) -> dict[int, float]:
    """Return step -> value of a score that was computed in stages."""
    return {int(step): value for step, value in scores_after(outcome, score + AT).items()}


def plot_stages(outcomes: list[Outcome], scores: dict[str, str], path: Path) -> Path:
    """Plot scores of stages, one panel per score and one color per case: the mean and each seed (thin).

    Args:
        scores: score -> title of its panel.
    """
    figure, panels = new_figure(1, len(scores), size=(6 * len(scores), 4.2))
    for panel, (score, title) in zip(panels, scores.items(), strict=True):
        for number, (name, mine) in enumerate(by_case(outcomes).items()):
            series = [curve for curve in (curve_of(each, score) for each in mine) if curve]
            for curve in series:
                panel.plot(list(curve), list(curve.values()), color=f"C{number}", linewidth=0.5, alpha=0.4)
            steps = sorted(set.intersection(*(set(curve) for curve in series))) if series else []
            means = [sum(curve[step] for curve in series) / len(series) for step in steps]
            panel.plot(steps, means, color=f"C{number}", linewidth=1.6, label=name)
        panel.set_title(title, fontsize=9)
        panel.set_xlabel("generator steps", fontsize=8)
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.3)
    panels[0].legend(fontsize=7)
    return save_figure(figure, path)
