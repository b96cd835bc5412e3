"""Hyper-parameters that all methods share on each dataset of the mode-coverage benchmarks; only the method differs.

Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), as released in stevliu/self-conditioned-gan.
For points, the release has learning rates of 1e-4 (paper: 1e-3), beta1 0.8, 100,000 steps (400,000), no learning rate
decay and no moving average. Here they are chosen for 4,000 steps: with a discriminator that learns faster than the
generator, and no momentum, modes are less narrow than with equal rates. Once all modes are covered, the generator
settles: its batch normalization is in eval mode, because the noise of batches of 100 widens the samples that D scores,
so that the generator drew modes of 0.6 of their width; and its learning rate is reduced, which widens them further. The
decay ends their oscillation. `experiments.mode_coverage` has the other hyper-parameters as presets.
"""

from __future__ import annotations

from everymode.recipe import Recipe
from everymode.recipes.parts.given_labels import NoLabels
from everymode.recipes.parts.norms import NoNorm
from everymode.recipes.parts.plain_losses import Logistic
from everymode.recipes.parts.small_networks import DeepDCGAN, PointNetworks, ShallowDCGAN, StabilityResNet
from everymode.recipes.parts.terms import Weights

GRID = Recipe(
    networks=PointNetworks(),
    loss=Logistic(),
    labels=NoLabels(),
    norm=NoNorm(),
    terms=Weights(),
    data="grid",
    channels=2,
    steps=4000,
    batch_size=100,
    reuse_fakes=True,
    generator_lr=1e-4,
    discriminator_lr=1e-3,
    beta1=0.0,
    lr_decay=0.75,
    settling=0.75,
    settling_lr=0.2,
    ema_decay=0.99,
    tick=200,
)
OF_RING = {"data": "ring", "settling_lr": 0.17}
"""Differences on the ring, whose modes are a fifth as wide."""
RING = GRID.with_numbers(**OF_RING)

CIFAR10 = Recipe(
    networks=DeepDCGAN(width=64, latent_dim=128),
    loss=Logistic(),
    labels=NoLabels(),
    norm=NoNorm(),
    terms=Weights(),
    resolution=32,
    mirror=True,
    steps=312_000,
    batch_size=64,
    reuse_fakes=True,
    generator_lr=1e-4,
    discriminator_lr=1e-4,
    beta2=0.99,
    ema_decay=0.0,
)

STACKED_DIGITS = CIFAR10.with_numbers(
    networks=ShallowDCGAN(width=64, latent_dim=128), data="stacked-digits", mirror=False, steps=78_000
)

DIGITS = CIFAR10.with_numbers(
    data="digits:train",
    held_out="digits:held-out",
    resolution=16,
    mirror=False,
    channels=1,
    width=16,
    latent_dim=64,
    steps=2000,
    generator_lr=5e-4,
    discriminator_lr=5e-4,
    beta1=0.5,
    initialization="orthogonal",
    lr_decay=0.3,
    ema_decay=0.99,
    ema_start=50,
    tick=50,
    snapshot=250,
)

OWN_IMAGES = CIFAR10.with_numbers(
    steps=100_000, ema_decay=0.999, ema_start=1000, initialization="orthogonal", tick=50, augmentation=None
)
"""Your own images at 32 pixels (our choice): shorter, and with a moving average."""

IMAGENET128 = CIFAR10.with_numbers(
    networks=StabilityResNet(width=64, latent_dim=256),
    terms=Weights(r1_weight=10.0),
    resolution=128,
    steps=200_000,
    batch_size=128,
    ema_decay=0.999,
)
"""ImageNet and Places365 at 128 pixels: 1.2 and 1.8 million images. All methods have this weight of R1 except
Self-Conditioned GAN, which needs less (reg_param in the code, without a factor 1/2)."""

POINT_LABELS = 50
"""Number of clusters, random labels or generators for points."""
IMAGE_LABELS = 100
"""Number of clusters or random labels of images."""
DIGIT_LABELS = 25
"""Number of clusters or random labels of the bundled digits, of which there are few."""
