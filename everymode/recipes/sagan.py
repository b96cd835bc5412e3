"""SAGAN: self-attention, projection and hinge loss; the baseline of Multi-hinge GAN.

Papers: Zhang et al., Self-Attention Generative Adversarial Networks (ICML 2019); hyper-parameters of Kavalerov et al.,
cGANs with Multi-Hinge Loss (WACV 2021), section 3, and `ilyakava/gan`: spectral normalization of all layers of both
networks, Glorot initialization, attention at 32 pixels, no moving average. BigGAN's networks have the same blocks and,
from 64 pixels on, the same widths. On digits they are those of omni-gan-digits, with weight decay. Difference: the
epsilon of batch normalization is 1e-5, not TensorFlow's 1e-3.
Command and expected result (50,000 images):
  everymode train sagan-digits
      two minutes on two cores
  everymode train sagan-64 --data photos
      your own images, one folder per class
  torchrun --nproc-per-node 8 -m everymode train sagan-imagenet64 --data imagenet/train
      1 million steps of 1,024 images; paper IS 19.60, FID 15.49; measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train sagan-imagenet128 --data imagenet/train
      paper IS 52.79, FID 16.39 (after 580,000 steps 47.79 and 17.10); measured here: not yet
"""

from __future__ import annotations

from everymode.recipes import biggan, omni_gan
from everymode.recipes.parts.plain_losses import PROJECTION

GLOROT = {"initialization": "glorot", "normalize_embeddings": True}

IMAGENET128 = biggan.CIFAR10.with_numbers(
    name="sagan-imagenet128",
    resolution=128,
    num_classes=1000,
    generator_attention=32,
    discriminator_attention=32,
    steps=1_000_000,
    batch_size=1024,
    discriminator_steps=1,
    generator_lr=1e-4,
    discriminator_lr=4e-4,
    ema_decay=0.0,
    ema_start=0,
    **GLOROT,
)

IMAGENET64 = IMAGENET128.with_numbers(name="sagan-imagenet64", resolution=64)

CIFAR10 = IMAGENET128.with_numbers(
    name="sagan-cifar10",
    resolution=32,
    num_classes=10,
    tapered=True,
    generator_attention=0,
    discriminator_attention=0,
    batch_size=64,
)

# Your own images: initialization and attention of the paper, no weight decay, steps and batch as others of this size.
IMAGES32 = biggan.IMAGES32.with_numbers(
    name="sagan-32", generator_lr=1e-4, discriminator_lr=4e-4, discriminator_steps=1, **GLOROT
)

IMAGES64 = IMAGES32.with_numbers(
    name="sagan-64", resolution=64, width=32, generator_attention=32, discriminator_attention=32
)

DIGITS = omni_gan.DIGITS.with_numbers(
    name="sagan-digits",
    loss=PROJECTION,
    generator_attention=8,
    discriminator_attention=8,
    **GLOROT,
)
