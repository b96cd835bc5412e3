"""Nearest neighbors by cosine similarity, computed block by block."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.old_names import renamed_keywords

__all__ = ["nearest_neighbors", "neighbor_accuracy"]

BLOCK_VALUES = 2**25
"""Maximum number of similarities in memory at a time."""


@torch.no_grad()
def nearest_neighbors(features: Tensor, count: int, *, include_self: bool = False) -> Tensor:
    """Return the `count` rows of largest cosine similarity to each row, most similar first.

    Args:
        features: [N, F] of any nonzero length, on the device on which to search.
        count: neighbors per row.
        include_self: whether each row is its own first neighbor and counts as one (as in SCAN, which mines count + 1).
    Returns:
        int64 [N, count].
    Raises:
        ValueError: if there are fewer than `count` candidates.
    """
    rows = len(features)
    if not 1 <= count <= rows - (not include_self):
        raise ValueError(
            f"{count} neighbors were requested among {rows} images; request 1 to {rows - (not include_self)}"
        )
    units = F.normalize(features, dim=1)
    block = max(1, BLOCK_VALUES // rows)
    neighbors = []
    for start in range(0, rows, block):
        similarity = units[start : start + block] @ units.T
        own = torch.arange(len(similarity), device=units.device)
        # By index, because exact copies of the row have the same similarity.
        similarity[own, start + own] = torch.inf if include_self else -torch.inf
        neighbors.append(similarity.topk(count, dim=1).indices)
    return torch.cat(neighbors)


@renamed_keywords(neighbours="neighbors")
def neighbor_accuracy(neighbors: Tensor, labels: Tensor) -> float:
    """Return the share of rows whose label is the most frequent one among their neighbors (ties: the smallest label).

    Args:
        neighbors: [N, k] rows; k = 10 is customary.
        labels: int64 [N]; rows with a negative label are neither scored nor counted as neighbors.
    Returns:
        0 to 1; NaN if no row has a label.
    """
    labels = labels.to(neighbors.device)
    known = labels >= 0
    if not bool(known.any()):
        return float("nan")
    votes = torch.zeros(len(labels), int(labels.max()) + 1, device=labels.device)
    votes.scatter_add_(1, labels.clamp(min=0)[neighbors], known[neighbors].float())
    return float((votes.argmax(1) == labels)[known].double().mean())
