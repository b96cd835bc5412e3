"""Mean and variance per channel over the batches of all ranks, differentiable, with one collective each
way.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import FunctionCtx

from everymode.precision import at_least_float32


def world_size() -> int:
    """Number of ranks, 1 where torch.distributed is not initialized."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def statistics_across_ranks(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean [C], biased variance [C] and number of values per channel (a scalar tensor) over all ranks' x [B,
    C, ...].

    Each rank's mean and sum of squared deviations from it are gathered and combined (Chan et al. 1979), which
    keeps the precision that a sum of squares loses. Half precision is computed in single precision.
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
    """[F] on each rank -> [ranks, F] on every rank; the gradient of a rank's row is summed over all ranks."""

    @staticmethod
    def forward(ctx: FunctionCtx, row: Tensor) -> Tensor:
        rows = [torch.empty_like(row) for _ in range(world_size())]
        dist.all_gather(rows, row.contiguous())
        return torch.stack(rows)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        gradient = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(gradient)
        return gradient[dist.get_rank()]
