"""First stage: a network that gives two views of an image the same direction, and other images other ones."""

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
    """f = W2 g(x): a partitioner's body g and a linear projection in place of its read-out.

    Partition-Guided GAN, section 4.1: with g = sigma(W1 h), the partitioner that begins from it is W0 g.
    """

    def __init__(self, partitioner: Partitioner, embedding: int) -> None:
        super().__init__()
        self.body = partitioner.body
        self.projection = nn.Linear(partitioner.read_out.in_features, embedding)

    def forward(self, x: Tensor) -> Tensor:
        """Directions [B, embedding], of length 1."""
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
    """SGD with momentum 0.9 on NT-Xent, the learning rate rising at first, then falling along a cosine."""
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
    """What is left of a learning rate: from 0 up along a line, then from 1 down to 0 along half a cosine."""
    rising = warm_up * steps
    if step < rising:
        return (step + 1) / (rising + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(steps - rising, 1)))
