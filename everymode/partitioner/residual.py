"""Residual blocks x + T(x) with Lip(T) < 1, which move space without folding it, and squeezing in place of strides.

Partition-Guided GAN, section 4.2 and appendix C: bottlenecks of three convolutions between ELUs, each of spectral norm
at most c, so Lip(T) <= c^3 and ||f(x) - f(y)|| >= (1 - c^3) ||x - y||. The released blocks begin with an ActNorm whose
scale nothing bounds; ours have none.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from everymode.partitioner.constrained import ConstrainedConv2d, ConstrainedLinear


class ResidualBlock(nn.Module):
    """Images [B, C, H, W] -> x + conv3(ELU(conv1(ELU(conv3(ELU(x)))))), of the same shape.

    Args:
        width: channels of the two inner activations.
        grid: height and width of the images.
        limit: c, the largest spectral norm of each convolution.
        activated: begin with an ELU; the first block of a network does not.
        circular, iterations: see ConstrainedConv2d.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        *,
        grid: tuple[int, int],
        limit: float = 0.9,
        activated: bool = True,
        circular: bool = False,
        iterations: int = 5,
    ) -> None:
        super().__init__()
        self.activated = activated
        sizes = ((channels, width, 3), (width, width, 1), (width, channels, 3))
        self.layers = nn.ModuleList(
            ConstrainedConv2d(*size, grid=grid, limit=limit, circular=circular, iterations=iterations)
            for size in sizes
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)

    def branch(self, x: Tensor) -> Tensor:
        """T(x)."""
        return _chain(self.layers, x, activated=self.activated)


class DenseResidualBlock(nn.Module):
    """Vectors [B, F] -> x + T(x), T being constrained linear layers between ELUs, of the same shape.

    Args:
        width: length of the inner activations.
        depth: linear layers of T, at least 2; Lip(T) <= limit ** depth.
    """

    def __init__(
        self,
        features: int,
        width: int,
        *,
        depth: int = 2,
        limit: float = 0.9,
        activated: bool = True,
        iterations: int = 5,
    ) -> None:
        super().__init__()
        if depth < 2:
            raise ValueError(
                f"depth is {depth}; a residual branch needs at least two layers to bend anything"
            )
        self.activated = activated
        sizes = [features, *[width] * (depth - 1), features]
        self.layers = nn.ModuleList(
            ConstrainedLinear(ins, outs, limit=limit, iterations=iterations) for ins, outs in pairwise(sizes)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)

    def branch(self, x: Tensor) -> Tensor:
        """T(x)."""
        return _chain(self.layers, x, activated=self.activated)


class Squeeze(nn.Module):
    """Space to depth: [B, C, H, W] -> [B, 4 C, H / 2, W / 2]. Moves numbers about and changes none (an isometry).

    The order of the channels is torch's pixel_unshuffle's, of which the released code's is a permutation.
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_unshuffle(x, 2)


def _chain(layers: nn.ModuleList, x: Tensor, *, activated: bool) -> Tensor:
    for number, layer in enumerate(layers):
        x = layer(F.elu(x) if number or activated else x)
    return x
