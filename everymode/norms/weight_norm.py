"""Weight normalization (Salimans and Kingma 2016): the kernel of every output has a learned length."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from everymode.norms.normalizable import Normalizable
from everymode.norms.weight import Grid, WeightRule


def weight_norm(*, epsilon: float = 1e-12) -> WeightRule:
    """Return a weight rule w = length * v / ||v|| per output, with the stored weight v and a learned length.

    The length is ||v|| at the start, so the network's function does not change. The gradient flows through the norm, as
    published.

    Args:
        epsilon: lower bound of the norms in divisors.
    """

    def rule(layer: Normalizable, grid: Grid) -> nn.Module:
        return WeightNorm(layer, epsilon=epsilon)

    return rule


class WeightNorm(nn.Module):
    """The parametrization behind `weight_norm`; its parameter `length` has one entry per output of the layer.

    Args:
        layer: the layer to normalize.
        epsilon: as in `weight_norm`.
    """

    def __init__(self, layer: Normalizable, *, epsilon: float = 1e-12) -> None:
        super().__init__()
        output = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
        self.epsilon = epsilon
        self.axes = tuple(axis for axis in range(layer.weight.dim()) if axis != output)
        self.length = nn.Parameter(self._norms(layer.weight.detach()))

    def forward(self, weight: Tensor) -> Tensor:
        return weight * (self.length / self._norms(weight).clamp_min(self.epsilon))

    def _norms(self, weight: Tensor) -> Tensor:
        return torch.linalg.vector_norm(weight, dim=self.axes, keepdim=True)
