"""PAPER: sigma from a random subset of the kernels, with a correction for the smaller maximum of a subset.

Kligvasser and Michaeli 2021, "Sparsity Aware Normalization for GANs", Appendix C.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor


def compensation(num_filters: int, fraction: float) -> float:
    """Return g = H(N) / H(ceil(N r)), the expected maximum over all kernels divided by that over a random subset.

    H are the harmonic numbers. The formula is exact if the kernels' peaks are exponentially distributed. Equation 9;
    equation 19 of the appendix prints n for k in one occurrence.

    Args:
        num_filters: N = out * in, number of kernels of the layer; a whole number of any type.
        fraction: r in (0, 1], size of the subset relative to all kernels.
    Raises:
        ValueError: if `num_filters` is below 1 or not whole, or `fraction` is outside (0, 1].
    """
    if not (num_filters >= 1 and num_filters % 1 == 0):
        raise ValueError(
            f"num_filters is {num_filters}; compensation needs a whole number of filters, at least 1 filter"
        )
    count = int(num_filters)
    return _harmonic(count) / _harmonic(subset_size(count, float(fraction)))


def subset_size(num_filters: int, fraction: float) -> int:
    """Return ceil(N r), at least 1, with rounding errors of the product removed: 0.07 * 100 is 7.

    Args:
        num_filters: N.
        fraction: r in (0, 1].
    Raises:
        ValueError: if `fraction` is outside (0, 1].
    """
    if not 0 < fraction <= 1:
        raise ValueError(
            f"the fraction of filters is {fraction}; it must be above 0 and at most 1 (published: 0.25 or 1)"
        )
    return max(1, math.ceil(round(num_filters * fraction, 9)))


def random_subset(seed: int, total: int, fraction: float) -> Tensor:
    """Return ceil(total * fraction) distinct indices below total, int64 on the CPU, as a function of the seed."""
    generator = torch.Generator().manual_seed(seed % 2**63)
    return torch.randperm(total, generator=generator)[: subset_size(total, fraction)]


@lru_cache(maxsize=1024)
def _harmonic(count: int) -> float:
    return math.fsum(1 / number for number in range(1, count + 1))
