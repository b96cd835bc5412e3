"""Objective of R3GAN: relativistic loss of pairs with R1 and R2, which converges without tricks. On BigGAN's networks.

Paper: Huang, Gokaslan, Kuleshov, Tompkin: The GAN is dead; long live the GAN! A Modern GAN Baseline, NeurIPS
2024; released as brownvc/R3GAN:R3GAN/Trainer.py. Loss: softplus(-(D(x) - D(G(z)))), real i against fake i of the
same label, plus gamma / 2 times the squared gradient norms at both.

The paper's networks (grouped inverted bottlenecks without normalization) are not here: this is the objective on
BigGAN's residual networks with projection, the discriminator without any normalization, the generator with batch
and spectral normalization. So expect other results than the paper's. From the released CIFAR-10 preset: gamma 0.05
at the start and a tenth of it at the end (linearly here, over 20 million images there), learning rate 2e-4 (there
decreasing to 5e-5), beta1 0, beta2 0.99 (there increasing from 0.9), batch 512, latent dimension 64, mirrored
images. Its augmentation and its growing average are omitted.
Command and cost:
  everymode train r3gan-digits
      two to three minutes on two cores; measured: 97 % of 256 samples have the requested label after 300 steps
      (`--steps 300`, seed 0)
  everymode train r3gan-cifar10 --data cifar10-train.parquet
      51 million images seen by D (our choice); measured here: not yet
"""

from __future__ import annotations

from everymode.recipes import biggan, omni_gan
from everymode.recipes.biggan import NO_DECAY
from everymode.recipes.parts.given_labels import Given
from everymode.recipes.parts.norms import NoNorm
from everymode.recipes.parts.plain_losses import Relativistic
from everymode.recipes.parts.terms import Weights

OBJECTIVE = {
    "loss": Relativistic(head="projection"),
    "labels": Given(fake_labels="reused"),
    "norm": NoNorm(),
    "terms": Weights(gamma=0.05, final_gamma=0.005),
}

CIFAR10 = biggan.CIFAR10.with_numbers(
    name="r3gan-cifar10",
    **OBJECTIVE,
    mirror=True,
    latent_dim=64,
    initialization="orthogonal",
    steps=100_000,
    batch_size=512,
    discriminator_steps=1,
    beta2=0.99,
)

DIGITS = omni_gan.DIGITS.with_numbers(
    name="r3gan-digits",
    **OBJECTIVE,
    initialization="orthogonal",
    discriminator_steps=1,
    beta2=0.99,
    **NO_DECAY,
)
