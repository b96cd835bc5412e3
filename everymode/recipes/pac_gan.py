"""PacGAN: the discriminator scores packs of examples, in which it can detect a lack of diversity.

Paper: Lin, Khetan, Fanti, Oh: PacGAN: The power of two samples in generative adversarial networks (NeurIPS 2018);
networks and hyper-parameters: Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020). There the
batch is divided into packs, so D has a half, a third or a quarter as many inputs; fjxmlzn/PacGAN has as many packs as
other methods have examples, and so more examples, which `packs` selects (there the examples of a pack come from
separate passes over the data; here all are of one batch, without repetition). Batch sizes of pac-gan3 are the next
smaller multiples of 3.
Command and expected result:
  everymode train pac-gan2-grid        (-ring, -digits; pac-gan3, pac-gan4)
      table 1, grid: 23.8 (24.6, 24.8) modes; measured here: docs/results/mode_coverage.md
  everymode train pac-gan2-stacked-digits
      table 2, on stacked MNIST: 1,000 modes; measured here, small and short: docs/results/stacked_digits.md
  everymode train pac-gan2-cifar10 --data cifar10-train.parquet
      table 2: FID 27.97 (32.55, 34.16), IS 7.12 (6.77, 6.77); measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train pac-gan2-imagenet128 --data imagenet/train
      table 4: FID 57.51 (66.97), IS 13.50 (12.34); measured here: not yet
"""

from __future__ import annotations

from everymode.recipes import benchmark_numbers as numbers

PAC2_RING = numbers.RING.with_numbers(name="pac-gan2-ring", pack=2)
PAC3_RING = PAC2_RING.with_numbers(name="pac-gan3-ring", pack=3, batch_size=99)
PAC4_RING = PAC2_RING.with_numbers(name="pac-gan4-ring", pack=4)

PAC2_GRID = numbers.GRID.with_numbers(name="pac-gan2-grid", pack=2)
PAC3_GRID = PAC2_GRID.with_numbers(name="pac-gan3-grid", pack=3, batch_size=99)
PAC4_GRID = PAC2_GRID.with_numbers(name="pac-gan4-grid", pack=4)

PAC2_DIGITS = numbers.DIGITS.with_numbers(name="pac-gan2-digits", pack=2)
PAC3_DIGITS = PAC2_DIGITS.with_numbers(name="pac-gan3-digits", pack=3, batch_size=63)
PAC4_DIGITS = PAC2_DIGITS.with_numbers(name="pac-gan4-digits", pack=4)

PAC2_STACKED_DIGITS = numbers.STACKED_DIGITS.with_numbers(name="pac-gan2-stacked-digits", pack=2)
PAC3_STACKED_DIGITS = PAC2_STACKED_DIGITS.with_numbers(name="pac-gan3-stacked-digits", pack=3, batch_size=63)
PAC4_STACKED_DIGITS = PAC2_STACKED_DIGITS.with_numbers(name="pac-gan4-stacked-digits", pack=4)

PAC2_CIFAR10 = numbers.CIFAR10.with_numbers(name="pac-gan2-cifar10", pack=2)
PAC3_CIFAR10 = PAC2_CIFAR10.with_numbers(name="pac-gan3-cifar10", pack=3, batch_size=63)
PAC4_CIFAR10 = PAC2_CIFAR10.with_numbers(name="pac-gan4-cifar10", pack=4)

PAC2_IMAGENET128 = numbers.IMAGENET128.with_numbers(name="pac-gan2-imagenet128", pack=2)
PAC3_IMAGENET128 = PAC2_IMAGENET128.with_numbers(name="pac-gan3-imagenet128", pack=3, batch_size=126)
PAC2_PLACES128 = PAC2_IMAGENET128.with_numbers(name="pac-gan2-places128")
PAC3_PLACES128 = PAC3_IMAGENET128.with_numbers(name="pac-gan3-places128")
