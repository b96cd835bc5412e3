"""Unconditional GANs on standard networks without normalization: the base of recipes that compare normalizations.

Networks and hyper-parameters of Kligvasser and Michaeli, Sparsity Aware Normalization for GANs (AAAI 2021), Tables 4 to
6 and section 4.1. These recipes are the paper's "vanilla" GAN, with hinge loss and a critic without normalization;
another norm is one part: `replace(CNN_CIFAR10, norm=Spectral())`.
Command, cost, and expected result:
  everymode train unnormalized-gan-cnn-digits
      one minute on one core; measured: docs/results/normalization.md
  everymode train unnormalized-gan-cnn-cifar10 --data cifar10-train.parquet
      200 epochs; the paper only has curves (figures 6, 14 to 17); measured here: not yet
"""

from __future__ import annotations

from everymode.recipe import Recipe
from everymode.recipes.parts.given_labels import NoLabels
from everymode.recipes.parts.norms import NoNorm
from everymode.recipes.parts.plain_losses import Hinge
from everymode.recipes.parts.standard_networks import Standard
from everymode.recipes.parts.terms import Weights

# 200 epochs of 50,000 images; no moving average of the generator in the paper.
CNN_CIFAR10 = Recipe(
    name="unnormalized-gan-cnn-cifar10",
    networks=Standard(width=64, latent_dim=128),
    loss=Hinge(),
    labels=NoLabels(),
    norm=NoNorm(),
    terms=Weights(),
    resolution=32,
    steps=156_250,
    batch_size=64,
    beta1=0.5,
    beta2=0.9,
    ema_decay=0.0,
)
RESNET_CIFAR10 = CNN_CIFAR10.with_numbers(name="unnormalized-gan-resnet-cifar10", residual=True)

# 200 epochs of the 100,000 unlabeled images.
CNN_STL10 = CNN_CIFAR10.with_numbers(name="unnormalized-gan-cnn-stl10", resolution=48, steps=312_500)
RESNET_STL10 = CNN_STL10.with_numbers(name="unnormalized-gan-resnet-stl10", residual=True)

CNN_IMAGES32 = CNN_CIFAR10.with_numbers(
    name="unnormalized-gan-cnn-32",
    mirror=True,
    steps=100_000,
    ema_decay=0.999,
    ema_start=1000,
    tick=50,
    augmentation=None,
)
RESNET_IMAGES32 = CNN_IMAGES32.with_numbers(name="unnormalized-gan-resnet-32", residual=True)

CNN_DIGITS = CNN_CIFAR10.with_numbers(
    name="unnormalized-gan-cnn-digits",
    data="digits:train",
    held_out="digits:held-out",
    resolution=16,
    channels=1,
    width=8,
    latent_dim=64,
    steps=1500,
    generator_lr=8e-4,
    discriminator_lr=8e-4,
    ema_decay=0.99,
    ema_start=50,
    tick=50,
    snapshot=500,
)
RESNET_DIGITS = CNN_DIGITS.with_numbers(name="unnormalized-gan-resnet-digits", residual=True)
