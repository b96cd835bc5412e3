"""One trial of a mode-collapse benchmark in the plane: a recipe is trained, and scored against the mixture meanwhile.

There is no run folder, only the data of the table and the picture: a trial takes minutes, and drawing curves and
pictures at every evaluation would take as long again. Each evaluation writes a checkpoint from which a stopped trial
resumes.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from everymode.data.dataset import Dataset
from everymode.data.mixtures import Mixture, sample_mixture
from everymode.data.opening import open_images
from everymode.data.order import DataOrder
from everymode.draws import Draws, Rows
from everymode.game import LabelSource
from everymode.machine.distributed import World
from everymode.machine.stopping import StopRequest
from everymode.metrics.modes import mode_coverage
from everymode.sampling.record import record_of
from everymode.storage import checkpoint
from everymode.training.moves import in_eval_mode
from everymode.training.preparation import Preparation
from everymode.training.stepper import Stepper
from experiments.harness.image_trials import cluster_scores
from experiments.harness.results import Case, Outcome

SCORES = ("modes", "box", "euclidean", "reverse kl", "spread")
"""Modes hit and share of high-quality points (by the box and by the Euclidean rule; the modes by the latter), reverse
KL divergence in nats, and the std within modes divided by the true one (by the box rule).
"""
PASS = 1000
"""Points that go through the generator at once."""


@dataclass(frozen=True)
class PointJudge:
    """Scores a trial: points of the averaged generator, at each quarter of training and more often at its end.

    Attributes:
        points: number drawn at each evaluation.
        last: number of evaluations at the end of training whose mean counts.
        spacing: fraction of training between two of these.
        shown: number of points saved for the picture.
    """

    points: int = 50_000
    last: int = 5
    spacing: float = 0.02
    shown: int = 2500

    def due(self, steps: int) -> list[int]:
        """Return the steps after which a run of `steps` steps is scored, in order; the last `last` of them count."""
        final = [round(steps * (1 - self.spacing * back)) for back in range(self.last)]
        before = [step for quarter in (1, 2, 3) if (step := steps * quarter // 4) < min(final)]
        return sorted({*before, *final} - {0})

    def score(self, points: Tensor | np.ndarray, mixture: Mixture) -> dict[str, float]:
        """Return SCORES of generated points [N, 2]; a diverged generator has no mode and no point of high quality."""
        if not np.isfinite(np.asarray(points)).all():
            return {"modes": 0.0, "box": 0.0, "euclidean": 0.0, "reverse kl": math.nan, "spread": math.nan}
        disc = mode_coverage(points, mixture.means, mixture.std)
        box = mode_coverage(points, mixture.means, mixture.std, rule="box")
        return {
            "modes": float(disc.modes),
            "box": box.high_quality,
            "euclidean": disc.high_quality,
            "reverse kl": disc.reverse_kl,
            "spread": box.spread,
        }

    def perfect(self, mixture: Mixture, *, seed: int) -> dict[str, float]:
        """Return SCORES of as many points of the mixture itself: those of a perfect generator."""
        return self.score(sample_mixture(mixture, self.points, seed=1000 + seed)[0], mixture)


def draw_points(generator: nn.Module, labels: LabelSource, count: int) -> Tensor:
    """Return points [count, 2] of a generator, with labels drawn by their source, always from the same z."""
    random = Draws(0, "mode coverage", Rows.all(count))
    latent_dim: Any = generator.latent_dim
    z = random.normal("z", latent_dim)
    condition = labels.draw(random)
    parts = [slice(start, start + PASS) for start in range(0, count, PASS)]
    with in_eval_mode(generator):
        return torch.cat(
            [generator(z[part], None if condition is None else condition[part]) for part in parts]
        )


def play_points(case: Case, seed: int, folder: Path, judge: PointJudge) -> Outcome:
    """Train one case with one seed in a folder, resuming if it was interrupted, and score it."""
    data = open_images(case.data)
    assert data.mixture is not None
    stepper = _stepper(case, seed, data, folder)
    records: list[dict[str, Any]] = []
    left = checkpoint.newest_valid(folder / "checkpoints", print)
    if left is not None:
        state = checkpoint.read_state(left)
        stepper.restore(state["stepper"])
        records = state["records"]
    for step in judge.due(stepper.recipe.steps):
        if step <= stepper.completed:
            continue
        while stepper.completed < step and not _has_diverged(stepper):
            stepper.step()
        points = draw_points(stepper.average, stepper.game.labels, judge.points)
        if stepper.completed < step:
            points = torch.full_like(points, math.nan)
        records.append({"step": step, **judge.score(points, data.mixture)})
        _keep(stepper, records, folder)
        np.save(folder / "points.npy", points[: judge.shown].numpy())
    scores = mean_scores(records[-judge.last :])
    scores |= cluster_scores({"modules": {"labels": stepper.game.labels.state_dict()}}, data.labels)
    diverged = next((record["step"] for record in records if math.isnan(record["reverse kl"])), None)
    alarm = "" if diverged is None else "its points are not finite"
    return Outcome(case.name, seed, scores, alarm, diverged, str(folder))


def _has_diverged(stepper: Stepper) -> bool:
    """Check the networks before a refresh of the labels, which non-finite values would break."""
    return stepper.refresh_is_due() and stepper.first_bad() is not None


def mean_scores(records: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the mean of each score that has a value, and the fewest modes.

    There is no spread if no point is of high quality.
    """
    found = {name: [record[name] for record in records if not math.isnan(record[name])] for name in SCORES}
    means = {name: statistics.fmean(values) for name, values in found.items() if values}
    return means | {"fewest modes": min(record["modes"] for record in records)}


def _stepper(case: Case, seed: int, data: Dataset, folder: Path) -> Stepper:
    recipe = replace(case.recipe, seed=seed).for_data(data.facts())
    order = DataOrder(data.labels, recipe.batch_size, seed, sampling=recipe.class_sampling)
    stepper = Stepper(recipe, data, order, "cpu", World())
    folder.mkdir(parents=True, exist_ok=True)
    recipe.prepare(stepper.game, data, Preparation(folder, stepper.device, StopRequest(), print, False))
    return stepper


def _keep(stepper: Stepper, records: list[dict[str, Any]], folder: Path) -> None:
    checkpoint.write_checkpoint(
        folder / "checkpoints",
        stepper.completed,
        generator=stepper.average.state_dict(),
        config={"recipe": record_of(stepper.recipe)},
        state={"stepper": stepper.state(), "records": records},
        labels=stepper.game.labels.sampling_state(),
    )
    checkpoint.prune(folder / "checkpoints", keep_last=1)
