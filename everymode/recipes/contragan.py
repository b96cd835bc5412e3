"""ContraGAN: conditional generation by a contrastive loss over embeddings, which compares images with images too.

Paper: Kang, Park: ContraGAN: Contrastive Learning for Conditional Image Generation, NeurIPS 2020. Loss: hinge, and 2C
(everymode/losses/contrastive.py) on reals in D's move and on fakes in G's.

Numbers on CIFAR-10: POSTECH-CVLab/PyTorch-StudioGAN:src/configs/CIFAR10/ContraGAN.yaml. Departure: the
discriminator is BigGAN's, twice as wide as StudioGAN's (384 channels, not 192).

Command, cost, and result to expect:
  everymode train contragan-digits
      two to three minutes on two cores; measured (seed 0): after 300 steps (`--steps 300`) D tells 80 % of held-out
      digits, but samples have the label they were asked for no more often than by chance (11 %). It is not a matter of
      length: after 500 steps with `--temperature 0.2 --initialization orthogonal` D tells 97 % and G's own 2C is down
      from 2.07 to 0.15, while no sample of 1,000 has its label. The likely reason: 2C is small wherever the samples of
      a label lie close together and apart from those of others, even if each label stands for another's digit; the
      pull toward the proxy fades beside that of close samples of the same label, the more so the lower the
      temperature. For classes in their places take another recipe
  everymode train contragan-cifar10 --data cifar10-train.parquet
      32 million images shown to D; StudioGAN's table: FID 6.01, IS 9.78 (its own protocol), with an intra-class FID of
      119.63 (BigGAN: 14.29), so its classes are mixed up there too (2C compares an image with its own class's proxy
      and with no other's); measured here: not yet
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from everymode.recipes import omni_gan, reacgan
from everymode.recipes.reacgan import EmbeddingLoss

if TYPE_CHECKING:
    from everymode.losses.contrastive import EmbeddingCost


@dataclass(frozen=True, kw_only=True)
class Contrastive(EmbeddingLoss):
    """Embeddings sorted by the 2C loss."""

    called: ClassVar[str] = "2C"

    def cost(self) -> EmbeddingCost:
        from functools import partial

        from everymode.losses.contrastive import conditional_contrastive_loss

        return partial(conditional_contrastive_loss, temperature=self.temperature)


CIFAR10 = reacgan.CIFAR10.with_numbers(
    name="contragan-cifar10",
    loss=Contrastive(),
    batch_size=64,
    generator_lr=2e-4,
    discriminator_lr=2e-4,
)

DIGITS = omni_gan.DIGITS.with_numbers(name="contragan-digits", loss=Contrastive(embedding_dim=64))
