"""Spatially-adaptive normalization: the gain and the bias of every position are computed from a label map.

Park et al. 2019, Semantic Image Synthesis with Spatially-Adaptive Normalization (SPADE), equation 1.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks.map_planes import resize_nearest
from everymode.norms.conditional import BatchNorm

StatisticsOf = Literal["batch", "instance"]
"""Over what the features are normalized: the batch and the positions, or the positions of each example."""


class SpatiallyAdaptiveNorm(nn.Module):
    """A normalization of [B, C, H, W] times 1 + gain, plus bias, where gain and bias [B, C, H, W] depend on a map.

    A shared convolution with ReLU and one convolution each compute the gain and the bias from the map's planes.
    Batch normalization adds epsilon 1e-5 to the variance, as torch does; the synchronized batch normalization of the
    released code clamps the variance at epsilon instead. `synchronize_batch_norm` applies to it.

    Args:
        channels: C.
        planes: number of planes of the map.
        hidden: channels of the shared convolution (128 in the released code).
        kernel: odd kernel size of the three convolutions.
        norm: "batch" or "instance".
    Raises:
        ValueError: if the kernel size is even, or the norm has another name.
    """

    def __init__(
        self, channels: int, planes: int, *, hidden: int = 128, kernel: int = 3, norm: StatisticsOf = "batch"
    ) -> None:
        super().__init__()
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(
                f"kernel is {kernel}; the convolutions keep the map's size, so pass an odd one, such as 3"
            )
        if norm not in ("batch", "instance"):
            raise ValueError(f'norm is {norm!r}; pass "batch" or "instance"')
        self.norm = BatchNorm(channels, affine=False) if norm == "batch" else nn.InstanceNorm2d(channels)
        self.shared = nn.Conv2d(planes, hidden, kernel, padding=kernel // 2)
        self.gamma = nn.Conv2d(hidden, channels, kernel, padding=kernel // 2)
        self.beta = nn.Conv2d(hidden, channels, kernel, padding=kernel // 2)

    def forward(self, x: Tensor, planes: Tensor) -> Tensor:
        """Normalize x.

        Args:
            x: [B, C, H, W].
            planes: [B, planes, h, w], resized by nearest neighbor to x's size.
        """
        hidden = F.relu(self.shared(resize_nearest(planes, (x.shape[2], x.shape[3]))))
        gain, bias = 1 + self.gamma(hidden), self.beta(hidden)
        normalized = self.norm(x)
        return torch.addcmul(bias, normalized.to(bias.dtype), gain)
