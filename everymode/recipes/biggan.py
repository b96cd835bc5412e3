"""BigGAN with a projection discriminator and the hinge loss: the baseline of Omni-GAN.

Paper: Brock, Donahue, Simonyan: Large Scale GAN Training for High Fidelity Natural Image Synthesis, ICLR 2019;
hyper-parameters on CIFAR: PeterouZh/Omni-GAN-PyTorch; on digits those of omni-gan-digits, including the weight decay of
both networks, so that only the loss differs. On ImageNet: the released code's 8 micro-batches of 256 images
(ajbrock/BigGAN-PyTorch, bs256x8), the code that trained the baseline of Omni-GAN's paper, which does not print its
batch; at 128 pixels also its 150,000 steps, 240 epochs of images shown to D. Guesses, at 256 pixels: the same batch,
and 75,000 steps of two discriminator updates, which are 240 epochs again.
Command, cost, and expected result (TensorFlow Inception, 50,000 images):
  everymode train biggan-digits
      two minutes on two cores
  everymode train biggan-cifar10 --data cifar10-train.parquet        (the same for cifar100)
      195,000 generator steps with four discriminator steps each: 500 epochs; Omni-GAN's Table 1 without weight decay:
      FID 7.27, IS 9.19, and a collapse late in training; measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train biggan-imagenet128 --data imagenet/train
      307 million images; Omni-GAN's Table 2: FID 9.19, IS 104.57; measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train biggan-imagenet256 --data imagenet/train
      307 million images; Omni-GAN's Table 2: FID 9.95, IS 187.60; measured here: not yet
  everymode train biggan-64 --data photos
      your own images, one folder per class
"""

from __future__ import annotations

from everymode.recipes import omni_gan
from everymode.recipes.parts.plain_losses import PROJECTION

NO_DECAY = {"generator_weight_decay": 0.0, "discriminator_weight_decay": 0.0}

CIFAR10 = omni_gan.CIFAR10.with_numbers(
    name="biggan-cifar10",
    loss=PROJECTION,
    steps=195_000,
    discriminator_steps=4,
    ema_start=1000,
    **NO_DECAY,
)
CIFAR100 = CIFAR10.with_numbers(name="biggan-cifar100", num_classes=100, label_column="fine_label")
IMAGENET128 = omni_gan.IMAGENET128.with_numbers(
    name="biggan-imagenet128",
    loss=PROJECTION,
    steps=150_000,
    batch_size=2048,
    accumulation=8,
    **NO_DECAY,
)
IMAGENET256 = omni_gan.IMAGENET256.with_numbers(
    name="biggan-imagenet256",
    loss=PROJECTION,
    steps=75_000,
    batch_size=2048,
    accumulation=8,
    **NO_DECAY,
)
DIGITS = omni_gan.DIGITS.with_numbers(name="biggan-digits", loss=PROJECTION)
IMAGES32 = omni_gan.IMAGES32.with_numbers(name="biggan-32", loss=PROJECTION, **NO_DECAY)
IMAGES64 = omni_gan.IMAGES64.with_numbers(name="biggan-64", loss=PROJECTION, **NO_DECAY)
IMAGES128 = omni_gan.IMAGES128.with_numbers(name="biggan-128", loss=PROJECTION, **NO_DECAY)
