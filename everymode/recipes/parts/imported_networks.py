"""Networks of imported weights (`everymode import`): BigGAN's generator with any widths and without a weight rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from everymode.part import NetworkNeeds
from everymode.recipes.parts.biggan_networks import BigGAN

if TYPE_CHECKING:
    from everymode.networks.biggan import BigGANGenerator
    from everymode.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class ImportedBigGAN(BigGAN):
    """BigGAN whose generator has the numbers of imported weights, which are divided by their singular values."""

    widths: tuple[int, ...] = ()
    """Channels of the generator's first features and of each block's output; empty = as BigGAN, from width."""
    attention_sizes: tuple[int, ...] = ()
    """Shorter sides of the features after which the generator has self-attention; replaces generator_attention."""
    norm_epsilon: float = 1e-5
    """Epsilon of the generator's batch normalization."""

    def check(self) -> None:
        super().check()
        if self.widths and (len(self.widths) < 2 or min(self.widths) < 1):
            raise ValueError(
                f"widths are at least two numbers of channels, each at least 1, not {self.widths}"
            )
        if self.widths and self.doublings not in (None, len(self.widths) - 1):
            raise ValueError(
                f"doublings is {self.doublings}, but {len(self.widths)} widths are those of {len(self.widths) - 1} "
                "blocks: omit doublings"
            )
        if self.generator_attention:
            raise ValueError("generator_attention has no effect here: set attention_sizes")
        if not self.norm_epsilon > 0:
            raise ValueError(f"norm_epsilon must be above 0, not {self.norm_epsilon}")

    def shrunk(self, recipe: Recipe) -> Recipe:
        small = replace(self, widths=(), attention_sizes=(), doublings=None)
        return super(ImportedBigGAN, small).shrunk(replace(recipe, networks=small))

    def _plain_generator(self, needs: NetworkNeeds) -> BigGANGenerator:
        from everymode.networks import biggan

        return biggan.BigGANGenerator(
            needs.size,
            widths=self.widths or biggan.generator_widths(needs.size, self.width, doublings=self.doublings),
            num_classes=needs.num_labels,
            latent_dim=self.latent_dim,
            channels=needs.channels,
            shared_dim=None if needs.num_labels is None else self.shared_dim or None,
            hierarchical=self.hierarchical,
            attention=self.attention_sizes,
            fused=self.fused_resampling,
            norm_epsilon=self.norm_epsilon,
        )

    def _normalize(self, generator: BigGANGenerator, needs: NetworkNeeds) -> None:
        """Leave the generator's weights as they are."""
