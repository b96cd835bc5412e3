"""Online variant of Self-Conditioned GAN: after the second clustering, each batch updates the centers.

Paper: Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), tables 1 and 2. The first clustering
is used for `refresh_every` steps.
Command and expected result:
  everymode train online-self-conditioned-grid        (-ring, -digits)
      table 1, grid: 25.0 modes, 99.7 % of high quality; measured here: docs/results/mode_coverage.md
  everymode train online-self-conditioned-stacked-digits
      table 2, on stacked MNIST: 995.8 modes; measured here, small and short: docs/results/stacked_digits.md
  everymode train online-self-conditioned-cifar10 --data cifar10-train.parquet
      table 2: FID 31.56, IS 6.82; measured here: not yet
"""

from __future__ import annotations

from everymode.recipes import self_conditioned

RING = self_conditioned.RING.with_numbers(name="online-self-conditioned-ring", online=True)
GRID = self_conditioned.GRID.with_numbers(name="online-self-conditioned-grid", online=True)
DIGITS = self_conditioned.DIGITS.with_numbers(name="online-self-conditioned-digits", online=True)
STACKED_DIGITS = self_conditioned.STACKED_DIGITS.with_numbers(
    name="online-self-conditioned-stacked-digits", online=True
)
CIFAR10 = self_conditioned.CIFAR10.with_numbers(name="online-self-conditioned-cifar10", online=True)
