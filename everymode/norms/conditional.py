"""Batch normalization with a learned gain and bias, or with ones that depend on the condition; on one or more ranks.

Conditional batch normalization as in BigGAN (Brock et al. 2019, ajbrock/BigGAN-PyTorch:layers.py): gain = 1 + table[y]
and bias = table[y], where the tables are embeddings of the labels, or linear maps of [shared embedding, latent chunk].
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.norms.synchronized import statistics_across_ranks, world_size


class BatchNorm(nn.Module):
    """Batch normalization of [B, C] or [B, C, H, W] with a learned gain and bias per channel.

    The second argument of `forward` is ignored, so that the layer can replace a conditional one. With `synchronize`,
    the statistics are those of all ranks' batches (see `synchronize_batch_norm`). The running variance is unbiased.

    Args:
        channels: C.
        epsilon: added to the variance.
        momentum: weight of the new statistics in the running ones.
        affine: False omits the gain and the bias, for layers that compute them in another way.
    """

    gain: nn.Parameter | None
    bias: nn.Parameter | None
    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self, channels: int, *, epsilon: float = 1e-5, momentum: float = 0.1, affine: bool = True
    ) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.momentum = momentum
        self.synchronize = False
        self.gain = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor, condition: object = None) -> Tensor:
        if _spans_ranks(self):
            normalized = _normalized_across_ranks(self, x)
            if self.gain is None or self.bias is None:
                return normalized
            return _affine(normalized, self.gain, self.bias)
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.gain,
            self.bias,
            self.training,
            self.momentum,
            self.epsilon,
        )

    def extra_repr(self) -> str:
        affine = "" if self.gain is not None else ", affine=False"
        return f"{len(self.running_mean)}, epsilon={self.epsilon}, momentum={self.momentum}{affine}"


class ConditionalBatchNorm2d(nn.Module):
    """Batch normalization of [B, C, H, W] whose gain (as 1 + gain) and bias are functions of the condition.

    Args:
        channels: C.
        table: C -> module that maps the condition to [B, C]: `partial(nn.Embedding, num_classes)` for labels
            [B], or `partial(nn.Linear, width, bias=False)` for vectors [B, width].
        epsilon: added to the variance.
        momentum: weight of the new statistics in the running ones.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self,
        channels: int,
        table: Callable[[int], nn.Module],
        *,
        epsilon: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.momentum = momentum
        self.synchronize = False
        self.gain = table(channels)
        self.bias = table(channels)
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        gain, bias = 1 + self.gain(condition), self.bias(condition)
        if _spans_ranks(self):
            normalized = _normalized_across_ranks(self, x)
        else:
            normalized = F.batch_norm(
                x, self.running_mean, self.running_var, None, None, self.training, self.momentum, self.epsilon
            )
        return _affine(normalized, gain, bias)

    def extra_repr(self) -> str:
        return f"{len(self.running_mean)}, epsilon={self.epsilon}, momentum={self.momentum}"


def synchronize_batch_norm(network: nn.Module, enabled: bool = True) -> nn.Module:
    """Make every batch normalization of the network compute its statistics over all ranks, or its own rank, in place.

    This has an effect in training mode while torch.distributed is initialized with more than one rank. Every rank must
    then run the same layers in the same order. Ranks may hold batches of different sizes.

    Args:
        network: the network to change.
        enabled: True for the statistics of all ranks, False for those of each rank.
    Returns:
        The network.
    Raises:
        ValueError: if the network holds torch's own batch normalization, which this function does not change.
    """
    for name, module in network.named_modules():
        if isinstance(module, BatchNorm | ConditionalBatchNorm2d):
            module.synchronize = enabled
        elif isinstance(module, nn.modules.batchnorm._BatchNorm) and not isinstance(module, nn.SyncBatchNorm):
            raise ValueError(
                f"{name!r} is torch's {type(module).__name__}, whose statistics are those of one rank; build the "
                "network with everymode.norms.BatchNorm, or convert it with nn.SyncBatchNorm.convert_sync_batchnorm."
            )
    return network


def _spans_ranks(layer: BatchNorm | ConditionalBatchNorm2d) -> bool:
    return layer.synchronize and layer.training and world_size() > 1


def _normalized_across_ranks(layer: BatchNorm | ConditionalBatchNorm2d, x: Tensor) -> Tensor:
    mean, variance, count = statistics_across_ranks(x)
    with torch.no_grad():
        unbiased = variance * (count / (count - 1))
        layer.running_mean.lerp_(mean.to(layer.running_mean), layer.momentum)
        layer.running_var.lerp_(unbiased.to(layer.running_var), layer.momentum)
    shape = (1, -1) + (1,) * (x.dim() - 2)
    return ((x - mean.view(shape)) * torch.rsqrt(variance + layer.epsilon).view(shape)).to(x.dtype)


def _affine(normalized: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    """Return gain * x + bias in x's precision, with gain and bias [C] or [B, C]; bfloat16 activations stay bfloat16."""
    shape = (-1, normalized.shape[1]) + (1,) * (normalized.dim() - 2)
    gain, bias = gain.to(normalized.dtype).view(shape), bias.to(normalized.dtype).view(shape)
    return torch.addcmul(bias, normalized, gain)
