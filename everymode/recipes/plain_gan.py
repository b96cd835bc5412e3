"""GAN without labels and with the labels of the dataset: the baseline of all other methods on these networks.

Networks and hyper-parameters: Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), tables 1, 2
and 4.
Command and expected result:
  everymode train gan-digits        (or conditional-gan-digits)
      a few minutes on two cores
  everymode train gan-stacked-digits        (or conditional-gan-stacked-digits)
      table 2, on stacked MNIST: 133 (1,000) modes; measured here, small and short: docs/results/stacked_digits.md
  everymode train gan-cifar10 --data cifar10-train.parquet        (or conditional-gan-cifar10)
      table 2: FID 28.08 (23.56), IS 6.98 (7.44); measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train gan-imagenet128 --data imagenet/train   (conditional-gan-imagenet128)
      table 4: FID 54.17 (35.14), IS 14.01 (24.04); measured here: not yet
  everymode train gan-grid        (-ring; conditional-gan-grid, -ring)
      points in the plane, where missing modes can be counted (benchmark of Lin et al., PacGAN, NeurIPS 2018): 40 ms per
      step on one core; without labels the GAN misses modes of the grid, with labels it does not; measured here:
      docs/results/mode_coverage.md
  everymode train gan-64 --data photos
      your own images, with or without labels: the baseline of self-conditioned-64, with the same networks
"""

from __future__ import annotations

from everymode.recipes import benchmark_numbers as numbers
from everymode.recipes.parts.given_labels import Given

DIGITS = numbers.DIGITS.with_numbers(name="gan-digits")
STACKED_DIGITS = numbers.STACKED_DIGITS.with_numbers(name="gan-stacked-digits")
CIFAR10 = numbers.CIFAR10.with_numbers(name="gan-cifar10")
IMAGENET128 = numbers.IMAGENET128.with_numbers(name="gan-imagenet128")
PLACES128 = IMAGENET128.with_numbers(name="gan-places128")
IMAGES32 = numbers.OWN_IMAGES.with_numbers(name="gan-32")
IMAGES64 = IMAGES32.with_numbers(name="gan-64", resolution=64, r1_weight=0.1)
IMAGES128 = IMAGES64.with_numbers(name="gan-128", resolution=128)

TOLD = Given(fake_labels="reused")
"""The label is a one-hot vector, concatenated with z, and selects one of D's outputs."""

CONDITIONAL_DIGITS = DIGITS.with_numbers(name="conditional-gan-digits", labels=TOLD)
CONDITIONAL_STACKED_DIGITS = STACKED_DIGITS.with_numbers(name="conditional-gan-stacked-digits", labels=TOLD)
CONDITIONAL_CIFAR10 = CIFAR10.with_numbers(name="conditional-gan-cifar10", labels=TOLD)
CONDITIONAL_IMAGENET128 = IMAGENET128.with_numbers(name="conditional-gan-imagenet128", labels=TOLD)
CONDITIONAL_PLACES128 = PLACES128.with_numbers(name="conditional-gan-places128", labels=TOLD)

GRID = numbers.GRID.with_numbers(name="gan-grid")
RING = numbers.RING.with_numbers(name="gan-ring")
CONDITIONAL_GRID = GRID.with_numbers(name="conditional-gan-grid", labels=TOLD)
CONDITIONAL_RING = RING.with_numbers(name="conditional-gan-ring", labels=TOLD)
