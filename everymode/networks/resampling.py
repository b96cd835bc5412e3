"""3x3 convolutions fused with nearest-neighbor upsampling before them, or with 2x2 mean pooling after them.

Upsampling by 2 followed by a 3x3 convolution is one stride-2 transposed convolution with the 4x4 kernel that sums the
four shifts of the 3x3 kernel. A convolution followed by 2x2 mean pooling is one stride-2 convolution with a quarter of
that 4x4 kernel. Both are exact and need 4/9 of the multiplications. The parameters are those of the plain convolution.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks.circular import circular_pad


class UpsampleConv2d(nn.Conv2d):
    """Nearest-neighbor upsampling by 2, then a 3x3 convolution with padding 1: [B, C, H, W] -> [B, out, 2H, 2W].

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        fused: False computes two separate steps, for comparison and for devices on which that is faster.
    """

    def __init__(self, in_channels: int, out_channels: int, *, fused: bool = True) -> None:
        super().__init__(in_channels, out_channels, kernel_size=3, padding=1)
        self.fused = fused

    def forward(self, input: Tensor) -> Tensor:
        if not self.fused:
            return self._conv_forward(F.interpolate(input, scale_factor=2), self.weight, self.bias)
        kernel = four_shifts(self.weight, divisor=1).flip(2, 3).transpose(0, 1)
        return F.conv_transpose2d(input, kernel, self.bias, stride=2, padding=1)

    def convolution_grid(self, height: int, width: int) -> tuple[int, int]:
        """Return the grid that the 3x3 convolution acts on, from the size of this layer's input."""
        return 2 * height, 2 * width


class DownsampleConv2d(nn.Conv2d):
    """A 3x3 convolution with padding 1, then 2x2 mean pooling: [B, C, H, W] -> [B, out, H // 2, W // 2].

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        fused: False computes two separate steps, for comparison and for devices on which that is faster.
    """

    def __init__(self, in_channels: int, out_channels: int, *, fused: bool = True) -> None:
        super().__init__(in_channels, out_channels, kernel_size=3, padding=1)
        self.fused = fused

    def forward(self, input: Tensor) -> Tensor:
        if not self.fused:
            return F.avg_pool2d(self._conv_forward(input, self.weight, self.bias), 2)
        return F.conv2d(input, four_shifts(self.weight, divisor=4), self.bias, stride=2, padding=1)

    def convolution_grid(self, height: int, width: int) -> tuple[int, int]:
        """Return the grid that the 3x3 convolution acts on, from the size of this layer's input."""
        return height, width


class CircularDownsampleConv2d(DownsampleConv2d):
    """`DownsampleConv2d` with circular padding: the left neighbor of the first column is the last; likewise rows."""

    def __init__(self, in_channels: int, out_channels: int, *, fused: bool = True) -> None:
        super().__init__(in_channels, out_channels, fused=fused)
        self.padding_mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        padded = circular_pad(input, (1, 1, 1, 1))
        if not self.fused:
            return F.avg_pool2d(F.conv2d(padded, self.weight, self.bias), 2)
        return F.conv2d(padded, four_shifts(self.weight, divisor=4), self.bias, stride=2)


def four_shifts(kernel: Tensor, *, divisor: int) -> Tensor:
    """Sum a 3x3 kernel's four shifts on a 4x4 grid: [out, in, 3, 3] -> [out, in, 4, 4].

    Args:
        kernel: [out, in, 3, 3].
        divisor: 1, 2 or 4; the sum is divided by it.
    """
    # Without `divisor_override`, which torch's ONNX exporter ignores. The factor is a power of two: exact.
    means = F.avg_pool2d(kernel, kernel_size=2, stride=1, padding=1)
    return means if divisor == 4 else means * (4 / divisor)
