"""Between the stages: mining neighbors with the pretext network, and initializing the second stage's read-out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from everymode.draws import Draws
from everymode.kmeans import kmeans
from everymode.partitioner.images import PartitionData, batches, outputs_of
from everymode.partitioner.neighbors import nearest_neighbors, neighbor_accuracy
from everymode.partitioner.network import Partitioner
from everymode.partitioner.pretext import Pretext
from everymode.partitioner.read_out import ReadOut, best_read_out, kmeans_read_out
from everymode.partitioner.settings import PartitionSettings
from everymode.partitioner.views import Views

__all__ = ["begin", "mine"]

MOST_VIEWS = 4
MOST_VALUES = 2**27
"""Approximate number of feature values in memory while read-outs are fitted, which limits the number of views."""
SCORED_NEIGHBORS = 10
"""Nearest neighbors that the reported accuracy is computed from."""


def mine(
    pretext: Pretext, data: PartitionData, settings: PartitionSettings, device: torch.device
) -> tuple[Tensor, dict[str, Any]]:
    """Return the nearest neighbors, int64 [N, n] on the CPU, and facts for the report.

    If there are labels, the facts hold the accuracy of a vote of the ten nearest neighbors.
    """
    pretext.eval()
    scored = min(SCORED_NEIGHBORS, len(data) - 1)
    neighbors = nearest_neighbors(outputs_of(pretext, data, device), max(settings.neighbors, scored)).cpu()
    labels = torch.from_numpy(data.labels if data.labels.ndim == 1 else data.labels[:, 0])
    facts: dict[str, Any] = {}
    if bool((labels >= 0).any()):
        facts["neighbor_accuracy"] = neighbor_accuracy(neighbors[:, :scored], labels)
    return neighbors[:, : settings.neighbors], facts


@torch.no_grad()
def begin(
    partitioner: Partitioner,
    neighbors: Tensor,
    data: PartitionData,
    views: Views,
    settings: PartitionSettings,
    *,
    seed: int,
    device: torch.device,
) -> dict[str, Any]:
    """Initialize the partitioner's read-out in place, and return facts for the report.

    It is the best of several random read-outs fitted to the features, or, with `settings.kmeans`, that of k-means,
    which is not trained further.
    """
    body = partitioner.body.eval()
    read_out: ReadOut
    facts: dict[str, Any] = {}
    if settings.kmeans:
        read_out = kmeans_read_out(kmeans(outputs_of(body, data, device), settings.k, seed=seed).centers)
    else:
        size = len(data) * partitioner.read_out.in_features
        most = MOST_VIEWS if settings.partition_views else 1
        features = torch.stack(
            [
                torch.cat(
                    [
                        body(views(images, Draws(seed, f"start-view-{number}", rows, device)))
                        for rows, images in batches(data, device)
                    ]
                )
                for number in range(min(most, max(1, MOST_VALUES // size)))
            ]
        )
        with torch.enable_grad():
            read_out, losses = best_read_out(features, neighbors.to(device), settings, seed=seed)
        facts = {"start_losses": sorted(losses.tolist())}
    partitioner.read_out.weight.copy_(read_out[0])
    partitioner.read_out.bias.copy_(read_out[1])
    return facts
