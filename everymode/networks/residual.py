"""Residual blocks of SN-GAN and BigGAN: upsampling for generators, downsampling for discriminators.

They follow ajbrock/BigGAN-PyTorch:layers.py (GBlock, DBlock). 1x1 shortcuts commute with nearest-neighbor upsampling
and with mean pooling, so fused blocks run them at the lower resolution.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks.circular import CircularConv2d
from everymode.networks.resampling import CircularDownsampleConv2d, DownsampleConv2d, UpsampleConv2d


class GeneratorBlock(nn.Module):
    """An upsampling block: x [B, in, H, W] and condition -> [B, out, 2H, 2W].

    The branch is norm, ReLU, upsampling by 2, 3x3, norm, ReLU, 3x3; the shortcut is a 1x1 convolution, upsampled by 2.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        norm: channels -> batch normalization, called as norm(x, condition).
        fused: compute upsampling and convolution in one operation (exact).
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, norm: Callable[[int], nn.Module], fused: bool = True
    ) -> None:
        super().__init__()
        self.fused = fused
        self.norm1 = norm(in_channels)
        self.conv1 = UpsampleConv2d(in_channels, out_channels, fused=fused)
        self.norm2 = norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        hidden = self.conv1(F.relu(self.norm1(x, condition)))
        hidden = self.conv2(F.relu(self.norm2(hidden, condition)))
        if self.fused:
            return hidden + F.interpolate(self.shortcut(x), scale_factor=2)
        return hidden + self.shortcut(F.interpolate(x, scale_factor=2))


class DiscriminatorBlock(nn.Module):
    """A block that may halve the grid: [B, in, H, W] -> [B, out, H / 2, W / 2], or [B, out, H, W].

    The branch is ReLU, 3x3, ReLU, 3x3; the shortcut is a 1x1 convolution, or the identity if the shape does not change.
    With `downsample`, 2x2 mean pooling halves both.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        hidden_channels: width between the two convolutions; default: `out_channels` ("wide", as in BigGAN).
        activate_first: whether the block begins with ReLU; False for the first block, which acts on images.
        downsample: whether the block halves the grid.
        circular: circular padding of the 3x3 convolutions; zeros otherwise.
        fused: compute convolution and mean pooling in one operation (exact).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        hidden_channels: int | None = None,
        activate_first: bool = True,
        downsample: bool = True,
        circular: bool = False,
        fused: bool = True,
    ) -> None:
        super().__init__()
        hidden_channels = out_channels if hidden_channels is None else hidden_channels
        self.activate_first = activate_first
        self.downsample = downsample
        # The first block always pools before its shortcut.
        self.pool_first = fused or not activate_first
        plain = CircularConv2d if circular else nn.Conv2d
        halving = CircularDownsampleConv2d if circular else DownsampleConv2d
        self.conv1 = plain(in_channels, hidden_channels, 3, padding=1)
        self.conv2 = (
            halving(hidden_channels, out_channels, fused=fused)
            if downsample
            else plain(hidden_channels, out_channels, 3, padding=1)
        )
        self.shortcut = (
            nn.Conv2d(in_channels, out_channels, 1)
            if downsample or in_channels != out_channels
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.conv1(F.relu(x) if self.activate_first else x)
        hidden = self.conv2(F.relu(hidden))
        if not self.downsample:
            return hidden + self.shortcut(x)
        if self.pool_first:
            return hidden + self.shortcut(F.avg_pool2d(x, 2))
        return hidden + F.avg_pool2d(self.shortcut(x), 2)
