"""Principal directions without a covariance matrix, by randomized subspace iteration.

Method: Halko, Martinsson, Tropp: Finding structure with randomness (SIAM Review 2011), algorithm 4.4.
"""

from __future__ import annotations

import torch
from torch import Tensor

from everymode.kmeans.point_blocks import Points

_MORE = 16
"""Additional directions in the iteration, which make the requested ones accurate."""
_SWEEPS = 3
"""Passes over the points."""


def principal_directions(points: Points, dimensions: int, generator: torch.Generator) -> Tensor:
    """Return orthonormal directions [F, dimensions], approximately the leading eigenvectors of the covariance.

    They are in the order of decreasing variance. Each sweep is one pass over the points, after which the processes sum
    one [F, dimensions + 16] matrix.
    """
    width = points.features.shape[1]
    columns = min(width, dimensions + _MORE)
    start = torch.randn(width, columns, generator=generator, dtype=torch.float64).to(points.features)
    basis = torch.linalg.qr(start).Q
    product = _scatter_product(points, basis)
    for _ in range(_SWEEPS - 1):
        basis = torch.linalg.qr(product.to(basis.dtype)).Q
        product = _scatter_product(points, basis)
    projected = basis.double().T @ product
    order = torch.linalg.eigh((projected + projected.T) / 2).eigenvectors.flip(1)[:, :dimensions]
    return basis @ order.to(basis.dtype)


def project(points: Points, directions: Tensor) -> Tensor:
    """Return the coordinates [n, dimensions] of the points along the directions [F, dimensions]."""
    coordinates = points.features.new_empty(len(points.features), directions.shape[1])
    for rows, block in points.blocks(directions.shape[1]):
        torch.mm(block, directions, out=coordinates[rows])
    return coordinates


def _scatter_product(points: Points, basis: Tensor) -> Tensor:
    """Return X^T X basis, float64 [F, columns], with X the points of all processes."""
    product = torch.zeros_like(basis, dtype=torch.float64)
    for _, block in points.blocks(basis.shape[1]):
        product += block.T @ (block @ basis)
    return points.total(product)
