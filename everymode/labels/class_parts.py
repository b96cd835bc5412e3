"""Labels that divide each class into parts, which Partition-Guided GAN (section 4.3) leaves to future work.

A part is a class together with the nearest of that class's centers in the partitioner's features h(x). The distance to
a center m orders points as the logit 2 m . h - |m|^2 does, so nearest centers are a linear read-out of h, and theorem 3
still applies to the guide.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from everymode.game import UNLABELED, Condition
from everymode.kmeans import kmeans
from everymode.labels.interfaces import HasFeatures
from everymode.labels.partition import BATCH, PartitionLabels, Reduction, guide_distance


class NearestCenters(nn.Module):
    """Classifier by the nearest of K centers in another network's features; the nearest has the largest logit.

    Args:
        network: with `features(x) -> [B, F]`.
        num_centers: K.
        width: F.
    """

    centers: Tensor
    """[K, F]."""

    def __init__(self, network: nn.Module, num_centers: int, width: int) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("centers", torch.zeros(num_centers, width))

    def features(self, x: Tensor) -> Tensor:
        """Return the network's features [B, F]."""
        return cast(HasFeatures, self.network).features(x)

    def forward(self, x: Tensor) -> Tensor:
        return 2 * self.features(x) @ self.centers.T - self.centers.square().sum(1)


class ClassPartLabels(PartitionLabels):
    """Labels class * P + part, for the C classes of the dataset and P parts of each.

    The guide and the rejection of samples compare only the parts of the requested class; whether a sample is of this
    class at all is left to the discriminator.

    Args:
        partitioner: with `features(x) -> [B, F]`; it is frozen.
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
        """Copy the partitioner's weights, and compute the centers by k-means of each class's features.

        A class with fewer images than parts has repeated centers.
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
            members = features[labels == number]
            if not len(members):
                continue
            parts = min(self.parts_per_class, len(members))
            centers = kmeans(members, parts, seed=seed + number, starts=5).centers
            block = slice(number * self.parts_per_class, (number + 1) * self.parts_per_class)
            nearest.centers[block] = centers[torch.arange(self.parts_per_class, device=device) % parts]

    def choose(self, logits: Tensor, condition: Condition) -> Tensor:
        """Return the nearest part of each image's class, int64 [B]; of all classes for images without a label."""
        assert isinstance(condition, Tensor)
        known = condition.clamp(min=0)
        own = self._own(logits, known * self.parts_per_class).argmax(1)
        return torch.where(condition == UNLABELED, logits.argmax(1), known * self.parts_per_class + own)

    def distance(self, examples: Tensor, labels: Tensor, *, reduction: Reduction = "sum") -> Tensor:
        own = self._own(self.logits(examples), labels)
        return guide_distance(own, labels % self.parts_per_class, reduction=reduction)

    def _own(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the logits of the parts of each label's class, [B, P]."""
        blocks = logits.unflatten(1, (self.num_classes, self.parts_per_class))
        return blocks[torch.arange(len(blocks), device=blocks.device), labels // self.parts_per_class]
