"""PacGAN: the discriminator judges packs of examples, in which a lack of variety shows.

Paper: Lin, Khetan, Fanti, Oh: PacGAN: The power of two samples in generative adversarial networks (NeurIPS 2018);
numbers and networks of Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020). There packs are cut
from the batch, so that D judges a half, a third or a quarter as many; in fjxmlzn/PacGAN there are as many packs as
other methods have examples, and so more examples: `packs` asks for that (there each place in a pack is drawn anew, in a
pass of its own; here all come in one batch, none twice). Three does not divide the batches of the others: pac-gan3 has
the next smaller one.
Command, and result to expect:
  everymode train pac-gan2-grid        (-ring, -digits; pac-gan3, pac-gan4)
      table 1, grid: 23.8 (24.6, 24.8) modes; measured here: docs/results/mode_coverage.md
  everymode train pac-gan2-stacked-digits
      table 2, on stacked MNIST: 1,000 modes; measured here, small and short: docs/results/stacked_digits.md
  everymode train pac-gan2-cifar10 --data cifar10-train.parquet
      table 2: FID 27.97 (32.55, 34.16), IS 7.12 (6.77, 6.77); measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train pac-gan2-imagenet128 --data imagenet/train
      table 4: FID 57.51 (66.97), IS 13.50 (12.34); measured here: not yet
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from everymode.recipes import benchmark_numbers as numbers
from everymode.recipes.residual_networks import ResidualNetworks
from everymode.recipes.small_gan import DeepNetworks, PointNetworks, ShallowNetworks, SmallGAN

if TYPE_CHECKING:
    from everymode.data.facts import DataFacts
    from everymode.game import Game


@dataclass(frozen=True, kw_only=True)
class PacGAN(SmallGAN):
    """The unconditional GAN with a discriminator of packs."""

    pack: int = 2
    """Examples that the discriminator judges together."""
    packs: int = 0
    """Packs that the discriminator judges at once, so that the batch has pack times as many examples; 0 = as many as
    the batch gives."""

    def check(self) -> None:
        super().check()
        if self.pack < 1 or self.packs < 0:
            raise ValueError(
                f"pack must be at least 1, and packs 0 or more, not {self.pack} and {self.packs}"
            )
        counted = self.packs * self.pack or self.batch_size
        rows = counted // self.accumulation
        if rows % self.pack or counted % self.accumulation:
            parts = f" in {self.accumulation} parts" if self.accumulation > 1 else ""
            step = self.pack * self.accumulation
            below, above = counted // step * step, -(-counted // step) * step
            raise ValueError(
                f"a batch of {counted}{parts} can't be cut into packs of {self.pack}: choose a batch size such as "
                f"{below or above} or {above}"
            )

    def for_data(self, facts: DataFacts) -> PacGAN:
        fitted = super().for_data(facts)
        assert isinstance(fitted, PacGAN)
        return replace(fitted, batch_size=self.packs * self.pack) if self.packs else fitted

    def shrunk(self) -> PacGAN:
        smaller = super(PacGAN, replace(self, pack=1, packs=0)).shrunk()
        assert isinstance(smaller, PacGAN)
        return replace(smaller, pack=self.pack, batch_size=4 * self.pack)

    def build(self) -> Game:
        from everymode.labels.given import NoLabels
        from everymode.networks.packing import PackedDiscriminator

        generator, discriminator = self.networks(None, pack=self.pack)
        return self.game((generator, PackedDiscriminator(discriminator, self.pack)), NoLabels())


@dataclass(frozen=True, kw_only=True)
class PacPoints(PacGAN, PointNetworks):
    """Points in the plane."""


@dataclass(frozen=True, kw_only=True)
class PacShallow(PacGAN, ShallowNetworks):
    """Stacked digits."""


@dataclass(frozen=True, kw_only=True)
class PacDeep(PacGAN, DeepNetworks):
    """Photographs."""


@dataclass(frozen=True, kw_only=True)
class PacResidual(PacGAN, ResidualNetworks):
    """Photographs at 128 pixels."""


PAC2_RING = PacPoints(**numbers.RING, name="pac-gan2-ring")
PAC3_RING = replace(PAC2_RING, name="pac-gan3-ring", pack=3, batch_size=99)
PAC4_RING = replace(PAC2_RING, name="pac-gan4-ring", pack=4)

PAC2_GRID = PacPoints(**numbers.GRID, name="pac-gan2-grid")
PAC3_GRID = replace(PAC2_GRID, name="pac-gan3-grid", pack=3, batch_size=99)
PAC4_GRID = replace(PAC2_GRID, name="pac-gan4-grid", pack=4)

PAC2_DIGITS = PacDeep(**numbers.DIGITS, name="pac-gan2-digits")
PAC3_DIGITS = replace(PAC2_DIGITS, name="pac-gan3-digits", pack=3, batch_size=63)
PAC4_DIGITS = replace(PAC2_DIGITS, name="pac-gan4-digits", pack=4)

PAC2_STACKED_DIGITS = PacShallow(**numbers.STACKED_DIGITS, name="pac-gan2-stacked-digits")
PAC3_STACKED_DIGITS = replace(PAC2_STACKED_DIGITS, name="pac-gan3-stacked-digits", pack=3, batch_size=63)
PAC4_STACKED_DIGITS = replace(PAC2_STACKED_DIGITS, name="pac-gan4-stacked-digits", pack=4)

PAC2_CIFAR10 = PacDeep(**numbers.CIFAR10, name="pac-gan2-cifar10")
PAC3_CIFAR10 = replace(PAC2_CIFAR10, name="pac-gan3-cifar10", pack=3, batch_size=63)
PAC4_CIFAR10 = replace(PAC2_CIFAR10, name="pac-gan4-cifar10", pack=4)

PAC2_IMAGENET128 = PacResidual(
    **numbers.IMAGENET128, name="pac-gan2-imagenet128", r1_weight=numbers.R1_WEIGHT
)
PAC3_IMAGENET128 = replace(PAC2_IMAGENET128, name="pac-gan3-imagenet128", pack=3, batch_size=126)
PAC2_PLACES128 = replace(PAC2_IMAGENET128, name="pac-gan2-places128")
PAC3_PLACES128 = replace(PAC3_IMAGENET128, name="pac-gan3-places128")
