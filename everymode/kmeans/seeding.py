"""Initial centers: greedy k-means++, all starts at once.

Method: Arthur and Vassilvitskii: k-means++ (SODA 2007), in its greedy form, which draws 2 + log K candidates for each
center and selects the one that leaves the smallest sum of squared distances.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_BLOCK_ELEMENTS = 2**24
"""Approximate number of distances in memory at a time."""
_WEIGHT_STEPS = 2**31
"""Weights are rounded to this many steps, so that sums of up to 2^32 of them are exact, in any order."""


def seed_centers(rows: Tensor, k: int, starts: int, generator: torch.Generator) -> Tensor:
    """Return initial centers [starts, K, d], each of them one of the rows [N, d], which are centered around 0."""
    candidates = 2 + int(math.log(k))
    uniform = torch.rand(starts, k, candidates, generator=generator, dtype=torch.float64).to(rows.device)
    batch = max(1, _BLOCK_ELEMENTS // (candidates * len(rows)))
    return torch.cat([_seed_together(rows, some) for some in uniform.split(batch)])


def draw_rows(weights: Tensor, uniform: Tensor) -> Tensor:
    """Return row indices, int64 [S, T], drawn with probabilities proportional to the weights.

    Args:
        weights: [S, N], at least 0; if all weights of a row are 0, the index is arbitrary.
        uniform: [S, T] in [0, 1); equal values draw equal indices.
    """
    scale = (_WEIGHT_STEPS - 1) / weights.amax(1, keepdim=True).double().clamp(min=1e-300)
    edges = (weights * scale).long().cumsum(1)
    positions = (uniform * edges[:, -1:]).long()
    return torch.searchsorted(edges, positions, right=True).clamp_(max=weights.shape[1] - 1)


def _seed_together(rows: Tensor, uniform: Tensor) -> Tensor:
    """Return centers [S, K, d] drawn by uniform numbers [S, K, T] in [0, 1)."""
    starts, k, candidates = uniform.shape
    squared = rows.square().sum(1)
    center = (uniform[:, 0, 0] * len(rows)).long()
    centers = [center]
    nearest = _distances(rows, squared, center)
    each = torch.arange(starts, device=rows.device)
    for number in range(1, k):
        drawn = draw_rows(nearest, uniform[:, number])
        distances = _distances(rows, squared, drawn.flatten()).view(starts, candidates, -1)
        torch.minimum(distances, nearest[:, None], out=distances)
        best = distances.sum(2).argmin(1)
        nearest, center = distances[each, best], drawn[each, best]
        centers.append(center)
    return rows[torch.stack(centers, dim=1)]


def _distances(rows: Tensor, squared: Tensor, centers: Tensor) -> Tensor:
    """Return the squared distances [C, N] of all rows to those with the indices `centers` [C]."""
    distances = torch.addmm(squared, rows[centers], rows.T, alpha=-2)
    distances.add_(squared[centers, None]).clamp_(min=0)
    return distances.scatter_(1, centers[:, None], 0.0)
