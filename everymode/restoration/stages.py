"""Stages of deep generative prior, and the schedules of its tasks.

Pan et al., Exploiting Deep Generative Prior for Versatile Image Restoration and Manipulation (ECCV 2020), as released
in XingangPan/deep-generative-prior (experiments/). Omni-GAN's downstream experiments (Zhou et al., ICCV 2021, appendix
I) follow it. Both are for generators of 128 pixels and more; `SMALL` is for those of 16 to 32 pixels.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """Settings of one stage of a restoration: which features are compared, and which parameters change how fast."""

    steps: int
    """Number of optimizer steps."""
    features: int | None
    """Number of the discriminator's features that are compared, from the deepest on; None = all."""
    groups: int | None
    """Number of the generator's layer groups that are trained, from the first on; None = all."""
    ratio: float
    """Factor of the rate from one group to the next: group i has generator_rate * ratio ** i."""
    generator_rate: float
    """Learning rate of the generator's first group."""
    latent_rate: float
    """Learning rate of z."""
    feature_weight: float = 1.0
    """Weight of the distance in features."""
    mse_weight: float = 0.0
    """Weight of the mean squared error of the degraded images."""

    def __post_init__(self) -> None:
        for name in ("steps", "features", "groups"):
            value = getattr(self, name)
            least = 0 if name == "groups" else 1
            if value is not None and not (isinstance(value, numbers.Integral) and int(value) >= least):
                raise ValueError(f"{name} is {value}; a stage needs a whole number of at least {least}")
        if self.steps is None:
            raise ValueError("steps is None; a stage needs a whole number of at least 1")
        for name in ("ratio", "generator_rate", "latent_rate", "feature_weight", "mse_weight"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} is {value}; pass a finite number of at least 0")
        if self.feature_weight == 0 and self.mse_weight == 0:
            raise ValueError("both weights are 0, so that nothing compares the images; set one of them")

    def group_rates(self, count: int, factor: float = 1.0) -> tuple[float, ...]:
        """Return the learning rate of each of `count` layer groups, times a factor; 0 for untrained ones."""
        trained = count if self.groups is None else self.groups
        rate = self.generator_rate * factor
        return tuple(rate * self.ratio**i if i < trained else 0.0 for i in range(count))


_STEPS = (200, 200, 300, 400, 300)
_GROUPS = (2, 3, 4, 5, 6)
_RATIOS = (0.7, 0.7, 0.8, 0.9, 1.0)
_COLOR_RATES = (5e-5, 5e-5, 5e-5, 5e-5, 2e-5)
_COLOR_LATENT_RATES = (2e-3, 1e-3, 5e-4, 5e-5, 2e-5)
_MSE_RATES = (2e-4, 2e-4, 1e-4, 1e-4, 1e-5)
_MSE_LATENT_RATES = (1e-3, 1e-3, 1e-4, 1e-4, 1e-5)

COLORIZATION = tuple(
    Stage(steps, 7, groups, ratio, rate, latent_rate)
    for steps, groups, ratio, rate, latent_rate in zip(
        _STEPS, _GROUPS, _RATIOS, _COLOR_RATES, _COLOR_LATENT_RATES, strict=True
    )
)
"""Schedule of colorization."""
RECONSTRUCTION = COLORIZATION
"""Schedule of reconstruction, without degradation and by features only. The papers do not state one; this is the only
published schedule that compares nothing but features."""
SUPER_RESOLUTION = tuple(
    Stage(200, 8, groups, 1.0, rate, latent_rate, 1.0, 1.0)
    for groups, rate, latent_rate in zip(
        _GROUPS, (5e-5, 5e-5, 2e-5, 1e-5, 1e-5), (2e-3, 1e-3, 2e-5, 1e-5, 1e-5), strict=True
    )
)
"""Schedule of super-resolution that prefers plausible details."""
SUPER_RESOLUTION_MSE = tuple(
    Stage(200, 8, groups, 1.0, rate, latent_rate, weight, mse_weight)
    for groups, rate, latent_rate, weight, mse_weight in zip(
        _GROUPS,
        _MSE_RATES,
        _MSE_LATENT_RATES,
        (1.0, 1.0, 1.0, 0.5, 0.1),
        (10.0, 10.0, 10.0, 50.0, 100.0),
        strict=True,
    )
)
"""Schedule of super-resolution that prefers a small error; the released code runs it with instance statistics."""
INPAINTING = tuple(
    Stage(200, 8, 6, 1.0, rate, latent_rate, weight, mse_weight)
    for rate, latent_rate, weight, mse_weight in zip(
        _MSE_RATES,
        _MSE_LATENT_RATES,
        (1.0, 1.0, 1.0, 0.1, 0.1),
        (10.0, 10.0, 10.0, 100.0, 100.0),
        strict=True,
    )
)
"""Schedule of inpainting; the released code runs it with `train_embedding` and `instance_statistics`."""
SMALL = (
    Stage(80, None, 2, 1.0, 1e-4, 1e-2, 1.0, 1.0),
    Stage(60, None, 3, 1.0, 1e-4, 5e-3, 1.0, 1.0),
    Stage(60, None, None, 1.0, 1e-4, 2e-3, 1.0, 1.0),
)
"""Schedule for generators of 16 to 32 pixels and any task: 200 steps."""
