"""Clustering by one process that has all points, or by two that have a part each, of different size."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from everymode.kmeans import kmeans
from everymode.labels.matching import induced_means
from everymode.machine.distributed import World

POINTS, WIDTH, CLUSTERS, FIRST = 500, 80, 9, 180


def clusterings(world: World) -> dict[str, list[float]]:
    """Centers, inertia, counts and labels of several clusterings, from this process's rows."""
    generator = torch.Generator().manual_seed(4)
    bases = torch.randn(12, WIDTH, generator=generator, dtype=torch.float64)
    kinds = torch.randint(0, 12, (POINTS,), generator=generator)
    points = bases[kinds] + torch.randn(POINTS, WIDTH, generator=generator, dtype=torch.float64) + 3
    old = torch.randint(0, CLUSTERS - 2, (POINTS,), generator=generator)  # two clusters are empty
    mine = slice(None) if world.size == 1 else (slice(FIRST), slice(FIRST, None))[world.rank]

    def gather(rows: Tensor) -> Tensor:
        if world.size == 1:
            return rows
        parts = [torch.empty(0)] * world.size
        dist.all_gather_object(parts, rows)
        return torch.cat(parts)

    means, empty = induced_means(points[mine], old[mine], CLUSTERS, total=world.total, gather=gather)
    starved = points[:CLUSTERS].clone()
    starved[3:6] += 1e3
    found = {"means": means.flatten().tolist(), "empty": empty.tolist()}
    for name, initial in (("cold", None), ("warm", means), ("starved", starved)):
        fit = kmeans(
            points[mine],
            CLUSTERS,
            seed=5,
            starts=3,
            initial=initial,
            tolerance=0,
            total=world.total,
            gather=gather,
        )
        assert fit.counts.min() > 0, name
        numbers = [*fit.centers.flatten().tolist(), fit.inertia, *fit.counts.tolist()]
        found[name] = [*numbers, *gather(fit.labels).tolist()]
    return found


def save_clusterings(out: Path) -> None:
    """What a process of two does."""
    torch.set_num_threads(1)
    world = World.from_environment()
    (out / f"{world.rank}.json").write_text(json.dumps(clusterings(world)))
    world.barrier()
    world.close()
