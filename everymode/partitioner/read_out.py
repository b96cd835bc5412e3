"""Initial read-out of the second stage: the one of lowest loss among several fitted to the pretext features.

The paper starts from one random W0. But the loss has many local minima, and the one that a W0 leads to matters more
than anything that follows. On fixed features many read-outs can be fitted at once at low cost, and their losses tell
the good ones apart.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.draws import Draws, Rows, stable_seed
from everymode.partitioner.order import rows_of_step
from everymode.partitioner.settings import PartitionSettings

__all__ = ["ReadOut", "best_read_out", "kmeans_read_out"]

ReadOut = tuple[Tensor, Tensor]
"""Weight [K, F] and bias [K]."""

LEARNING_RATE = 1e-2
BATCH = 512


def best_read_out(
    features: Tensor, neighbors: Tensor, settings: PartitionSettings, *, seed: int
) -> tuple[ReadOut, Tensor]:
    """Fit `settings.starts` random read-outs to fixed features by the partition loss, all at once.

    Args:
        features: [V, N, F], those of N images in V views each.
        neighbors: int64 [N, n] rows of each image's neighbors.
    Returns:
        The read-out of lowest loss, and the losses of all read-outs on the first view, [starts].
    """
    count = features.shape[1]
    mean, deviation = features.mean((0, 1)), features.std((0, 1)) + 1e-6
    normalized = (features - mean) / deviation
    generator = torch.Generator().manual_seed(stable_seed(seed, "partitioner", "read-outs"))
    shape = (settings.starts, normalized.shape[2], settings.k)
    weight = torch.randn(shape, generator=generator).to(normalized) * shape[1] ** -0.5
    bias = torch.zeros(settings.starts, 1, settings.k).to(normalized)
    weight.requires_grad_(True)
    bias.requires_grad_(True)
    optimizer = torch.optim.Adam((weight, bias), lr=LEARNING_RATE)
    batch = min(BATCH, count)
    for step in range(settings.start_steps):
        rows = torch.from_numpy(rows_of_step(step, batch, count, seed=seed, stage="start")).to(
            normalized.device
        )
        random = Draws(seed, f"start-{step}", Rows.all(batch), normalized.device)
        others = neighbors[rows, random.integers("neighbour", neighbors.shape[1])]
        first, second = random.integers("view", len(normalized), 2).unbind(1)
        losses = _losses(
            normalized[first, rows] @ weight + bias, normalized[second, others] @ weight + bias, settings
        )
        optimizer.zero_grad(set_to_none=True)
        losses.sum().backward()
        optimizer.step()
    with torch.no_grad():
        losses = _losses_of_all(normalized[0], neighbors, weight, bias, settings)
        best = losses.nan_to_num(nan=torch.inf).argmin()
        best_weight = (weight[best] / deviation.unsqueeze(1)).T.contiguous()
        return (best_weight, bias[best, 0] - best_weight @ mean), losses


def kmeans_read_out(centers: Tensor) -> ReadOut:
    """Return the read-out whose largest logit belongs to the nearest of the centers [K, F]: 2 <c, x> - ||c||^2."""
    return 2 * centers, -centers.square().sum(1)


def _losses(anchors: Tensor, neighbors: Tensor, settings: PartitionSettings) -> Tensor:
    """Return `partition_loss` for the logits [S, B, K] of each of S read-outs, [S]."""
    anchors, neighbors = F.log_softmax(anchors, 2), F.log_softmax(neighbors, 2)
    probabilities = anchors.exp()
    consistency = -(anchors + neighbors).logsumexp(2).mean(1)
    return consistency + _entropies(anchors, probabilities, settings)


def _entropies(logarithms: Tensor, probabilities: Tensor, settings: PartitionSettings) -> Tensor:
    mean = probabilities.mean(1)
    return -settings.sample_entropy_weight * (probabilities * logarithms).sum(2).mean(
        1
    ) + settings.mean_entropy_weight * torch.xlogy(mean, mean).sum(1)


def _losses_of_all(
    features: Tensor, neighbors: Tensor, weights: Tensor, biases: Tensor, settings: PartitionSettings
) -> Tensor:
    """Return the loss of each read-out over all images and all their neighbors."""
    losses = []
    for weight, bias in zip(weights, biases, strict=True):
        logarithms = F.log_softmax(features @ weight + bias, 1)
        consistency = torch.stack(
            [-(logarithms + logarithms[column]).logsumexp(1).mean() for column in neighbors.unbind(1)]
        ).mean()
        stacked = logarithms.unsqueeze(0)
        losses.append(consistency + _entropies(stacked, stacked.exp(), settings)[0])
    return torch.stack(losses)
