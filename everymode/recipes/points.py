"""GANs on points in the plane: the rings and grids of Gaussians on which missing modes can be counted.

Papers: Lin et al., PacGAN (NeurIPS 2018) set the benchmark; networks and numbers are those of Liu et al., Diverse Image
Generation via Self-Conditioned GANs (CVPR 2020), released as stevliu/self-conditioned-gan:2d_mix (learning rate 1e-4,
where the paper prints 1e-3).
Command: everymode train gan-grid        everymode train conditional-gan-grid
Cost: 40 ms a step on one core; 8,000 steps in about five minutes. Expected: the unconditional GAN misses modes of the
grid, the conditional one, which is told the mode, does not. Measured here: docs/results/mode_coverage.md
"""

from __future__ import annotations

from everymode.recipes import benchmark_numbers as numbers
from everymode.recipes.plain_gan import TOLD

GRID = numbers.GRID.with_numbers(name="gan-grid")
RING = numbers.RING.with_numbers(name="gan-ring")

CONDITIONAL_GRID = GRID.with_numbers(name="conditional-gan-grid", labels=TOLD)
CONDITIONAL_RING = RING.with_numbers(name="conditional-gan-ring", labels=TOLD)
