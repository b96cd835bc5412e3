"""Nearest neighbors by inner product of unit features, a block of rows at a time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.old_names import renamed_keywords

__all__ = ["nearest_neighbors", "neighbor_accuracy"]

BLOCK_VALUES = 2**25
"""Similarities held at a time."""


@torch.no_grad()
def nearest_neighbors(features: Tensor, count: int, *, include_self: bool = False) -> Tensor:
    """The `count` rows most alike to each row, most alike first, by the cosine of the angle between features.

    Args:
        features: [N, F] of any length above zero, on the device where the search shall run.
        count: neighbors of each row.
        include_self: each row is its own first neighbor, and counts (as in SCAN, which mines count + 1).
    Returns:
        int64 [N, count].
    Raises:
        ValueError: fewer than `count` candidates.
    """
    rows = len(features)
    if not 1 <= count <= rows - (not include_self):
        raise ValueError(
            f"{count} neighbors were asked for among {rows} images; ask for 1 to {rows - (not include_self)}"
        )
    units = F.normalize(features, dim=1)
    block = max(1, BLOCK_VALUES // rows)
    found = []
    for start in range(0, rows, block):
        similarity = units[start : start + block] @ units.T
        own = torch.arange(len(similarity), device=units.device)
        # Told apart from exact copies of itself.
        similarity[own, start + own] = torch.inf if include_self else -torch.inf
        found.append(similarity.topk(count, dim=1).indices)
    return torch.cat(found)


@renamed_keywords(neighbours="neighbors")
def neighbor_accuracy(neighbors: Tensor, labels: Tensor) -> float:
    """Share of rows whose label is the most frequent one among their neighbors (the smallest, where several are).

    Args:
        neighbors: [N, k] rows; take k = 10 for the customary measure.
        labels: int64 [N]; rows with a negative label are neither asked nor voters.
    Returns:
        0 to 1; NaN where no row has a label.
    """
    labels = labels.to(neighbors.device)
    known = labels >= 0
    if not bool(known.any()):
        return float("nan")
    votes = torch.zeros(len(labels), int(labels.max()) + 1, device=labels.device)
    votes.scatter_add_(1, labels.clamp(min=0)[neighbors], known[neighbors].float())
    return float((votes.argmax(1) == labels)[known].double().mean())
