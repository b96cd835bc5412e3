"""Self-Conditioned GAN: a class-conditional GAN whose classes are clusters of the discriminator's own features.

Paper: Liu, Wang, Bau, Zhu, Torralba: Diverse Image Generation via Self-Conditioned GANs, CVPR 2020; numbers as
released in stevliu/self-conditioned-gan (learning rate of the points 1e-4, where the paper prints 1e-3).
Command, cost, and result to expect:
  everymode train self-conditioned-digits
      a few minutes on two cores; no label is used
  everymode train self-conditioned-grid        (or -ring)
      the paper's table 1: 25.0 (8.0) modes, 99.5 (99.5) % of high quality, reverse KL 0.006 (0.001); measured here:
      docs/results/mode_coverage.md
  everymode train self-conditioned-stacked-mnist --data t10k-images-idx3-ubyte.gz
      table 2: 1,000 modes, reverse KL 0.08 (base 10); measured here: docs/results/stacked_digits.md
  everymode train self-conditioned-cifar10 --data cifar10-train.parquet
      400 passes over the data: FID 18.03, IS 7.72 (table 2); measured here: not yet
  everymode train self-conditioned-64 --data photos
      your own images, in one flat folder
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from everymode.recipes.cluster_numbers import ClusterNumbers
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


GRID = SelfConditionedPoints(
    name="self-conditioned-grid",
    data="grid",
    channels=2,
    width=400,
    latent_dim=2,
    steps=8000,
    batch_size=100,
    reuse_fakes=True,
    generator_lr=1e-4,
    discriminator_lr=1e-4,
    beta1=0.8,
    clusters=50,
    cluster_images=10_000,
    refresh_every=5000,
    ema_decay=0.999,
    tick=200,
    snapshot=1000,
)

RING = replace(GRID, name="self-conditioned-ring", data="ring")

STACKED_DIGITS = SelfConditionedShallow(
    name="self-conditioned-stacked-digits",
    data="stacked-digits",
    resolution=32,
    width=64,
    latent_dim=128,
    steps=78_000,
    batch_size=64,
    reuse_fakes=True,
    generator_lr=1e-4,
    discriminator_lr=1e-4,
    beta2=0.99,
    clusters=100,
    refresh_every=25_000,
    ema_decay=0.0,
)

CIFAR10 = SelfConditionedDeep(
    name="self-conditioned-cifar10",
    resolution=32,
    mirror=True,
    width=64,
    latent_dim=128,
    steps=312_000,
    batch_size=64,
    reuse_fakes=True,
    generator_lr=1e-4,
    discriminator_lr=1e-4,
    beta2=0.99,
    clusters=100,
    refresh_every=25_000,
    ema_decay=0.0,
)

IMAGES32 = replace(
    CIFAR10,
    name="self-conditioned-32",
    steps=100_000,
    clusters=0,
    refresh_every=5000,
    ema_decay=0.999,
    ema_start=1000,
    tick=50,
)

IMAGES64 = replace(IMAGES32, name="self-conditioned-64", resolution=64, r1_weight=0.1)

IMAGES128 = replace(IMAGES64, name="self-conditioned-128", resolution=128)

DIGITS = replace(
    IMAGES32,
    name="self-conditioned-digits",
    data="digits:train",
    held_out="digits:held-out",
    mirror=False,
    resolution=16,
    channels=1,
    width=16,
    latent_dim=64,
    steps=2000,
    generator_lr=5e-4,
    discriminator_lr=5e-4,
    refresh_every=250,
    clusters=25,
    lr_decay=0.3,
    ema_decay=0.99,
    ema_start=50,
    tick=50,
    snapshot=250,
)
