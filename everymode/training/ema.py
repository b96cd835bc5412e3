"""Exponential moving average of a network: parameters and buffers."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Set average <- decay * average + (1 - decay) * network, over all parameters and floating-point buffers.

    Integer buffers (counters) are copied. `decay=0` makes a plain copy. Source: the whole state is averaged, running
    statistics included, as in ajbrock/BigGAN-PyTorch utils.py.
    """
    averaged: list[torch.Tensor] = []
    current: list[torch.Tensor] = []
    pairs = zip(_tensors(average), _tensors(network), strict=True)
    for mine, theirs in pairs:
        if mine.is_floating_point():
            averaged.append(mine)
            current.append(theirs)
        else:
            mine.copy_(theirs)
    if decay == 0:
        torch._foreach_copy_(averaged, current)  # pyright: ignore[reportPrivateImportUsage]  torch.optim uses these too
    else:
        torch._foreach_lerp_(averaged, current, 1 - decay)  # pyright: ignore[reportPrivateImportUsage]  ditto


def _tensors(network: nn.Module) -> list[torch.Tensor]:
    return [*network.parameters(), *network.buffers()]
