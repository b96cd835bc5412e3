"""First stage: train a network to map two views of an image to the same direction, and other images to other ones."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.partitioner.contrastive import nt_xent
from everymode.partitioner.images import PartitionData
from everymode.partitioner.network import Partitioner
from everymode.partitioner.order import rows_of_step
from everymode.partitioner.settings import PartitionSettings
from everymode.partitioner.stage import Stage
from everymode.partitioner.views import Views

__all__ = ["Pretext", "pretext_stage"]


class Pretext(nn.Module):
    """The pretext network f = W2 g(x): a partitioner's body g with a linear projection in place of the read-out.

    Partition-Guided GAN, section 4.1: with g = sigma(W1 h), the partitioner initialized from it is W0 g.
    """

    def __init__(self, partitioner: Partitioner, embedding: int) -> None:
        super().__init__()
        self.body = partitioner.body
        self.projection = nn.Linear(partitioner.read_out.in_features, embedding)

    def forward(self, x: Tensor) -> Tensor:
        """Return unit vectors [B, embedding]."""
        return F.normalize(self.projection(self.body(x)), dim=1)


def pretext_stage(
    network: Pretext,
    data: PartitionData,
    views: Views,
    settings: PartitionSettings,
    *,
    seed: int,
    device: torch.device,
) -> Stage:
    """Return the stage that minimizes NT-Xent by SGD with momentum 0.9, a linear warm-up and cosine decay."""
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=settings.pretext_lr,
        momentum=0.9,
        weight_decay=settings.pretext_weight_decay,
    )

    def step(number: int) -> Tensor:
        rows = rows_of_step(number, settings.pretext_batch, len(data), seed=seed, stage="pretext")
        images = data.gather(rows, device)
        random = Draws(seed, f"pretext-{number}", Rows.all(len(rows)), device)
        both = torch.cat([views(images, random.named(name)) for name in ("first", "second")])
        first, second = network(both).chunk(2)
        loss = nt_xent(first, second, temperature=settings.temperature, symmetric=settings.symmetric)
        for group in optimizer.param_groups:
            group["lr"] = settings.pretext_lr * cosine_share(number, settings.pretext_steps, settings.warm_up)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return Stage("pretext", settings.pretext_steps, network, optimizer, step)


def cosine_share(step: int, steps: int, warm_up: float) -> float:
    """Return the factor of the learning rate: a linear rise from 0, then half a cosine from 1 down to 0.

    Args:
        warm_up: share of the steps over which the factor rises, 0 to 1.
    """
    warm_up_steps = warm_up * steps
    if step < warm_up_steps:
        return (step + 1) / (warm_up_steps + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up_steps) / max(steps - warm_up_steps, 1)))
