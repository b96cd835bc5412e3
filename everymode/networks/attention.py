"""Self-attention over positions (SAGAN, Zhang et al. 2019), as in ajbrock/BigGAN-PyTorch:layers.py."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """x + gamma * o(attend(x)) with 1x1 convolutions: [B, C, H, W] -> [B, C, H, W], with even H and W.

    Queries have C / 8 channels; keys (C / 8) and values (C / 2) are max-pooled 2x2. gamma starts at 0. The layer uses
    plain matrix products instead of a fused attention kernel, because gradient penalties differentiate twice.

    Args:
        channels: C, a multiple of 8.
    Raises:
        ValueError: if `channels` is not a multiple of 8.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        if channels % 8:
            raise ValueError(
                f"self-attention is requested at {channels} channels; it needs a multiple of 8. Change the width, or "
                "omit the attention."
            )
        self.query = nn.Conv2d(channels, channels // 8, 1, bias=False)
        self.key = nn.Conv2d(channels, channels // 8, 1, bias=False)
        self.value = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.output = nn.Conv2d(channels // 2, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        query = self.query(x).flatten(2)  # [B, C / 8, H W]
        key = F.max_pool2d(self.key(x), 2).flatten(2)  # [B, C / 8, H W / 4]
        value = F.max_pool2d(self.value(x), 2).flatten(2)  # [B, C / 2, H W / 4]
        weights = torch.softmax(torch.bmm(query.mT, key), dim=-1)
        attended = torch.bmm(value, weights.mT).unflatten(2, (height, width))
        return torch.addcmul(x, self.gamma.to(x.dtype), self.output(attended).to(x.dtype))
