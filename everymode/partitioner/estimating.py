"""Estimate of the time that learning a partition will take, from a few steps of each stage on other networks."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from everymode.partitioner.agreement import agreement_stage
from everymode.partitioner.building import partitioner_for
from everymode.partitioner.images import PartitionData
from everymode.partitioner.learning import views_of
from everymode.partitioner.plane import POINTS, fit_stage
from everymode.partitioner.pretext import Pretext, pretext_stage
from everymode.partitioner.report import REPORT
from everymode.partitioner.saving import read_state
from everymode.partitioner.settings import PartitionSettings
from everymode.partitioner.stage import Stage
from everymode.partitioner.views import Views

__all__ = ["estimated_seconds"]


def estimated_seconds(
    data: PartitionData, settings: PartitionSettings, out: str | Path, *, device: torch.device | str = "cpu"
) -> float:
    """Return roughly how many seconds the remaining steps of `learn_partition` take; 0 if `out` has the partition.

    Steps of each stage are timed on fresh networks. Clustering of points, mining of neighbors
    and the first read-out are not included.

    Args:
        data, settings, out, device: as for `learn_partition`.
    """
    out, device = Path(out), torch.device(device)
    if (out / REPORT).is_file():
        return 0.0
    state = read_state(out)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        stages = _stages(data, settings, device)
        names = [stage.name for stage in stages]
        reached, step = (names[0], 0) if state is None else (state[1]["stage"], state[1]["step"])
        first = names.index(reached) if reached in names else 0
        seconds = [_seconds_per_step(stage) for stage in stages[first:]]
    remaining = [stages[first].steps - step, *(stage.steps for stage in stages[first + 1 :])]
    return sum(count * each for count, each in zip(remaining, seconds, strict=True))


def _stages(data: PartitionData, settings: PartitionSettings, device: torch.device) -> list[Stage]:
    """Return the stages of fresh networks, with arbitrary clusters and neighbors."""
    partitioner = partitioner_for(settings, data.image_shape).to(device)
    if data.is_points:
        points = data.gather(range(min(POINTS, len(data))))
        clusters = torch.zeros(len(points), dtype=torch.long)
        steps, lr = settings.fit_steps, settings.fit_lr
        return [fit_stage(partitioner, points, clusters, steps=steps, lr=lr, seed=0, device=device)]
    views = views_of(settings)
    later = views if settings.partition_views else Views()
    pretext = Pretext(partitioner, settings.embedding).to(device)
    stages = [pretext_stage(pretext, data, views, settings, seed=0, device=device)]
    if not settings.kmeans:
        neighbors = torch.zeros(len(data), 1, dtype=torch.long)
        stages.append(agreement_stage(partitioner, neighbors, data, later, settings, seed=0, device=device))
    return stages


def _seconds_per_step(stage: Stage) -> float:
    """Return the least time of two steps, after one that warms up: other programs may disturb either."""
    stage.network.train()
    times = []
    for number in range(3):
        begin = time.perf_counter()
        float(stage.step(number))  # waits for the device
        times.append(time.perf_counter() - begin)
    return min(times[1:])
