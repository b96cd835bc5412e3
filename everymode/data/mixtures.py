"""Mixtures of Gaussians in the plane: the ring and the grid of PacGAN and Self-Conditioned GAN.

Ring: PacGAN (Lin et al. 2018) has 8 modes on a circle of radius 1, std 0.01, mode i at (cos, sin) of 2 pi i / 8.
The released code of Self-Conditioned GAN uses radius 2 and (sin, cos), the same 8 means at twice the scale.
Grid: 25 modes at {-4, -2, 0, 2, 4}^2, std 0.05.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from everymode.data.order import random_uniform

__all__ = ["Mixture", "grid_mixture", "ring_mixture", "sample_mixture"]


class Mixture(NamedTuple):
    """Equally likely isotropic Gaussians in the plane: means float32 [M, 2], and the std of each coordinate."""

    means: np.ndarray
    std: float


def ring_mixture(*, modes: int = 8, radius: float = 1.0, std: float = 0.01) -> Mixture:
    """Return a mixture with means on a circle around 0, mode i at angle 2 pi i / modes.

    Raises:
        ValueError: if `modes` or `radius` is not positive, `std` is negative, or a value is not finite.
    """
    if modes < 1 or not 0 < radius < math.inf or not 0 <= std < math.inf:
        raise ValueError(
            f"modes={modes}, radius={radius}, std={std}: modes and radius must be positive, std at least 0, all finite"
        )
    angles = 2 * math.pi * np.arange(modes) / modes
    return Mixture((radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)).astype(np.float32), std)


def grid_mixture(*, side: int = 5, spacing: float = 2.0, std: float = 0.05) -> Mixture:
    """Return a mixture with means on a square grid of side x side points around 0, the first coordinate outermost.

    Raises:
        ValueError: if `side` or `spacing` is not positive, `std` is negative, or a value is not finite.
    """
    if side < 1 or not 0 < spacing < math.inf or not 0 <= std < math.inf:
        raise ValueError(
            f"side={side}, spacing={spacing}, std={std}: side and spacing must be positive, std at least 0, all finite"
        )
    line = (np.arange(side) - (side - 1) / 2) * spacing
    return Mixture(
        np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2).astype(np.float32), std
    )


def sample_mixture(mixture: Mixture, samples: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return points float32 [samples, 2] and their modes int64 [samples], a pure function of the arguments.

    Raises:
        ValueError: if `samples` is below 1.
    """
    if samples < 1:
        raise ValueError(f"samples is {samples}; it must be at least 1")
    draws = random_uniform(seed, "mixture", 0, 3 * samples).reshape(3, samples)
    modes = (draws[0] * len(mixture.means)).astype(np.int64)
    radius = np.sqrt(-2 * np.log1p(-draws[1]))  # Box-Muller transform: a pair of normal draws
    angle = 2 * math.pi * draws[2]
    noise = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return (mixture.means[modes] + mixture.std * noise).astype(np.float32), modes
