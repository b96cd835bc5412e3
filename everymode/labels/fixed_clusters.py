"""Labels by clusters of features that are fixed before training, as in Logo-GAN and with RotNet's features.

Sage, Agustsson, Timofte, Van Gool: Logo Synthesis and Manipulation with Clustered Generative Adversarial Networks (CVPR
2018); Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), appendix A, for hyper-parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from everymode.draws import Draws
from everymode.labels.clusters import ClusterLabels


class FixedClusters(ClusterLabels):
    """Clusters computed once, in the features of an extractor that is independent of the discriminator.

    Before `cluster` is called, image i is in cluster i mod K. Refreshes do nothing.

    Args:
        extractor: with `features(x) -> [B, F]`; it is copied, and the copy (`teacher`) may be trained until `cluster`.
        example: one example on the extractor's device (or on the meta device), from which F is inferred.
        numbers: num_clusters, num_images, mirrored, subset and starts of ClusterLabels.
    """

    def __init__(self, extractor: nn.Module, example: Tensor, **numbers: Any) -> None:
        super().__init__(extractor, example, **numbers)
        self.table.copy_(torch.arange(self.table.shape[1]) % self.centers.shape[0])

    @torch.no_grad()
    def cluster(self, data: Any, random: Draws) -> dict[str, float]:
        """Cluster the dataset by the teacher's current features, without communication with other processes.

        Args:
            data: with `len`, and `gather(rows, device, mirror=..., dtype=...)`.
            random: draws of this moment.
        Returns:
            The statistics of `ClusterLabels.refresh`.
        """
        synchronize, self.synchronize = self.synchronize, False
        try:
            return super().refresh(self.teacher, data, random)
        finally:
            self.synchronize = synchronize

    def refresh(self, discriminator: nn.Module, data: Any, random: Draws) -> dict[str, float]:
        return {}

    def followed_features(self, discriminator: nn.Module, examples: Tensor) -> Tensor | None:
        return None


class FeatureFunction(nn.Module):
    """An extractor that calls a function and has no state, so that checkpoints don't contain its weights.

    Args:
        function: examples [B, ...] in [-1, 1] -> features [B, width].
        width: number of features.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], width: int) -> None:
        super().__init__()
        self.function = function
        self.width = width

    def features(self, x: Tensor) -> Tensor:
        """Return features [B, width]; for examples on the meta device an empty tensor, without calling the function."""
        return x.new_empty(len(x), self.width) if x.is_meta else self.function(x)
