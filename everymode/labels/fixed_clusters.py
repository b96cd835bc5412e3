"""Clusters of features that were learned before the game: the labels of Logo-GAN and of RotNet's features.

Sage, Agustsson, Timofte, Van Gool: Logo Synthesis and Manipulation with Clustered Generative Adversarial Networks (CVPR
2018); Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), appendix A, for the numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from everymode.draws import Draws
from everymode.labels.clusters import ClusterLabels


class FixedClusters(ClusterLabels):
    """Clusters found once, in the features of an extractor that has nothing to do with the discriminator.

    Before `cluster`, image i is in cluster i mod K. Refreshes do nothing.

    Args:
        extractor: with `features(x) -> [B, F]`; it is copied, and the copy (`teacher`) may be trained until `cluster`.
        example: one example on the extractor's device (or without values), from which F is learned.
        numbers: num_clusters, num_images, mirrored, subset and starts of ClusterLabels.
    """

    def __init__(self, extractor: nn.Module, example: Tensor, **numbers: Any) -> None:
        super().__init__(extractor, example, **numbers)
        self.table.copy_(torch.arange(self.table.shape[1]) % self.centers.shape[0])

    @torch.no_grad()
    def cluster(self, data: Any, random: Draws) -> dict[str, float]:
        """Cluster the data by the teacher's features as they are now, in this process alone.

        Args:
            data: `len`, and `gather(rows, device, mirror=..., dtype=...)`.
        Returns: see `ClusterLabels.refresh`.
        """
        together, self.synchronize = self.synchronize, False
        try:
            return super().refresh(self.teacher, data, random)
        finally:
            self.synchronize = together

    def refresh(self, discriminator: nn.Module, data: Any, random: Draws) -> dict[str, float]:
        return {}


class FeatureFunction(nn.Module):
    """A function as an extractor without state, so that no checkpoint holds its weights.

    Args:
        function: examples [B, ...] in [-1, 1] -> [B, width] features.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], width: int) -> None:
        super().__init__()
        self.function = function
        self.width = width

    def features(self, x: Tensor) -> Tensor:
        """[B, width]; for examples without values, features without values: the function is not called."""
        return x.new_empty(len(x), self.width) if x.is_meta else self.function(x)
