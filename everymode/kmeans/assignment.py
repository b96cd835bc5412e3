"""Assignment of points to their nearest centers, by matrix products, block by block."""

from __future__ import annotations

import torch
from torch import Tensor

from everymode.kmeans.point_blocks import Points


@torch.no_grad()
def nearest_centers(features: Tensor, centers: Tensor, *, block_rows: int | None = None) -> Tensor:
    """Return the index of the nearest center for each row of features, int64 [N]; ties go to the lowest index.

    Args:
        features: [N, F], float32 or float64.
        centers: [K, F].
        block_rows: rows computed at once; None = chosen by the device.
    Raises:
        ValueError: if the shapes don't fit, or for half precision, in which squared lengths overflow.
    """
    if features.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"features must be float32 or float64, not {features.dtype}: convert them with .float()"
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
    """Return the index of the nearest center for each point, int64 [n]; centers [K, F] are relative to the origin."""
    labels = torch.empty(len(points.features), dtype=torch.long, device=centers.device)
    scorer = Scorer(centers)
    for rows, block in points.blocks(len(centers)):
        labels[rows] = scorer.nearest(block)
    return labels


class Scorer:
    """Scores of points against centers, x c - |c|^2 / 2, which are largest for the nearest center."""

    def __init__(self, centers: Tensor) -> None:
        self.columns = centers.T
        self.bias = centers.double().square().sum(1).div(-2).to(centers.dtype)
        self._memory = centers.new_empty(0, len(centers))

    def nearest(self, block: Tensor) -> Tensor:
        """Return the index of the nearest center for each point of a block [b, F], int64 [b]."""
        if len(self._memory) < len(block):
            self._memory = block.new_empty(len(block), len(self.bias))
        scores = torch.addmm(self.bias, block, self.columns, out=self._memory[: len(block)])
        return scores.max(1).indices  # the lowest index if several are equal


def squared_distances(points: Points, centers: Tensor, labels: Tensor) -> Tensor:
    """Return the squared distance [n] of each point to the center of its label.

    It is computed from differences, which avoids cancellation.
    """
    distances = torch.empty(len(points.features), dtype=centers.dtype, device=centers.device)
    for rows, block in points.blocks():
        distances[rows] = block.sub_(centers[labels[rows]]).square_().sum(1)
    return distances
