"""Kernel distances (squared maximum mean discrepancy) between two sets of features: KID and CMMD.

KID (Binkowski et al. 2018): cubic polynomial kernel (x.y / F + 1)^3, unbiased estimate. CMMD (Jayasumana et al. 2024):
Gaussian kernel exp(-|x - y|^2 / (2 sigma^2)), sigma 10, biased estimate, times 1000, meant for CLIP embeddings of unit
length. The two estimates are not interchangeable.
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

Kernel = Callable[[Tensor, Tensor], Tensor]
"""(x [n, F], y [m, F]) in float64 -> kernel values [n, m]."""


def cubic_kernel(x: Tensor, y: Tensor) -> Tensor:
    """(x.y / F + 1)^3 for every pair, [n, m]."""
    inner = (x @ y.T).div_(x.shape[1]).add_(1)
    return inner.square().mul_(inner)


def gaussian_kernel_less_one(x: Tensor, y: Tensor, *, sigma: float) -> Tensor:
    """exp(-|x - y|^2 / (2 sigma^2)) - 1 for every pair, [n, m].

    The one cancels in a biased estimate; without it no digits are lost where all kernel values are near one.
    """
    squared = x.square().sum(1)[:, None] + y.square().sum(1) - 2 * (x @ y.T)
    return squared.clamp_(min=0).div_(-2 * sigma**2).expm1_()


def kernel_distance(real: Values, fake: Values) -> float:
    """Unbiased KID over all pairs of real [N, F] and fake [M, F]; negative values are part of it and are kept.

    Raises:
        ValueError: for NaN, fewer than 2 rows, or different numbers of features.
    """
    real, fake = feature_pair(real, fake)
    return _unbiased(real, fake)


def kernel_distance_subsets(
    real: Values, fake: Values, *, subsets: int = 100, subset_size: int = 1000, seed: int = 2020
) -> tuple[float, float]:
    """KID as torch-fidelity reports it: mean and population std over random subsets.

    For each subset the rows of the fake side are drawn first, then those of the real side, without replacement within
    a subset, by numpy's RandomState(seed). Subsets overlap: the std is not a standard error.

    Raises:
        ValueError: also if subset_size is below 2 or above either number of rows.
    """
    real, fake = feature_pair(real, fake)
    smaller = min(len(real), len(fake))
    if subsets < 1 or not 2 <= subset_size <= smaller:
        raise ValueError(
            f"subsets={subsets} of subset_size={subset_size} rows from {len(real)} real and {len(fake)} fake ones: "
            f"at least 1 subset of 2 to {smaller} rows is needed"
        )
    random = np.random.RandomState(seed)
    found = []
    for _ in range(subsets):
        fake_rows = random.choice(len(fake), subset_size, replace=False)
        real_rows = random.choice(len(real), subset_size, replace=False)
        found.append(_unbiased(real[torch.from_numpy(real_rows)], fake[torch.from_numpy(fake_rows)]))
    return float(np.mean(found)), float(np.std(found))


def cmmd(
    real: Values, fake: Values, *, sigma: float = 10.0, scale: float = 1000.0, normalize: bool = True
) -> float:
    """CMMD: biased Gaussian-kernel distance times `scale`, at least 0, with each row first scaled to unit length.

    The published numbers are on CLIP ViT-L/14 (336 pixels) embeddings; on other features it is another metric.
    `normalize=False` takes the rows as they are.

    Raises:
        ValueError: also for a row of length 0 when rows are normalized, and for a sigma that is not positive.
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
    found = within - 2 * _sum_across(real, fake, cubic_kernel) / (len(real) * len(fake))
    if not math.isfinite(found):
        raise ValueError(
            "the features are too large for float64 in a cubic kernel; scale both sides down by one number"
        )
    return found


def _sum_within(rows: Tensor, kernel: Kernel) -> tuple[float, float]:
    """Sums of the kernel over all ordered pairs of different rows, and over each row with itself."""
    pairs, own = 0.0, 0.0
    for start in range(0, len(rows), _TILE_ROWS):
        tile = rows[start : start + _TILE_ROWS].double()
        block = kernel(tile, tile)
        diagonal = float(block.diagonal().sum())
        block.fill_diagonal_(0.0)
        own += diagonal
        pairs += float(block.sum())
        # The kernel is symmetric: tiles below the diagonal are those above it.
        pairs += 2 * _sum_across(tile, rows[start + _TILE_ROWS :], kernel)
    return pairs, own


def _sum_across(first: Tensor, second: Tensor, kernel: Kernel) -> float:
    """Sum of the kernel over all pairs of a row of the first and one of the second."""
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
            f"{name} holds a row of length 0, which has no direction; give embeddings, not padding"
        )
    return scaled / lengths
