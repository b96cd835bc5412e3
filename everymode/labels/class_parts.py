"""Classes that are divided further: each label split into parts, the combination that Partition-Guided GAN leaves to
future work (section 4.3).

A part is a class and the nearest of that class's centers in the partitioner's features h(x). The distance to a center m
orders points as the logit 2 m . h - |m|^2 does, so nearest centers are a linear read-out of h, and the guide keeps what
theorem 3 promises of it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from everymode.game import UNLABELED, Condition
from everymode.kmeans import kmeans
from everymode.labels.partition import BATCH, PartitionLabels, Reduction, guide_distance


class NearestCenters(nn.Module):
    """Logits [B, K] by nearest centers in the features of a network with `features(x) -> [B, F]`."""

    centers: Tensor
    """[K, F]."""

    def __init__(self, network: nn.Module, num_centers: int, width: int) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("centers", torch.zeros(num_centers, width))

    def features(self, x: Tensor) -> Tensor:
        """Those of the network."""
        return self.network.features(x)

    def forward(self, x: Tensor) -> Tensor:
        return 2 * self.features(x) @ self.centers.T - self.centers.square().sum(1)


class ClassPartLabels(PartitionLabels):
    """Labels class * P + part, of C classes given with the data and P parts of each.

    The guide and acceptance look at the parts of the asked class alone: that it is this class at all is for the
    discriminator to see.

    Args:
        partitioner: with `features(x) -> [B, F]`; frozen.
        width: F.
        num_classes: C.
        parts_per_class: P.
        num_images, mirrored: see FixedParts.
    """

    def __init__(
        self,
        partitioner: nn.Module,
        width: int,
        *,
        num_classes: int,
        parts_per_class: int,
        num_images: int,
        mirrored: bool = False,
    ) -> None:
        total = num_classes * parts_per_class
        super().__init__(NearestCenters(partitioner, total, width), total, num_images, mirrored=mirrored)
        self.num_classes, self.parts_per_class = num_classes, parts_per_class

    @torch.no_grad()
    def adopt(self, partitioner: nn.Module, data: Any, *, seed: int) -> None:
        """Take over the partitioner's features, and find the centers: k-means of each class's features.

        A class with fewer images than parts has the same center twice.
        """
        nearest = self.partitioner
        assert isinstance(nearest, NearestCenters)
        nearest.network.load_state_dict(partitioner.state_dict())
        device, dtype = self.counts.device, self.counts.dtype
        rows = torch.arange(len(data))
        features = torch.cat(
            [nearest.features(data.gather(some.numpy(), device, dtype=dtype)) for some in rows.split(BATCH)]
        )
        labels = data.gather_labels(rows.numpy(), device)
        for number in range(self.num_classes):
            mine = features[labels == number]
            if not len(mine):
                continue
            parts = min(self.parts_per_class, len(mine))
            found = kmeans(mine, parts, seed=seed + number, starts=5).centers
            place = slice(number * self.parts_per_class, (number + 1) * self.parts_per_class)
            nearest.centers[place] = found[torch.arange(self.parts_per_class, device=device) % parts]

    def choose(self, logits: Tensor, condition: Condition) -> Tensor:
        """The nearest of the own class's parts; of all parts, for images without a label."""
        assert isinstance(condition, Tensor)
        known = condition.clamp(min=0)
        own = self._own(logits, known * self.parts_per_class).argmax(1)
        return torch.where(condition == UNLABELED, logits.argmax(1), known * self.parts_per_class + own)

    def distance(self, examples: Tensor, labels: Tensor, *, reduction: Reduction = "sum") -> Tensor:
        own = self._own(self.logits(examples), labels)
        return guide_distance(own, labels % self.parts_per_class, reduction=reduction)

    def _own(self, logits: Tensor, labels: Tensor) -> Tensor:
        """[B, P]: the logits of the parts of each label's class."""
        blocks = logits.unflatten(1, (self.num_classes, self.parts_per_class))
        return blocks[torch.arange(len(blocks), device=blocks.device), labels // self.parts_per_class]
