"""Residual blocks x + T(x) with Lip(T) < 1, which are invertible, and squeezing in place of strides.

Partition-Guided GAN, section 4.2 and appendix C: bottlenecks of three convolutions between ELUs, each of spectral norm
at most c, so Lip(T) <= c^3 and ||f(x) - f(y)|| >= (1 - c^3) ||x - y||. The released blocks begin with an ActNorm of
unbounded scale; these blocks have none.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from everymode.partitioner.constrained import ConstrainedConv2d, ConstrainedLinear


class ResidualBlock(nn.Module):
    """A residual block of images, x -> x + conv3(ELU(conv1(ELU(conv3(ELU(x)))))), [B, C, H, W] -> [B, C, H, W].

    Args:
        width: channels of the two inner activations.
        grid: height and width of the images.
        limit: c, the largest spectral norm of each convolution.
        activated: whether the branch begins with an ELU; False for the first block of a network.
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
        """Return T(x)."""
        return _chain(self.layers, x, activated=self.activated)


class DenseResidualBlock(nn.Module):
    """A residual block of vectors, x -> x + T(x), [B, F] -> [B, F]; T is constrained linear layers between ELUs.

    Args:
        width: length of the inner activations.
        depth: linear layers of T, at least 2; Lip(T) <= limit ** depth.
        limit: c, the largest spectral norm of each layer.
        activated: whether T begins with an ELU; False for the first block of a network.
        iterations: see ConstrainedConv2d.
    Raises:
        ValueError: if depth is below 2.
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
                f"depth is {depth}; a residual branch needs at least two layers, or it is linear"
            )
        self.activated = activated
        sizes = [features, *[width] * (depth - 1), features]
        self.layers = nn.ModuleList(
            ConstrainedLinear(ins, outs, limit=limit, iterations=iterations) for ins, outs in pairwise(sizes)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)

    def branch(self, x: Tensor) -> Tensor:
        """Return T(x)."""
        return _chain(self.layers, x, activated=self.activated)


class Squeeze(nn.Module):
    """Space to depth, [B, C, H, W] -> [B, 4 C, H / 2, W / 2]: a permutation of the elements, hence an isometry.

    The channels are in the order of torch's pixel_unshuffle, of which the released code's order is a permutation.
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_unshuffle(x, 2)


def _chain(layers: nn.ModuleList, x: Tensor, *, activated: bool) -> Tensor:
    for number, layer in enumerate(layers):
        x = layer(F.elu(x) if number or activated else x)
    return x
