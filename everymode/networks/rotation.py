"""A network trained to predict by how many quarter turns an image is rotated, which learns features (RotNet).

Gidaris, Singh, Komodakis: Unsupervised Representation Learning by Predicting Image Rotations (ICLR 2018). Liu et al.,
Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), cluster such features as a baseline without giving
details; this small network is our choice.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks.sizes import Size, default_doublings
from everymode.norms.conditional import BatchNorm

TURNS = 4
"""Number of classes: no, one, two or three quarter turns."""


class RotationNetwork(nn.Module):
    """A classifier of rotations: images [B, C, H, W] -> logits [B, 4] of the quarter turns.

    3x3 convolutions with batch normalization and ReLU, 2x2 max pooling between them, the mean over positions, and one
    linear layer.

    Args:
        size: (H, W) of the images.
        channels: C.
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
        """Return the input of the linear layer: [B, F], F at most 8 times base."""
        for level, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = F.relu(norm(convolution(F.max_pool2d(x, 2) if level else x)))
        return x.mean((2, 3))


def turned(images: Tensor) -> tuple[Tensor, Tensor]:
    """Rotate square images by no, one, two and three quarter turns.

    Args:
        images: [B, C, S, S].
    Returns:
        The rotated images [4 B, C, S, S], and their numbers of quarter turns [4 B].
    Raises:
        ValueError: if the images are not square.
    """
    if images.shape[-1] != images.shape[-2]:
        raise ValueError(
            f"images of {tuple(images.shape[-2:])} pixels change their shape when they are rotated; choose a square "
            "resolution"
        )
    rotated = torch.cat([torch.rot90(images, turns, (2, 3)) for turns in range(TURNS)])
    return rotated, torch.arange(TURNS, device=images.device).repeat_interleave(len(images))


def rotation_cost(network: nn.Module, images: Tensor) -> Tensor:
    """Return the mean cross-entropy of the network's logits for all four rotations of square images [B, C, S, S]."""
    rotated, turns = turned(images)
    return F.cross_entropy(network(rotated), turns)
