"""ContraGAN: conditional generation by a contrastive loss of embeddings, which also compares images with each other.

Paper: Kang, Park: ContraGAN: Contrastive Learning for Conditional Image Generation, NeurIPS 2020. Loss: hinge, and 2C
(everymode/losses/contrastive.py) of reals for D and of fakes for G.

Hyper-parameters on CIFAR-10: POSTECH-CVLab/PyTorch-StudioGAN:src/configs/CIFAR10/ContraGAN.yaml. Difference: the
discriminator is BigGAN's, twice as wide as StudioGAN's (384 channels, not 192).
Command, cost, and expected result:
  everymode train contragan-digits
      two to three minutes on two cores; measured (seed 0): after 300 steps (`--steps 300`) D classifies 80 % of the
      held-out digits correctly, but the requested label of samples is no more frequent than by chance (11 %). Longer
      training does not help: after 500 steps with `--temperature 0.2 --initialization orthogonal` D has 97 %, and G's
      2C has decreased from 2.07 to 0.15, but no sample of 1,000 has its label. The likely reason: 2C is small if the
      samples of a label are close together and far from others, even if labels and digits are permuted; compared with
      the attraction to close samples of the same label, that to the proxy is negligible, more so at low temperatures.
      Use another recipe if the classes matter
  everymode train contragan-cifar10 --data cifar10-train.parquet
      32 million images seen by D; StudioGAN's table: FID 6.01, IS 9.78 (its own protocol), with an intra-class FID of
      119.63 (BigGAN: 14.29), so the classes are permuted there too (2C compares an image only with the proxy of its
      own class); measured here: not yet
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from everymode.recipes import omni_gan, reacgan
from everymode.recipes.reacgan import EmbeddingLoss

if TYPE_CHECKING:
    from everymode.losses.contrastive import EmbeddingCost


@dataclass(frozen=True, kw_only=True)
class Contrastive(EmbeddingLoss):
    """Hinge loss, and conditional contrastive loss of embeddings (2C)."""

    called: ClassVar[str] = "2C"

    def cost(self) -> EmbeddingCost:
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
