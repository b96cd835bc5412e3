"""Invertible fully connected layers: a square linear map, and a smooth leaky ReLU."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["InvertibleLinear", "SmoothLeakyReLU"]


class InvertibleLinear(nn.Linear):
    """A square linear layer F -> F, initialized to an orthogonal matrix.

    It stretches every distance by at least its smallest singular value.
    """

    def __init__(self, features: int) -> None:
        super().__init__(features, features)
        nn.init.orthogonal_(self.weight)
        nn.init.zeros_(self.bias)


class SmoothLeakyReLU(nn.Module):
    """LeakyReLU with a continuous derivative between `slope` and 1: slope x + (1 - slope) (softplus(x) - log 2).

    Partition-Guided GAN (appendix C) suggests such a soft version for the smoothness that theorem 3 requires.

    Raises:
        ValueError: if slope is not above 0 and at most 1.
    """

    def __init__(self, slope: float = 0.2) -> None:
        super().__init__()
        if not 0 < slope <= 1:
            raise ValueError(
                f"slope is {slope}; it must be above 0 (else the layer is not invertible) and at most 1"
            )
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        return self.slope * x + (1 - self.slope) * (F.softplus(x) - math.log(2))

    def extra_repr(self) -> str:
        return f"slope={self.slope}"
