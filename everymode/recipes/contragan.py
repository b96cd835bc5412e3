"""ContraGAN: conditional generation by a contrastive loss over embeddings, which compares images with images too.

Paper: Kang, Park: ContraGAN: Contrastive Learning for Conditional Image Generation, NeurIPS 2020. Loss: hinge, and 2C
(everymode/losses/contrastive.py) on reals in D's move and on fakes in G's.

Numbers on CIFAR-10: POSTECH-CVLab/PyTorch-StudioGAN:src/configs/CIFAR10/ContraGAN.yaml. Departure: the
discriminator is BigGAN's, twice as wide as StudioGAN's (384 channels, not 192).

Command, cost, and result to expect:
  everymode train contragan-digits
      two to three minutes on two cores; measured: after 300 steps (`--steps 300`, seed 0) D tells 80 % of held-out
      digits, but samples have the label they were asked for no more often than by chance (11 %)
  everymode train contragan-cifar10 --data cifar10-train.parquet
      32 million images shown to D; StudioGAN's table: FID 6.01, IS 9.78 (its own protocol), with an intra-class FID of
      119.63 (BigGAN: 14.29), so its classes are mixed up there too (2C compares an image with its own class's proxy
      and with no other's); measured here: not yet
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from everymode.recipes import omni_gan, reacgan
from everymode.recipes.backbone import BigGANBackbone, numbers_of

if TYPE_CHECKING:
    from everymode.game import Game


@dataclass(frozen=True, kw_only=True)
class ContraGAN(BigGANBackbone):
    """One score per image, and an embedding that the 2C loss sorts by class."""

    embedding_dim: int = 512
    """Length of the embedding."""
    class_weight: float = 1.0
    """Weight of the 2C loss in both moves."""
    temperature: float = 1.0
    """Temperature of the 2C loss."""

    def check(self) -> None:
        super().check()
        if self.embedding_dim < 1 or self.temperature <= 0:
            raise ValueError(
                f"embedding_dim must be at least 1 and temperature above 0, not {self.embedding_dim} and "
                f"{self.temperature}"
            )

    def build(self) -> Game:
        from functools import partial

        from everymode.game import Objective, Weighted
        from everymode.losses.adversarial import hinge
        from everymode.losses.contrastive import (
            conditional_contrastive_loss,
            embeddings_of_fakes,
            embeddings_of_reals,
        )
        from everymode.networks.embedding_head import EmbeddingHead

        cost = partial(conditional_contrastive_loss, temperature=self.temperature)
        objective = Objective(
            hinge(),
            (Weighted("classes", embeddings_of_reals(cost), self.class_weight),),
            (Weighted("classes", embeddings_of_fakes(cost), self.class_weight),),
        )
        classes = self.require_classes(2)
        head = partial(EmbeddingHead, num_classes=classes, embedding_dim=self.embedding_dim)
        return self.game(objective, head)


CIFAR10 = ContraGAN(
    **numbers_of(
        reacgan.CIFAR10,
        name="contragan-cifar10",
        batch_size=64,
        generator_lr=2e-4,
        discriminator_lr=2e-4,
    )
)

DIGITS = ContraGAN(**numbers_of(omni_gan.DIGITS, name="contragan-digits"), embedding_dim=64)
