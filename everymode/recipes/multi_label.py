"""Omni-GAN on images with several labels: one positive class score per label, in addition to "real" or "fake".

Paper: Zhou, Xie, Ni, Geng, Tian: Omni-GAN: On the Secrets of cGANs and Beyond, ICCV 2021, appendix E (everymode/losses/
omni.py): scores are in blocks, such as class (10) | domain (2) | reality (2). The paper only shows pictures (Figure 13)
of MNIST and SVHN. Generator: BigGAN with an embedding table per block, whose embeddings are added (the paper does not
specify how its generator takes two labels). The released loss supports several labels; the mixed data is unreleased.

All recipes of Omni-GAN support such data; these two include data.
Command, cost in images seen by D, and expected result:
  everymode train omni-gan-shapes
      5 shapes, 6 colors, 3 sizes; 256,000 images, 11 minutes on one core in bf16: a small classifier finds the
      requested color in all of 1,000 samples, the size in 91.7 %, the shape in 58.4 % (chance: 20 %; held-out images:
      100, 99.9 and 98.8 %); two samples of one combination differ 0.38 times as much as two images:
      docs/results/shapes.md
  everymode train omni-gan-two-domains
      10 digits, 2 domains: scikit-learn's digits, and the same ones bold, black on white; 128,000 images, two minutes
      on two cores; a small classifier finds the requested digit in 99.8 % of 1,000 samples, the domain in all (held-out
      images: 98.4 % and all); two samples of one combination differ 0.80 times as much as two images
  everymode train omni-gan-two-domains --data two-domain-digits:mnist=PATH/train-images-idx3-ubyte.gz
      the second domain is MNIST: docs/results/shapes.md
  everymode train omni-gan-two-domains --data two-domain-digits:mnist=PATH,svhn=PATH/train_32x32.mat
      MNIST and SVHN, the paper's domains; measured here: not yet
"""

from __future__ import annotations

from everymode.recipes import omni_gan

TWO_DOMAINS = omni_gan.DIGITS.with_numbers(
    name="omni-gan-two-domains",
    data="two-domain-digits",
    held_out="two-domain-digits:held-out",
    num_classes=(10, 2),
)

SHAPES = omni_gan.DIGITS.with_numbers(
    name="omni-gan-shapes",
    data="shapes:labels=shape+color+size",
    held_out="shapes:labels=shape+color+size,samples=500,seed=1",
    mirror=True,
    channels=3,
    num_classes=(5, 6, 3),
    width=16,
    steps=4000,
    discriminator_steps=1,
    generator_lr=2e-4,
    discriminator_lr=2e-3,
    beta1=0.5,
    initialization="orthogonal",
    generator_weight_decay=0.0,
    discriminator_weight_decay=5e-4,
)
"""Shapes are learned after colors and sizes; with a higher learning rate of G, all samples of a combination of labels
are alike. docs/results/shapes.md has the measurements."""
