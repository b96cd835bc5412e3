"""R3GAN's objective: relativistic pairs with R1 and R2, which needs no tricks to converge. On BigGAN's networks.

Paper: Huang, Gokaslan, Kuleshov, Tompkin: The GAN is dead; long live the GAN! A Modern GAN Baseline, NeurIPS
2024; released as brownvc/R3GAN:R3GAN/Trainer.py. Loss: softplus(-(D(x) - D(G(z)))), real i against fake i of the
same label, plus gamma / 2 times the squared gradient norms at both.

The paper's networks (grouped inverted bottlenecks without normalization) are not here: this is the objective on
BigGAN's residual networks with projection, the discriminator without any normalization, the generator with batch
and spectral normalization. So the paper's results are not to be expected. From the released CIFAR-10 preset:
gamma 0.05 at the start and a tenth of it at the end (linearly here, over 20 million images there), learning rate
2e-4 (which falls to 5e-5 there), beta1 0, beta2 0.99 (which rises from 0.9 there), batch 512, 64 latent numbers,
mirrored images. Its augmentation and its growing average are left out.

Command and cost:
  everymode train r3gan-digits
      two to three minutes on two cores; measured: of 256 samples 97 % have the label they were asked for after 300
      steps (`--steps 300`, seed 0)
  everymode train r3gan-cifar10 --data cifar10-train.parquet
      51 million images shown to D (our choice); measured here: not yet
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from everymode.augmentation_names import ADAPTIVE, parse_augmentation
from everymode.recipes import omni_gan
from everymode.recipes.backbone import numbers_of
from everymode.recipes.biggan import BigGAN

if TYPE_CHECKING:
    from everymode.game import Game, LabelSource


@dataclass(frozen=True, kw_only=True)
class R3GAN(BigGAN):
    """Relativistic pairs, R1 and R2, and a discriminator without normalization."""

    gamma: float = 0.05
    """Twice the weight of R1 and of R2 (so it is published), at the first step."""
    final_gamma: float = 0.005
    """The same at the last step; between them it falls linearly."""

    def check(self) -> None:
        super().check()
        if min(self.gamma, self.final_gamma) < 0:
            raise ValueError(f"gamma can't be negative, here {self.gamma} and at the end {self.final_gamma}")
        if self.r1_weight:
            raise ValueError(
                "R3GAN has R1 already: its weight is gamma / 2, so set gamma, and r1_weight to 0"
            )
        if self.lecam_weight or ADAPTIVE in parse_augmentation(self.augmentation):
            raise ValueError(
                "R3GAN compares reals with fakes, so its scores have no zero of their own, and LeCam and ada go by it: "
                "set lecam_weight to 0, and choose augmentation among color, translation and cutout"
            )

    def build(self) -> Game:
        from functools import partial

        from everymode.game import Objective, Weighted
        from everymode.losses.adversarial import relativistic
        from everymode.losses.penalties import r1, r2
        from everymode.networks.heads import ProjectionHead
        from everymode.norms.weight import remove_normalization
        from everymode.schedules import linear

        weight = linear(self.gamma / 2, self.final_gamma / 2, over=self.steps)
        terms = (Weighted("r1", r1(), weight), Weighted("r2", r2(), weight))
        game = self.game(
            Objective(relativistic(), terms),
            partial(ProjectionHead, num_classes=self.require_classes(1)),
        )
        remove_normalization(game.discriminator, keep_normalized=False)
        return game

    def given_labels(self) -> LabelSource:
        """Fakes take the reals' labels, so that both of a pair have the same one."""
        from everymode.labels.given import GivenLabels

        counts = self.class_counts if self.fake_labels == "data" else None
        return GivenLabels(self.num_classes, counts, reuse=True)


CIFAR10 = R3GAN(
    name="r3gan-cifar10",
    resolution=32,
    mirror=True,
    num_classes=10,
    width=64,
    latent_dim=64,
    initialization="orthogonal",
    steps=100_000,
    batch_size=512,
    beta2=0.99,
    ema_start=1000,
)

DIGITS = R3GAN(
    **numbers_of(
        omni_gan.DIGITS,
        name="r3gan-digits",
        initialization="orthogonal",
        discriminator_steps=1,
        generator_weight_decay=0.0,
        discriminator_weight_decay=0.0,
        beta2=0.99,
    )
)
