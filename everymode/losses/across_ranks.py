"""Collective operations for terms whose cost isn't a mean over rows.

Gradients are averaged over processes after each backward pass. That alone is right for a cost that is a mean over rows;
a cost that compares rows, or depends on a mean, must see the rows of all processes. All processes must call these
functions in the same order.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def number_of_ranks() -> int:
    """Return the number of processes that share the batch; 1 if torch.distributed isn't initialized."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def mean_of_all_ranks(own: Tensor) -> Tensor:
    """Return the mean of a tensor over all processes, without gradient. All must have equally many rows."""
    whole = own.detach()
    ranks = number_of_ranks()
    if ranks > 1:
        whole = whole.clone()
        dist.all_reduce(whole)
        whole /= ranks
    return whole


def rows_of_all_ranks(own: Tensor) -> Tensor:
    """Gather the rows of all processes: [B, ...] of this one -> [ranks * B, ...], in the order of ranks.

    For a cost that every process computes on the whole batch. Only this process's rows carry a gradient, multiplied
    by the number of ranks: averaged over the processes, it is then the exact gradient of that cost. All processes
    must have the same number of rows.
    """
    ranks = number_of_ranks()
    if ranks == 1:
        return own
    rows = [torch.empty_like(own, memory_format=torch.contiguous_format) for _ in range(ranks)]
    dist.all_gather(rows, own.detach().contiguous())
    if own.requires_grad:
        rows[dist.get_rank()] = own.detach() + ranks * (own - own.detach())
    return torch.cat(rows)
