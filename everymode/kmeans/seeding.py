"""First centers: k-means++ with several candidates a center, all starts at once.

Method: Arthur and Vassilvitskii: k-means++ (SODA 2007), in its greedy form, which draws 2 + log K candidates and keeps
the one that leaves the smallest sum of squared distances.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_NUMBERS_AT_ONCE = 2**24
_WEIGHT_STEPS = 2**31
"""Weights are rounded to this many steps, so that sums of up to 2^32 of them are exact, in any order."""


def seed_centers(rows: Tensor, k: int, starts: int, generator: torch.Generator) -> Tensor:
    """[starts, K, d] centers, each one of the rows [N, d], which lie around 0."""
    candidates = 2 + int(math.log(k))
    uniform = torch.rand(starts, k, candidates, generator=generator, dtype=torch.float64).to(rows.device)
    at_once = max(1, _NUMBERS_AT_ONCE // (candidates * len(rows)))
    return torch.cat([_seed_together(rows, part) for part in uniform.split(at_once)])


def draw_rows(weights: Tensor, uniform: Tensor) -> Tensor:
    """Row numbers, int64 [S, T], drawn as often as weights [S, N] of 0 or more say; any row where all weights are 0.

    Args:
        uniform: [S, T] in [0, 1); the same number draws the same row.
    """
    scale = (_WEIGHT_STEPS - 1) / weights.amax(1, keepdim=True).double().clamp(min=1e-300)
    edges = (weights * scale).long().cumsum(1)
    places = (uniform * edges[:, -1:]).long()
    return torch.searchsorted(edges, places, right=True).clamp_(max=weights.shape[1] - 1)


def _seed_together(rows: Tensor, uniform: Tensor) -> Tensor:
    """[S, K, d] centers from uniform numbers [S, K, T] in [0, 1)."""
    starts, k, candidates = uniform.shape
    squared = rows.square().sum(1)
    chosen = (uniform[:, 0, 0] * len(rows)).long()
    found = [chosen]
    nearest = _distances(rows, squared, chosen)
    each = torch.arange(starts, device=rows.device)
    for number in range(1, k):
        drawn = draw_rows(nearest, uniform[:, number])
        distances = _distances(rows, squared, drawn.flatten()).view(starts, candidates, -1)
        torch.minimum(distances, nearest[:, None], out=distances)
        best = distances.sum(2).argmin(1)
        nearest, chosen = distances[each, best], drawn[each, best]
        found.append(chosen)
    return rows[torch.stack(found, dim=1)]


def _distances(rows: Tensor, squared: Tensor, chosen: Tensor) -> Tensor:
    """[C, N] squared distances of all rows to chosen ones [C]."""
    distances = torch.addmm(squared, rows[chosen], rows.T, alpha=-2)
    distances.add_(squared[chosen, None]).clamp_(min=0)
    return distances.scatter_(1, chosen[:, None], 0.0)
