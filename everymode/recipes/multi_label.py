"""Omni-GAN on images with several labels each: one positive class score per label, beside "real" or "fake".

Paper: Zhou, Xie, Ni, Geng, Tian: Omni-GAN: On the Secrets of cGANs and Beyond, ICCV 2021, appendix E (everymode/losses/
omni.py): scores stand in blocks, such as class (10) | domain (2) | reality (2). The paper shows pictures only (Figure
13), of MNIST and SVHN. Generator: BigGAN, whose label tables are sums of one table per block (the paper does not say
how its generator takes two labels). The released loss takes several positive labels; the mixed data were not released.

Any recipe of Omni-GAN takes such data; these two bring data with them.

Command, cost in images shown to D, and result to expect:
  everymode train omni-gan-shapes
      5 shapes, 6 colors, 3 sizes; 256,000 images, 11 minutes of one core in bf16: of 1,000 samples a small classifier
      finds the asked color in all, the size in 91.7 %, the shape in 58.4 % (chance: 20 %; of held-out images 100, 99.9
      and 98.8 %); two samples of one combination differ 0.38 times as much as two images: docs/results/shapes.md
  everymode train omni-gan-two-domains
      10 digits, 2 domains: scikit-learn's, and the same ones bold, black on white; 128,000 images, two minutes on two
      cores; of 1,000 samples a small classifier finds the asked digit in 99.8 % and the asked domain in all (of
      held-out images 98.4 % and all); two samples of one combination differ 0.80 times as much as two images
  everymode train omni-gan-two-domains --data two-domain-digits:mnist=PATH/train-images-idx3-ubyte.gz
      the second domain is MNIST: docs/results/shapes.md
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
    lr_decay=0.3,
)
"""Shapes are learned late, after colors and sizes; a faster generator draws one image for each combination of labels:
docs/results/shapes.md says what helped."""
