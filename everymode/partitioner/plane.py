"""Partition of points in the plane: k-means, then a classifier fitted to its clusters.

Partition-Guided GAN, section 5.1, learns no features for points. The released code
(`alisadeghian/PGMGAN:clusterers/toy_guide_clusterer.py`) fits by cross-entropy with Adagrad, learning rate 0.07, for
2,000 epochs of two batches of 5,000 among 10,000 points.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.kmeans import kmeans
from everymode.partitioner.images import PartitionData
from everymode.partitioner.network import Partitioner
from everymode.partitioner.order import rows_of_step
from everymode.partitioner.stage import Stage

__all__ = ["POINTS", "fit_stage", "point_clusters"]

POINTS = 10_000
"""Maximum number of points that are clustered and fitted."""
BATCH = 5000


def point_clusters(data: PartitionData, k: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Return up to 10,000 points [N, 2], drawn by the seed, and the k-means cluster of each, int64 [N]."""
    count = min(POINTS, len(data))
    points = data.gather(np.sort(rows_of_step(0, count, len(data), seed=seed, stage="points")))
    return points, kmeans(points, k, seed=seed).labels


def fit_stage(
    partitioner: Partitioner,
    points: Tensor,
    clusters: Tensor,
    *,
    steps: int,
    lr: float,
    seed: int,
    device: torch.device,
) -> Stage:
    """Return the stage that fits the partitioner to the clusters by cross-entropy with Adagrad."""
    optimizer = torch.optim.Adagrad(partitioner.parameters(), lr=lr)
    points, clusters = points.to(device), clusters.to(device)
    batch = min(BATCH, len(points))

    def step(number: int) -> Tensor:
        rows = torch.from_numpy(rows_of_step(number, batch, len(points), seed=seed, stage="fit")).to(device)
        loss = F.cross_entropy(partitioner(points[rows]), clusters[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return Stage("fit", steps, partitioner, optimizer, step)
