"""Self-conditioning on BigGAN's networks with several losses: clusters of D's features are the classes.

Not published: Self-Conditioned GAN (Liu et al., CVPR 2020) states that its clusters can replace the labels of any
conditional GAN. Here they do for projection with the hinge loss (BigGAN), for the omni-loss (Omni-GAN) and for the
multi-hinge loss (Multi-hinge GAN).
Command: everymode train self-conditioned-biggan-digits        (or self-conditioned-omni-digits, or
self-conditioned-multi-hinge-digits)
Cost: two minutes on two cores. Measured here, at half the length: docs/results/clustered_losses.md (projection is best;
the networks of Self-Conditioned GAN are as good at half the cost)
"""

from __future__ import annotations

from everymode.recipes import benchmark_numbers as numbers
from everymode.recipes import biggan
from everymode.recipes.multi_hinge_gan import MultiHinge
from everymode.recipes.omni_gan import Omni
from everymode.recipes.self_conditioned import Clusters

DIGITS = biggan.DIGITS.with_numbers(
    name="self-conditioned-biggan-digits",
    labels=Clusters(clusters=numbers.DIGIT_LABELS, refresh_every=250),
    num_classes=0,
    beta1=0.5,
    initialization="orthogonal",
)
OMNI_DIGITS = DIGITS.with_numbers(name="self-conditioned-omni-digits", loss=Omni())
MULTI_HINGE_DIGITS = DIGITS.with_numbers(name="self-conditioned-multi-hinge-digits", loss=MultiHinge())
