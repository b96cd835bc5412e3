"""Landscape of a guide in the plane: its false valleys and its gradient norms."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from scipy.ndimage import label as connected
from scipy.ndimage import minimum_filter
from torch import Tensor, nn

from everymode.labels.partition import guide_distance

REACH = 6.0
"""The mesh covers [-6, 6] in both directions; the means of the grid lie in [-4, 4]."""
MESH = 241
DIRECTIONS = 256
LENGTHS = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)


def mesh() -> Tensor:
    """Return the points [MESH * MESH, 2] of the mesh, the first coordinate outermost."""
    line = torch.linspace(-REACH, REACH, MESH, dtype=torch.float64)
    return torch.cartesian_prod(line, line)


def false_valleys(network: nn.Module, part: int, points: Tensor, logits: Tensor) -> Tensor:
    """Return the bottoms [n, 2] of the valleys of R_c outside of part c, one point each.

    Args:
        points: points of the mesh.
        logits: the network's logits at these points.
    """
    labels = torch.full((len(points),), part)
    values = guide_distance(logits, labels).view(MESH, MESH).numpy()
    low = (values <= minimum_filter(values, 3, mode="nearest")) & (values > 0)
    low[[0, -1]] = False  # values beyond the border are unknown
    low[:, [0, -1]] = False
    groups, count = cast("tuple[np.ndarray, int]", connected(low, np.ones((3, 3))))
    first = [int(np.flatnonzero(groups == number + 1)[0]) for number in range(count)]
    bottoms = descend(network, part, points[first]) if first else points[:0]
    distinct: list[Tensor] = []
    for bottom in bottoms:
        if all((bottom - other).norm() > 0.05 for other in distinct):
            distinct.append(bottom)
    return torch.stack(distinct) if distinct else points[:0]


def descend(network: nn.Module, part: int, starts: Tensor, *, max_steps: int = 500) -> Tensor:
    """Return the ends of the descents from these points that do not reach part c.

    A descent stops where no step leads to a lower R_c, or after `max_steps`.
    """
    angles = torch.arange(DIRECTIONS, dtype=torch.float64) * (2 * torch.pi / DIRECTIONS)
    circle = torch.stack((angles.cos(), angles.sin()), 1)
    steps = torch.cat([length * circle for length in LENGTHS])
    positions, active = starts.clone(), torch.ones(len(starts), dtype=torch.bool)
    stuck = torch.zeros(len(starts), dtype=torch.bool)
    for _ in range(max_steps):
        rows = active.nonzero().squeeze(1)
        if not len(rows):
            break
        around = (positions[rows, None] + steps).flatten(0, 1)
        both = torch.cat((around, positions[rows]))
        values = guide_distance(network(both), torch.full((len(both),), part))
        lowest, which = values[: len(around)].view(len(rows), -1).min(1)
        current = values[len(around) :]
        lower = lowest < current
        positions[rows[lower]] += steps[which[lower]]
        stuck[rows[~lower]] = current[~lower] > 0
        active[rows] = lower & (lowest > 0)
    return positions[stuck | active]


def jacobians(network: nn.Module, points: Tensor) -> Tensor:
    """Return the gradient of each logit, [N, K, 2]."""
    columns = [
        torch.func.jvp(network, (points,), (torch.eye(2, dtype=points.dtype)[axis].expand_as(points),))[1]
        for axis in range(2)
    ]
    return torch.stack(columns, 2)


def gradient_norms(logits: Tensor, slopes: Tensor, part: int) -> Tensor:
    """Return the gradient norms of R_c at the points where it is positive."""
    ahead = (logits > logits[:, part : part + 1]).to(logits)
    gradient = torch.einsum("nj,njd->nd", ahead, slopes) - ahead.sum(1, keepdim=True) * slopes[:, part]
    return gradient.norm(dim=1)[ahead.any(1)]


def least_gradient_in_features(read_out: nn.Linear, part: int) -> float:
    """Return the least gradient norm of R_c over the plane of features, where R_c > 0.

    There R_c is convex and linear on each cell of the arrangement of the lines s_j = s_c. Each cell has a vertex,
    unless all lines are parallel, so the four cells around each crossing of two lines are all cells.
    """
    others = [j for j in range(read_out.out_features) if j != part]
    normals = (read_out.weight[others] - read_out.weight[part]).double()
    offsets = (read_out.bias[others] - read_out.bias[part]).double()
    first, second = torch.triu_indices(len(others), len(others), 1)
    pairs = torch.stack((normals[first], normals[second]), 1)
    vertices = torch.linalg.solve(pairs, -torch.stack((offsets[first], offsets[second]), 1))
    ahead = (vertices @ normals.T + offsets > 0).double()
    rows = torch.arange(len(vertices))
    least = float("inf")
    for one in (0.0, 1.0):
        for other in (0.0, 1.0):
            ahead[rows, first], ahead[rows, second] = one, other
            lengths = (ahead @ normals).norm(dim=1)[ahead.any(1)]
            least = min([least, *lengths.tolist()])
    return least
