"""A full layer that loses nothing: a square linear map, and a smooth leaky rectifier."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["InvertibleLinear", "SmoothLeakyReLU"]


class InvertibleLinear(nn.Linear):
    """F -> F, orthogonal at first. It stretches every distance by at least its smallest singular value."""

    def __init__(self, features: int) -> None:
        super().__init__(features, features)
        nn.init.orthogonal_(self.weight)
        nn.init.zeros_(self.bias)


class SmoothLeakyReLU(nn.Module):
    """slope * x + (1 - slope) * (softplus(x) - log 2): LeakyReLU with a continuous derivative, between `slope` and 1.

    Partition-Guided GAN (appendix C) suggests such a soft version where theorem 3's smoothness matters.
    """

    def __init__(self, slope: float = 0.2) -> None:
        super().__init__()
        if not 0 < slope <= 1:
            raise ValueError(f"slope is {slope}; give one above 0, so that nothing is lost, and at most 1")
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        return self.slope * x + (1 - self.slope) * (F.softplus(x) - math.log(2))

    def extra_repr(self) -> str:
        return f"slope={self.slope}"
