"""What a term needs of other processes' rows, where its cost isn't a mean over rows.

After a move each process's gradient is averaged with the others'. A cost that is a mean over rows comes out
right by that alone; one that compares rows, or that depends on a mean, must see all of them. Every process
must call these functions alike.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def number_of_ranks() -> int:
    """How many processes share the batch; 1 where torch.distributed isn't initialized."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def mean_of_all_ranks(own: Tensor) -> Tensor:
    """The mean of a tensor over all processes, without gradient: a batch mean, where all have as many rows."""
    whole = own.detach()
    ranks = number_of_ranks()
    if ranks > 1:
        whole = whole.clone()
        dist.all_reduce(whole)
        whole /= ranks
    return whole


def rows_of_all_ranks(own: Tensor) -> Tensor:
    """[B, ...] rows of this process -> [ranks * B, ...] rows of all, in the order of ranks.

    It is for a cost that every process computes on the whole batch. Only this process's rows carry a gradient,
    and they carry it once per rank: averaged over the processes, the gradient of that cost then comes out
    exactly. All processes must have as many rows.
    """
    ranks = number_of_ranks()
    if ranks == 1:
        return own
    rows = [torch.empty_like(own, memory_format=torch.contiguous_format) for _ in range(ranks)]
    dist.all_gather(rows, own.detach().contiguous())
    if own.requires_grad:
        rows[dist.get_rank()] = own.detach() + ranks * (own - own.detach())
    return torch.cat(rows)
