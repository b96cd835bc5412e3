"""PAPER: sigma from a random subset of the kernels, and by how much the largest of a subset falls short.

Kligvasser and Michaeli 2021, "Sparsity Aware Normalization for GANs", Appendix C.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor


def compensation(num_filters: int, fraction: float) -> float:
    """g = H(N) / H(ceil(N r)), H the harmonic numbers: how far the maximum over a random subset falls short.

    Equation 9 (equation 19 of the appendix prints n for k in one place): exact in expectation where the kernels'
    peaks are exponentially distributed.

    Args:
        num_filters: N = out * in, the kernels of the layer; a whole number of any type.
        fraction: r in (0, 1], the share that is looked at.
    Raises:
        ValueError: no filters, part of one, or a fraction outside (0, 1].
    """
    if not (num_filters >= 1 and num_filters % 1 == 0):
        raise ValueError(f"compensation needs a layer with at least 1 filter, not {num_filters}")
    count = int(num_filters)
    return _harmonic(count) / _harmonic(subset_size(count, float(fraction)))


def subset_size(num_filters: int, fraction: float) -> int:
    """ceil(N r), of the product as it was meant: 0.07 * 100 is 7. Raises ValueError if r is not in (0, 1]."""
    if not 0 < fraction <= 1:
        raise ValueError(
            f"the fraction of filters is {fraction}; it must be above 0 and at most 1 (published: 0.25 or 1)"
        )
    return max(1, math.ceil(round(num_filters * fraction, 9)))


def random_subset(seed: int, total: int, fraction: float) -> Tensor:
    """ceil(total * fraction) different numbers below total, int64 on the CPU: the same for the same seed."""
    generator = torch.Generator().manual_seed(seed % 2**63)
    return torch.randperm(total, generator=generator)[: subset_size(total, fraction)]


@lru_cache(maxsize=1024)
def _harmonic(count: int) -> float:
    return math.fsum(1 / number for number in range(1, count + 1))
