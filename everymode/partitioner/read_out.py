"""Where the second stage begins: of several random read-outs, fitted to the pretext features, the one of least loss.

The paper begins from one random W0. The loss has many valleys, though, and which one a W0 leads to decides more than
anything that follows; on fixed features many can be fitted at once for little, and the loss tells the good ones.
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
    seen: Tensor, neighbors: Tensor, settings: PartitionSettings, *, seed: int
) -> tuple[ReadOut, Tensor]:
    """Fit `settings.starts` random read-outs to fixed features by the partition's loss, all at once.

    Args:
        seen: [V, N, F] features of N images in V views each.
        neighbors: int64 [N, n].
    Returns:
        The read-out of least loss, and the losses of all, [starts], on the first view.
    """
    count = seen.shape[1]
    mean, deviation = seen.mean((0, 1)), seen.std((0, 1)) + 1e-6
    seen = (seen - mean) / deviation
    generator = torch.Generator().manual_seed(stable_seed(seed, "partitioner", "read-outs"))
    shape = (settings.starts, seen.shape[2], settings.k)
    weight = torch.randn(shape, generator=generator).to(seen) * shape[1] ** -0.5
    bias = torch.zeros(settings.starts, 1, settings.k).to(seen)
    weight.requires_grad_(True)
    bias.requires_grad_(True)
    optimizer = torch.optim.Adam((weight, bias), lr=LEARNING_RATE)
    batch = min(BATCH, count)
    for step in range(settings.start_steps):
        rows = torch.from_numpy(rows_of_step(step, batch, count, seed=seed, stage="start")).to(seen.device)
        random = Draws(seed, f"start-{step}", Rows.all(batch), seen.device)
        others = neighbors[rows, random.integers("neighbour", neighbors.shape[1])]
        first, second = random.integers("view", len(seen), 2).unbind(1)
        losses = _losses(seen[first, rows] @ weight + bias, seen[second, others] @ weight + bias, settings)
        optimizer.zero_grad(set_to_none=True)
        losses.sum().backward()
        optimizer.step()
    with torch.no_grad():
        losses = _losses_of_all(seen[0], neighbors, weight, bias, settings)
        best = losses.nan_to_num(nan=torch.inf).argmin()
        chosen = (weight[best] / deviation.unsqueeze(1)).T.contiguous()
        return (chosen, bias[best, 0] - chosen @ mean), losses


def kmeans_read_out(centers: Tensor) -> ReadOut:
    """The read-out whose largest logit is the nearest of the centers [K, F]: 2 <c, x> - ||c||^2."""
    return 2 * centers, -centers.square().sum(1)


def _losses(anchors: Tensor, neighbors: Tensor, settings: PartitionSettings) -> Tensor:
    """`partition_loss` of each of S read-outs' logits [S, B, K]."""
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
    seen: Tensor, neighbors: Tensor, weight: Tensor, bias: Tensor, settings: PartitionSettings
) -> Tensor:
    """The loss of each read-out over all images and all their neighbors."""
    found = []
    for one, its_bias in zip(weight, bias, strict=True):
        logarithms = F.log_softmax(seen @ one + its_bias, 1)
        consistency = torch.stack(
            [-(logarithms + logarithms[column]).logsumexp(1).mean() for column in neighbors.unbind(1)]
        ).mean()
        both = logarithms.unsqueeze(0)
        found.append(consistency + _entropies(both, both.exp(), settings)[0])
    return torch.stack(found)
