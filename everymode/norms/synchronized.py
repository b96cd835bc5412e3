"""Mean and variance per channel over the batches of all ranks: differentiable, with one collective operation in each
of forward and backward.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import FunctionCtx

from everymode.precision import at_least_float32


def world_size() -> int:
    """Return the number of ranks, 1 if torch.distributed is not initialized."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def statistics_across_ranks(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute mean and variance per channel over all ranks' batches.

    Each rank's mean and its sum of squared deviations are gathered and combined (Chan et al. 1979), which is more
    precise than a sum of squares. Half precision is computed in single precision.

    Args:
        x: this rank's batch, [B, C, ...].
    Returns:
        Mean [C], biased variance [C], and the number of values per channel over all ranks (a scalar tensor).
    """
    x = at_least_float32(x)
    axes = [axis for axis in range(x.dim()) if axis != 1]
    count = x.numel() // x.shape[1]
    variance, mean = torch.var_mean(x, dim=axes, correction=0)
    channels = x.shape[1]
    gathered = _gather(torch.cat((mean, variance * count, mean.new_full((1,), count))))
    means, deviations, counts = gathered.split((channels, channels, 1), dim=1)
    total = counts.sum()
    mean = (counts * means).sum(0) / total
    variance = (deviations + counts * (means - mean).square()).sum(0) / total
    return mean, variance, total.detach()


def _gather(row: Tensor) -> Tensor:
    return _Gather.apply(row)


class _Gather(torch.autograd.Function):
    """Gathers [F] of each rank into [ranks, F] on every rank; the gradient of a row is the sum over all ranks."""

    @staticmethod
    def forward(ctx: FunctionCtx, row: Tensor) -> Tensor:
        rows = [torch.empty_like(row) for _ in range(world_size())]
        dist.all_gather(rows, row.contiguous())
        return torch.stack(rows)

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Tensor:
        gradient = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(gradient)
        return gradient[dist.get_rank()]
