"""Kernel distances (squared maximum mean discrepancy) between two sets of features: KID and CMMD.

KID (Binkowski et al. 2018): cubic polynomial kernel (x.y / F + 1)^3, unbiased estimate. CMMD (Jayasumana et al. 2024):
Gaussian kernel exp(-|x - y|^2 / (2 sigma^2)), sigma 10, biased estimate, times 1000, designed for CLIP embeddings of
unit length. The two estimates are not interchangeable.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from everymode.metrics.inputs import Values, feature_pair

_TILE_ROWS = 1024
"""Rows of each side for which the kernel is computed at once."""

Kernel = Callable[[Tensor, Tensor], Tensor]
"""Function of x [n, F] and y [m, F] in float64 that returns kernel values [n, m]."""


def cubic_kernel(x: Tensor, y: Tensor) -> Tensor:
    """Compute (x.y / F + 1)^3 for every pair, [n, m]."""
    inner = (x @ y.T).div_(x.shape[1]).add_(1)
    return inner.square().mul_(inner)


def gaussian_kernel_less_one(x: Tensor, y: Tensor, *, sigma: float) -> Tensor:
    """Compute exp(-|x - y|^2 / (2 sigma^2)) - 1 for every pair, [n, m].

    The 1 cancels in a biased estimate; subtracting it preserves digits if all kernel values are near 1.
    """
    squared = x.square().sum(1)[:, None] + y.square().sum(1) - 2 * (x @ y.T)
    return squared.clamp_(min=0).div_(-2 * sigma**2).expm1_()


def kernel_distance(real: Values, fake: Values) -> float:
    """Compute the unbiased KID over all pairs of real [N, F] and fake [M, F] features, which may be negative.

    Raises:
        ValueError: if there is NaN, a side has fewer than 2 rows, or the numbers of features differ.
    """
    real, fake = feature_pair(real, fake)
    return _unbiased(real, fake)


def kernel_distance_subsets(
    real: Values, fake: Values, *, subsets: int = 100, subset_size: int = 1000, seed: int = 2020
) -> tuple[float, float]:
    """Compute KID as torch-fidelity reports it: mean and population std over random subsets.

    For each subset the rows of the fake side are drawn first, then those of the real side, without replacement within
    a subset, by numpy's RandomState(seed). Subsets overlap: the std is not a standard error.

    Raises:
        ValueError: under the conditions of `kernel_distance`, or if subsets is below 1, or subset_size is below 2 or
            above the number of rows of either side.
    """
    real, fake = feature_pair(real, fake)
    smaller = min(len(real), len(fake))
    if subsets < 1 or not 2 <= subset_size <= smaller:
        raise ValueError(
            f"subsets={subsets} of subset_size={subset_size} rows from {len(real)} real and {len(fake)} fake ones: "
            f"at least 1 subset of 2 to {smaller} rows is needed"
        )
    random = np.random.RandomState(seed)
    distances = []
    for _ in range(subsets):
        fake_rows = random.choice(len(fake), subset_size, replace=False)
        real_rows = random.choice(len(real), subset_size, replace=False)
        distances.append(_unbiased(real[torch.from_numpy(real_rows)], fake[torch.from_numpy(fake_rows)]))
    return float(np.mean(distances)), float(np.std(distances))


def cmmd(
    real: Values, fake: Values, *, sigma: float = 10.0, scale: float = 1000.0, normalize: bool = True
) -> float:
    """Compute CMMD, the biased Gaussian-kernel distance times `scale`; at least 0.

    Published values use CLIP ViT-L/14 (336 pixels) embeddings; on other features it is another metric.

    Args:
        real, fake: features [N, F] and [M, F].
        sigma: bandwidth of the kernel.
        scale: factor of the result.
        normalize: whether to scale each row to unit length first.
    Raises:
        ValueError: under the conditions of `kernel_distance`, if a row of length 0 is to be normalized, or if sigma is
            not positive.
    """
    real, fake = feature_pair(real, fake)
    if not sigma > 0:
        raise ValueError(f"sigma is {sigma}; it must be positive (the published metric uses 10)")
    if normalize:
        real, fake = _unit_length("real", real), _unit_length("fake", fake)
    kernel = partial(gaussian_kernel_less_one, sigma=sigma)
    within = sum(sum(_sum_within(side, kernel)) / len(side) ** 2 for side in (real, fake))
    across = _sum_across(real, fake, kernel) / (len(real) * len(fake))
    return scale * max(0.0, within - 2 * across)


def _unbiased(real: Tensor, fake: Tensor) -> float:
    within = sum(_sum_within(side, cubic_kernel)[0] / (len(side) * (len(side) - 1)) for side in (real, fake))
    distance = within - 2 * _sum_across(real, fake, cubic_kernel) / (len(real) * len(fake))
    if not math.isfinite(distance):
        raise ValueError(
            "the features are too large for float64 in a cubic kernel; scale both sides down by the same factor"
        )
    return distance


def _sum_within(rows: Tensor, kernel: Kernel) -> tuple[float, float]:
    """Return the sums of the kernel over all ordered pairs of different rows, and over each row with itself."""
    pairs, own = 0.0, 0.0
    for start in range(0, len(rows), _TILE_ROWS):
        tile = rows[start : start + _TILE_ROWS].double()
        block = kernel(tile, tile)
        diagonal = float(block.diagonal().sum())
        block.fill_diagonal_(0.0)
        own += diagonal
        pairs += float(block.sum())
        # The kernel is symmetric: the tiles below the diagonal equal those above it.
        pairs += 2 * _sum_across(tile, rows[start + _TILE_ROWS :], kernel)
    return pairs, own


def _sum_across(first: Tensor, second: Tensor, kernel: Kernel) -> float:
    """Return the sum of the kernel over all pairs of a row of the first and a row of the second."""
    total = 0.0
    for start in range(0, len(first), _TILE_ROWS):
        tile = first[start : start + _TILE_ROWS].double()
        for other in range(0, len(second), _TILE_ROWS):
            total += float(kernel(tile, second[other : other + _TILE_ROWS].double()).sum())
    return total


def _unit_length(name: str, rows: Tensor) -> Tensor:
    scaled = rows.double()
    lengths = scaled.norm(dim=1, keepdim=True)
    if not (lengths > 0).all():
        raise ValueError(
            f"{name} holds a row of length 0, which has no direction; pass embeddings, not padding"
        )
    return scaled / lengths
