"""The generator of ESRGAN: residual-in-residual dense blocks.

Wang et al. 2018, ESRGAN; layout as in xinntao/BasicSR:basicsr/archs/rrdbnet_arch.py.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks.layered import PictureGenerator
from everymode.networks.restorer import factors_of_scale, require_picture
from everymode.networks.sizes import Size

SLOPE = 0.2
"""Slope of the leaky ReLUs for negative inputs."""
RESIDUAL = 0.2
"""Factor of every residual branch."""


class RRDBGenerator(PictureGenerator):
    """A generator: pictures [B, channels, h, w] of any size -> [B, channels, scale h, scale w].

    It is called as generator(z, picture, size=None) with z None: `latent_dim` is 0. A 3x3 convolution, blocks, a
    convolution whose result is added to that of the first, per factor 2 an upsampling by nearest neighbor and a
    convolution, and two convolutions, with leaky ReLU 0.2; the result is not clipped. With the defaults and scale 4 it
    has 16,697,987 parameters. The released networks have scale 4; others have as many upsamplings as they need.

    Args:
        scale: 2, 3, 4 or 8.
        width: channels between the blocks.
        growth: channels of each inner convolution of a dense block.
        blocks: number of blocks, of three dense blocks each.
        channels: channels of the pictures.
    Raises:
        ValueError: if the scale is another number.
    """

    def __init__(
        self, scale: int, *, width: int = 64, growth: int = 32, blocks: int = 23, channels: int = 3
    ) -> None:
        super().__init__()
        self.factors = factors_of_scale(scale)
        self.scale = scale
        self.latent_dim = 0
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.blocks = nn.ModuleList(ResidualDenseBlocks(width, growth) for _ in range(blocks))
        self.last_of_body = nn.Conv2d(width, width, 3, padding=1)
        self.upsamplers = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in self.factors)
        self.hidden = nn.Conv2d(width, width, 3, padding=1)
        self.output = nn.Conv2d(width, channels, 3, padding=1)

    @property
    def receptive_radius(self) -> int:
        """Number of pixels of the input picture, to each side, that a pixel of the result can depend on.

        With 23 blocks it is larger than most pictures, so tiles overlap by less, and differ by a little.
        """
        return 15 * len(self.blocks) + 4

    def forward(self, z: Tensor | None, condition: object = None, size: Size | None = None) -> Tensor:
        """Enlarge pictures.

        Args:
            z: None.
            condition: pictures [B, channels, h, w].
            size: None, or (scale h, scale w).
        Raises:
            ValueError: if z has values, the condition is no picture, or another size is requested.
        """
        picture = require_picture(z, condition, size, self.scale, type(self).__name__)
        first = hidden = self.first(picture)
        for block in self.blocks:
            hidden = block(hidden)
        hidden = first + self.last_of_body(hidden)
        for factor, layer in zip(self.factors, self.upsamplers, strict=True):
            hidden = F.leaky_relu(layer(F.interpolate(hidden, scale_factor=factor)), SLOPE)
        return self.output(F.leaky_relu(self.hidden(hidden), SLOPE))


class ResidualDenseBlocks(nn.Module):
    """Three dense blocks, whose result times 0.2 is added to the input: [B, C, H, W] -> the same shape.

    Args:
        width: C.
        growth: channels of each inner convolution.
    """

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.dense = nn.ModuleList(_Dense(width, growth) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        hidden = x
        for block in self.dense:
            hidden = block(hidden)
        return x + RESIDUAL * hidden


class _Dense(nn.Module):
    """Five convolutions, each of all activations before it, whose result times 0.2 is added to the input."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(width + index * growth, growth if index < 4 else width, 3, padding=1)
            for index in range(5)
        )

    def forward(self, x: Tensor) -> Tensor:
        seen = [x]
        *growing, last = self.convolutions
        for layer in growing:
            seen.append(F.leaky_relu(layer(torch.cat(seen, dim=1)), SLOPE))
        return x + RESIDUAL * last(torch.cat(seen, dim=1))
