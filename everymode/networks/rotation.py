"""A network that is trained to tell by how many quarter turns an image was turned, and so learns features (RotNet).

Gidaris, Singh, Komodakis: Unsupervised Representation Learning by Predicting Image Rotations (ICLR 2018). Liu et al.,
Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), cluster such features as a baseline and give no details:
this small network is our choice.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks.sizes import Size, default_doublings
from everymode.norms.conditional import BatchNorm

TURNS = 4
"""By no, one, two or three quarter turns."""


class RotationNetwork(nn.Module):
    """3x3 convolutions with batch normalization and ReLU, a 2x2 maximum after each but the last, the mean over space,
    and one linear layer: images [B, C, H, W] -> logits [B, 4] of the quarter turns.

    Args:
        size: (H, W) of the images.
        base: channels of the first convolution; they double after each halving, up to 8 times base.
    """

    def __init__(self, size: Size, *, channels: int = 3, base: int = 32) -> None:
        super().__init__()
        halvings = default_doublings(size)
        widths = [base * 2 ** min(level, 3) for level in range(halvings + 1)]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(ins, outs, 3, padding=1)
            for ins, outs in zip((channels, *widths[:-1]), widths, strict=True)
        )
        self.norms = nn.ModuleList(BatchNorm(width) for width in widths)
        self.linear = nn.Linear(widths[-1], TURNS)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.features(x))

    def features(self, x: Tensor) -> Tensor:
        """What feeds the linear layer: [B, F], at most 8 times base."""
        for level, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = F.relu(norm(convolution(F.max_pool2d(x, 2) if level else x)))
        return x.mean((2, 3))


def turned(images: Tensor) -> tuple[Tensor, Tensor]:
    """Square images [B, C, S, S] by no, one, two and three quarter turns [4 B, C, S, S], and the turns [4 B]."""
    if images.shape[-1] != images.shape[-2]:
        raise ValueError(
            f"images of {tuple(images.shape[-2:])} pixels lose their shape when they are turned: choose a square "
            "resolution"
        )
    every = torch.cat([torch.rot90(images, turns, (2, 3)) for turns in range(TURNS)])
    return every, torch.arange(TURNS, device=images.device).repeat_interleave(len(images))


def rotation_cost(network: nn.Module, images: Tensor) -> Tensor:
    """The mean cross-entropy of the network's logits for all four turns of square images [B, C, S, S]."""
    every, turns = turned(images)
    return F.cross_entropy(network(every), turns)
