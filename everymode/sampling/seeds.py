"""Seeds of images: one for all, or one each."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any


def seeds_of(seed: int | Sequence[int], n: int) -> Sequence[int]:
    """Return the seeds of n images: seed + i for image i, or the sequence `seed`.

    Raises:
        TypeError: if n or a seed is not an integer.
        ValueError: if there are not n seeds.
    """
    if not isinstance(n, Integral):
        raise TypeError(f"n is the number of images, an integer such as 16, not {n!r}")
    arrays: Any = seed
    seeds = arrays.tolist() if hasattr(arrays, "tolist") else arrays
    if isinstance(seeds, Integral):
        return range(int(seeds), int(seeds) + n)
    if not isinstance(seeds, Sequence) or not all(isinstance(each, Integral) for each in seeds):
        raise TypeError(f"seed is an integer, or a sequence of one integer per image, not {seed!r}")
    if len(seeds) != n:
        raise ValueError(f"{len(seeds)} seeds for {n} images: pass one first seed, or one seed per image")
    return seeds
