"""Self-Conditioned GAN: a class-conditional GAN whose classes are clusters of the discriminator's own features.

Paper: Liu, Wang, Bau, Zhu, Torralba: Diverse Image Generation via Self-Conditioned GANs, CVPR 2020; numbers as
released in stevliu/self-conditioned-gan (learning rate of the points 1e-4, where the paper prints 1e-3), but for its
noise of up to one grey level on real images.
Command, cost, and result to expect:
  everymode train self-conditioned-digits
      a few minutes on two cores; no label is used
  everymode train self-conditioned-grid        (or -ring)
      the paper's table 1: 25.0 (8.0) modes, 99.5 (99.5) % of high quality, reverse KL 0.006 (0.001); measured here:
      docs/results/mode_coverage.md
  everymode train self-conditioned-stacked-digits --data stacked:t10k-images-idx3-ubyte.gz
      table 2: 1,000 modes, reverse KL 0.08 (base 10); measured here, small and short: docs/results/stacked_digits.md
  everymode train self-conditioned-cifar10 --data cifar10-train.parquet
      400 passes over the data: FID 18.03, IS 7.72 (table 2); measured here, far too short for a FID:
      docs/results/self_conditioned_images.md
  torchrun --nproc-per-node 8 -m everymode train self-conditioned-imagenet128 --data imagenet/train      (-places128)
      200,000 steps: FID 40.30 (9.56), IS 15.82 (8.94) (table 4); measured here: not yet
  everymode train self-conditioned-64 --data photos
      your own images, in one flat folder
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from everymode.recipes import benchmark_numbers as numbers
from everymode.recipes.cluster_numbers import ClusterNumbers
from everymode.recipes.residual_networks import ResidualNetworks
from everymode.recipes.small_gan import DeepNetworks, PointNetworks, ShallowNetworks, SmallGAN

if TYPE_CHECKING:
    from everymode.game import Game


@dataclass(frozen=True, kw_only=True)
class SelfConditioned(ClusterNumbers, SmallGAN):
    """The cluster is a unit vector beside z, and picks one of D's outputs."""

    def build(self) -> Game:
        generator, discriminator = self.networks(self.number_of_clusters)
        labels = self.cluster_labels(discriminator, self.example())
        return self.game((generator, discriminator), labels)


@dataclass(frozen=True, kw_only=True)
class SelfConditionedPoints(SelfConditioned, PointNetworks):
    """Points in the plane."""


@dataclass(frozen=True, kw_only=True)
class SelfConditionedShallow(SelfConditioned, ShallowNetworks):
    """Stacked digits."""


@dataclass(frozen=True, kw_only=True)
class SelfConditionedDeep(SelfConditioned, DeepNetworks):
    """Photographs."""


@dataclass(frozen=True, kw_only=True)
class SelfConditionedResidual(SelfConditioned, ResidualNetworks):
    """Photographs at 128 pixels, with R1."""


GRID = SelfConditionedPoints(
    **numbers.GRID,
    name="self-conditioned-grid",
    clusters=numbers.POINT_LABELS,
    cluster_images=10_000,
    refresh_every=1000,  # released: 5,000 of 100,000 steps
)

RING = replace(GRID, **numbers.OF_RING, name="self-conditioned-ring")

STACKED_DIGITS = SelfConditionedShallow(
    **numbers.STACKED_DIGITS,
    name="self-conditioned-stacked-digits",
    clusters=numbers.IMAGE_LABELS,
    refresh_every=25_000,
)

CIFAR10 = SelfConditionedDeep(
    **numbers.CIFAR10,
    name="self-conditioned-cifar10",
    clusters=numbers.IMAGE_LABELS,
    refresh_every=25_000,
)

IMAGENET128 = SelfConditionedResidual(
    **numbers.IMAGENET128,
    name="self-conditioned-imagenet128",
    r1_weight=0.1,
    clusters=numbers.IMAGE_LABELS,
    cluster_images=50_000,
    refresh_every=75_000,
)

PLACES128 = replace(IMAGENET128, name="self-conditioned-places128")

IMAGES32 = SelfConditionedDeep(
    **numbers.OWN_IMAGES, name="self-conditioned-32", clusters=0, refresh_every=5000
)

IMAGES64 = replace(IMAGES32, name="self-conditioned-64", resolution=64, r1_weight=0.1)

IMAGES128 = replace(IMAGES64, name="self-conditioned-128", resolution=128)

DIGITS = SelfConditionedDeep(
    **numbers.DIGITS,
    name="self-conditioned-digits",
    clusters=numbers.DIGIT_LABELS,
    refresh_every=250,
)
