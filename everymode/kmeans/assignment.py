"""The nearest center of every point, by matrix products, block by block."""

from __future__ import annotations

import torch
from torch import Tensor

from everymode.kmeans.point_blocks import Points


@torch.no_grad()
def nearest_centers(features: Tensor, centers: Tensor, *, block_rows: int | None = None) -> Tensor:
    """[N] int64: the nearest of the centers [K, F] to each of the features [N, F]; the first of several equally near.

    Args:
        block_rows: rows that are computed at once; None = as many as suit the device.

    Raises ValueError if the shapes don't fit, or for half precisions, in which squared lengths overflow.
    """
    if features.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"features must be float32 or float64, not {features.dtype}: convert them by .float()"
        )
    if features.dim() != 2 or centers.dim() != 2 or features.shape[1] != centers.shape[1] or not len(centers):
        raise ValueError(
            f"features [N, F] and centers [K, F] must agree in F, with at least one center; their shapes are "
            f"{list(features.shape)} and {list(centers.shape)}"
        )
    centers = centers.to(features.dtype)
    points = Points(features, centers.mean(0), block_rows=block_rows)
    return nearest(points, centers - points.origin)


def nearest(points: Points, centers: Tensor) -> Tensor:
    """[n] int64: the nearest of the centers [K, F], which are given around the points' origin."""
    labels = torch.empty(len(points.features), dtype=torch.long, device=centers.device)
    scorer = Scorer(centers)
    for rows, block in points.blocks(len(centers)):
        labels[rows] = scorer.nearest(block)
    return labels


class Scorer:
    """Compares points with centers by x c - |c|^2 / 2, which is largest for the nearest center."""

    def __init__(self, centers: Tensor) -> None:
        self.columns = centers.T
        self.bias = centers.double().square().sum(1).div(-2).to(centers.dtype)
        self._memory = centers.new_empty(0, len(centers))

    def nearest(self, block: Tensor) -> Tensor:
        """[b] int64: the nearest center to each point [b, F]."""
        if len(self._memory) < len(block):
            self._memory = block.new_empty(len(block), len(self.bias))
        scores = torch.addmm(self.bias, block, self.columns, out=self._memory[: len(block)])
        return scores.max(1).indices  # the first one, where several are equal


def squared_distances(points: Points, centers: Tensor, labels: Tensor) -> Tensor:
    """[n] squared distance of each point to the center it is labeled with, from the differences: no digits lost."""
    found = torch.empty(len(points.features), dtype=centers.dtype, device=centers.device)
    for rows, block in points.blocks():
        found[rows] = block.sub_(centers[labels[rows]]).square_().sum(1)
    return found
