"""Scores of runs without labels, and of their critics; shared by the experiments on normalization."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import everymode
from everymode.pictures import new_figure, save_figure
from everymode.recipe import Recipe
from everymode.storage.checkpoint import newest_of_run, read_state
from everymode.storage.run_folder import RunFolder, read_lines
from experiments.harness.digit_reader import digit_classes
from experiments.harness.judging import Judge
from experiments.harness.repeated import values_of
from experiments.harness.results import Outcome

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class UnconditionalJudge(Judge):
    """Scores a generator that takes no label; with `digits`, also the classes that its samples show.

    Attributes:
        digits: a support vector machine, fitted on 500 digits that the GAN was not trained on, classifies each sample:
            `classes` (of 10, those of at least one sample in a hundred) and `class kl` (reverse KL divergence in nats
            of their shares from equal ones).
    """

    digits: bool = False

    def __call__(self, run: everymode.Run, data: str) -> dict[str, float]:
        scores = self.measured(run, data)
        if self.digits:
            scores |= digit_classes(run.generator(), self.samples)
        return scores


def trained_run(recipe: Recipe, data: str, out: Path) -> everymode.Run:
    """Return the finished run of a recipe in a folder; train it if it isn't there."""
    return everymode.train(recipe, data=data, out=out, resume="auto", quiet=True, held_out=recipe.held_out)


def trained_critic(run: everymode.Run) -> nn.Module:
    """Return the critic of the run's newest checkpoint, in eval mode.

    Raises:
        FileNotFoundError: if the run has no complete checkpoint.
    """
    checkpoint = newest_of_run(run.folder)
    critic = run.recipe.build().discriminator
    critic.load_state_dict(read_state(checkpoint)["modules"]["discriminator"])
    return critic.eval()


def plot_metric(outcomes: Sequence[Outcome], metric: str, title: str, path: Path) -> Path:
    """Plot a metric during training (metrics.jsonl), one color per case: the mean and each seed (thin)."""
    figure, (panel,) = new_figure(size=(7, 4.2))
    for number, name in enumerate(dict.fromkeys(outcome.case for outcome in outcomes)):
        series = [metric_curve(outcome, metric) for outcome in outcomes if outcome.case == name]
        for curve in series:
            panel.plot(list(curve), list(curve.values()), color=f"C{number}", linewidth=0.5, alpha=0.4)
        series = [curve for curve in series if curve]  # a run that diverged at once has none
        steps = sorted(set.intersection(*(set(curve) for curve in series))) if series else []
        means = [statistics.fmean(curve[step] for curve in series) for step in steps]
        panel.plot(steps, means, color=f"C{number}", linewidth=1.6, label=name)
    panel.set_yscale("log")
    panel.set_title(title, fontsize=9)
    panel.set_xlabel("generator steps", fontsize=8)
    panel.tick_params(labelsize=7)
    panel.legend(fontsize=7)
    panel.grid(alpha=0.3)
    return save_figure(figure, path)


def metric_curve(outcome: Outcome, metric: str) -> dict[int, float]:
    """Return step -> value of a metric that was measured at the run's snapshots."""
    return values_of(read_lines(RunFolder(Path(outcome.folder)).metrics), metric)
