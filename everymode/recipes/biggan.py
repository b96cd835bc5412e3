"""BigGAN with a projection discriminator and the hinge loss: the baseline of Omni-GAN's tables.

Paper: Brock, Donahue, Simonyan: Large Scale GAN Training for High Fidelity Natural Image Synthesis, ICLR 2019; numbers
as PeterouZh/Omni-GAN-PyTorch runs it on CIFAR.
Command: everymode train biggan-cifar10 --data cifar10-train.parquet
Cost: 195,000 generator steps with four discriminator steps each: 500 passes over the data.
Expected: FID 7.27, IS 9.19, and a collapse late in training (Omni-GAN, Table 1, no weight decay; TensorFlow Inception,
50,000 images). Measured here: not yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from everymode.recipes.backbone import BigGANBackbone

if TYPE_CHECKING:
    from everymode.data.facts import DataFacts
    from everymode.game import Game


@dataclass(frozen=True, kw_only=True)
class BigGAN(BigGANBackbone):
    """Projection discriminator, hinge loss, spectral normalization in both networks."""

    def for_data(self, facts: DataFacts) -> BigGAN:
        """Raises ValueError for data of which some images have no label: projection needs one."""
        if facts.num_unlabelled:
            raise ValueError(
                f"{facts.num_unlabelled:,} of {facts.num_images:,} images of {facts.name} have no label, and "
                f"{self.name} needs one for each: label them, take them out, or choose omni-gan, which "
                "passes over their class"
            )
        fitted = super().for_data(facts)
        assert isinstance(fitted, BigGAN)
        return fitted

    def build(self) -> Game:
        from functools import partial

        from everymode.game import Game, Objective
        from everymode.losses.adversarial import hinge
        from everymode.networks.heads import ProjectionHead

        generator, discriminator = self.networks(partial(ProjectionHead, num_classes=self.num_classes))
        return Game(generator, discriminator, self.given_labels(), Objective(hinge()))


CIFAR10 = BigGAN(
    name="biggan-cifar10",
    resolution=32,
    num_classes=10,
    width=64,
    latent_dim=128,
    steps=195_000,
    batch_size=32,
    discriminator_steps=4,
    ema_start=1000,
)
