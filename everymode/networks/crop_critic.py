"""Forward pass that critics of super-resolution share: convolutions, then two linear layers, on crops of one size."""

from __future__ import annotations

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from everymode.game import Verdict
from everymode.networks.sizes import Size, require_shape
from everymode.norms.weight import prepared_weights


class CropCritic(nn.Module):
    """Base class of critics: crops [B, channels, H, W] -> Verdict with scores [B, 1]. The condition is ignored.

    The features are the activations after each convolution, then those of the first linear layer [B, hidden]. A
    constructor sets `size`, `convolutions`, `linear1` and `linear2`.
    """

    slope: ClassVar[float]
    """Slope of the leaky ReLUs for negative inputs."""
    size: Size
    """(H, W) of the crops."""
    convolutions: nn.ModuleList
    linear1: nn.Linear
    linear2: nn.Linear

    def forward(self, x: Tensor, condition: object = None) -> Verdict:
        activations = self._activations(x)
        return Verdict((self.linear2(activations[-1]),), features=tuple(activations))

    def features(self, x: Tensor) -> Tensor:
        """Return the activations of the first linear layer, [B, hidden]."""
        return self._activations(x)[-1]

    def block_features(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the activations of every convolution, then `features(x)`.

        Args:
            x: [B, channels, H, W].
        """
        with prepared_weights(self):
            return tuple(self._activations(x))

    def normalized(self, index: int, x: Tensor) -> Tensor:
        """Return the output of convolution `index` after its normalization layer, if there is one."""
        return x

    def _activations(self, x: Tensor) -> list[Tensor]:
        require_shape(x, self.size, type(self).__name__)
        activations: list[Tensor] = []
        for index, layer in enumerate(self.convolutions):
            x = F.leaky_relu(self.normalized(index, layer(x)), self.slope)
            activations.append(x)
        activations.append(F.leaky_relu(self.linear1(x.flatten(1)), self.slope))
        return activations
