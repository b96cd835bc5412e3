"""The directions in which points differ most, without a covariance matrix: randomized subspace iteration.

Method: Halko, Martinsson, Tropp: Finding structure with randomness (SIAM Review 2011), algorithm 4.4.
"""

from __future__ import annotations

import torch
from torch import Tensor

from everymode.kmeans.point_blocks import Points

_MORE = 16
"""Directions that are followed beyond those asked for, so that these are accurate."""
_SWEEPS = 3


def principal_directions(points: Points, dimensions: int, generator: torch.Generator) -> Tensor:
    """[F, dimensions] orthonormal, the largest variance first, about the leading eigenvectors of the covariance.

    Every sweep is one pass over the points, in which processes sum one [F, dimensions + 16] matrix.
    """
    width = points.features.shape[1]
    follow = min(width, dimensions + _MORE)
    basis = torch.randn(width, follow, generator=generator, dtype=torch.float64).to(points.features)
    for _ in range(_SWEEPS):
        basis = torch.linalg.qr(basis).Q
        product = torch.zeros_like(basis, dtype=torch.float64)
        for _, block in points.blocks(follow):
            product += block.T @ (block @ basis)
        product = points.total(product)
        turned = basis.double().T @ product
        basis, before = product.to(basis.dtype), basis
    order = torch.linalg.eigh((turned + turned.T) / 2).eigenvectors.flip(1)[:, :dimensions]
    return before @ order.to(before.dtype)


def project(points: Points, directions: Tensor) -> Tensor:
    """[n, dimensions] coordinates of the points along the directions [F, dimensions]."""
    found = points.features.new_empty(len(points.features), directions.shape[1])
    for rows, block in points.blocks(directions.shape[1]):
        torch.mm(block, directions, out=found[rows])
    return found
