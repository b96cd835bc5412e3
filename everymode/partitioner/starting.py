"""Between the stages: mining neighbors by the pretext network, and the read-out that the second stage begins from."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from everymode.draws import Draws
from everymode.kmeans import kmeans
from everymode.partitioner.images import PartitionData, answers, batches
from everymode.partitioner.neighbors import nearest_neighbors, neighbor_accuracy
from everymode.partitioner.network import Partitioner
from everymode.partitioner.pretext import Pretext
from everymode.partitioner.read_out import ReadOut, best_read_out, kmeans_read_out
from everymode.partitioner.settings import PartitionSettings
from everymode.partitioner.views import Views

__all__ = ["begin", "mine"]

MOST_VIEWS = 4
MOST_VALUES = 2**27
"""Numbers held while read-outs are fitted: features of every image in up to four views."""
JUDGED_NEIGHBORS = 10


def mine(
    pretext: Pretext, data: PartitionData, settings: PartitionSettings, device: torch.device
) -> tuple[Tensor, dict[str, Any]]:
    """Nearest neighbors int64 [N, n] on the CPU; where there are labels, the accuracy of the ten nearest."""
    pretext.eval()
    judged = min(JUDGED_NEIGHBORS, len(data) - 1)
    found = nearest_neighbors(answers(pretext, data, device), max(settings.neighbors, judged)).cpu()
    labels = torch.from_numpy(data.labels if data.labels.ndim == 1 else data.labels[:, 0])
    facts: dict[str, Any] = {}
    if bool((labels >= 0).any()):
        facts["neighbor_accuracy"] = neighbor_accuracy(found[:, :judged], labels)
    return found[:, : settings.neighbors], facts


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
    """Give the partitioner its first read-out: the best of several random ones, or (its last, too) that of k-means."""
    body = partitioner.body.eval()
    chosen: ReadOut
    facts: dict[str, Any] = {}
    if settings.kmeans:
        chosen = kmeans_read_out(kmeans(answers(body, data, device), settings.k, seed=seed).centers)
    else:
        size = len(data) * partitioner.read_out.in_features
        most = MOST_VIEWS if settings.partition_views else 1
        seen = torch.stack(
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
            chosen, losses = best_read_out(seen, neighbors.to(device), settings, seed=seed)
        facts = {"start_losses": sorted(losses.tolist())}
    partitioner.read_out.weight.copy_(chosen[0])
    partitioner.read_out.bias.copy_(chosen[1])
    return facts
