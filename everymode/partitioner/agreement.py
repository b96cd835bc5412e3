"""Second stage: train the whole partitioner to put images and their neighbors into the same part."""

from __future__ import annotations

import torch
from torch import Tensor

from everymode.draws import Draws, Rows
from everymode.partitioner.consistency import partition_loss
from everymode.partitioner.images import PartitionData
from everymode.partitioner.network import Partitioner
from everymode.partitioner.order import rows_of_step
from everymode.partitioner.settings import PartitionSettings
from everymode.partitioner.stage import Stage
from everymode.partitioner.views import Views

__all__ = ["agreement_stage"]


def agreement_stage(
    partitioner: Partitioner,
    neighbors: Tensor,
    data: PartitionData,
    views: Views,
    settings: PartitionSettings,
    *,
    seed: int,
    device: torch.device,
) -> Stage:
    """Return the stage that minimizes the partition loss with Adam.

    Each step pairs every image of the batch with one of its mined neighbors, both in a random view.

    Args:
        neighbors: int64 [N, n] rows of the dataset, on the CPU.
    """
    optimizer = torch.optim.Adam(partitioner.parameters(), lr=settings.partition_lr)

    def step(number: int) -> Tensor:
        batch = settings.partition_batch
        rows = rows_of_step(number, batch, len(data), seed=seed, stage="partition")
        random = Draws(seed, f"partition-{number}", Rows.all(batch))
        choice = random.integers("neighbour", neighbors.shape[1])
        others = neighbors[torch.from_numpy(rows), choice].numpy()
        random = Draws(seed, f"partition-{number}", Rows.all(batch), device)
        both = [
            views(data.gather(indices, device), random.named(name))
            for name, indices in (("anchor", rows), ("neighbour", others))
        ]
        anchor_logits, neighbor_logits = partitioner(torch.cat(both)).chunk(2)
        loss = partition_loss(
            anchor_logits,
            neighbor_logits,
            sample_entropy_weight=settings.sample_entropy_weight,
            mean_entropy_weight=settings.mean_entropy_weight,
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return Stage("partition", settings.partition_steps, partitioner, optimizer, step)
