"""GANs on points in the plane: the rings and grids of Gaussians on which missing modes can be counted.

Papers: Lin et al., PacGAN (NeurIPS 2018) set the benchmark; networks and numbers are those of Liu et al., Diverse Image
Generation via Self-Conditioned GANs (CVPR 2020), released as stevliu/self-conditioned-gan:2d_mix (learning rate 1e-4,
where the paper prints 1e-3).
Command: everymode train gan-grid        everymode train conditional-gan-grid
Cost: 40 ms a step on one core; 8,000 steps in about five minutes. Expected: the unconditional GAN misses modes of the
grid, the conditional one, which is told the mode, does not. Measured here: not yet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from everymode.recipe import Recipe

if TYPE_CHECKING:
    from everymode.data.facts import DataFacts
    from everymode.game import Game


@dataclass(frozen=True, kw_only=True)
class PointGAN(Recipe):
    """Fully connected generator and maxout discriminator, non-saturating logistic loss."""

    takes_points: ClassVar[bool] = True

    conditional: bool = False
    """Whether the generator is told the mode, and the discriminator judges by it."""
    discriminator_width: int = 200
    """Units in each layer of the discriminator (five pieces each)."""

    def check(self) -> None:
        super().check()
        if self.augmentation:
            raise ValueError(
                f"augmentation {self.augmentation!r} changes pixels, and {self.name or 'this recipe'} draws points: "
                "leave it empty, or choose a recipe for images"
            )

    def needs_labels(self) -> bool:
        return self.conditional

    def for_data(self, facts: DataFacts) -> PointGAN:
        """Raises ValueError for images, and for points without a label where the generator is told the mode."""
        if facts.image_shape != (2,):
            raise ValueError(
                f"{facts.name} holds images, and {self.name} draws points: choose another recipe, or ring or grid"
            )
        if self.conditional and facts.num_unlabelled and facts.num_classes:
            raise ValueError(
                f"{facts.num_unlabelled:,} of {facts.num_images:,} points of {facts.name} have no label, and "
                f"{self.name} needs one for each: leave labelled_fraction at 1, or choose gan-grid"
            )
        fitted = super().for_data(facts)
        assert isinstance(fitted, PointGAN)
        return fitted

    def shrunk(self) -> PointGAN:
        smaller = replace(super().shrunk(), discriminator_width=8, num_classes=3)
        assert isinstance(smaller, PointGAN)
        return smaller

    def build(self) -> Game:
        from functools import partial

        from everymode.game import Game, Objective
        from everymode.labels.given import GivenLabels, NoLabels
        from everymode.losses.adversarial import logistic
        from everymode.networks.heads import ScalarHead, SelectHead
        from everymode.networks.mlp import PointDiscriminator, PointGenerator

        if self.conditional and self.num_classes < 1:
            raise ValueError(
                f"{self.name} conditions on labels, and the data has none: choose another recipe, such as gan-grid"
            )
        classes = self.num_classes if self.conditional else None
        generator = PointGenerator(num_classes=classes, latent_dim=self.latent_dim, width=self.width)
        head = partial(SelectHead, num_classes=self.num_classes) if self.conditional else ScalarHead
        discriminator = PointDiscriminator(head=head, width=self.discriminator_width)
        labels = GivenLabels(self.num_classes, reuse=True) if self.conditional else NoLabels()
        return Game(generator, discriminator, labels, Objective(logistic()))


GRID = PointGAN(
    name="gan-grid",
    data="grid",
    channels=2,
    num_classes=25,
    width=400,
    latent_dim=2,
    steps=8000,
    batch_size=100,
    generator_lr=1e-4,
    discriminator_lr=1e-4,
    beta1=0.8,
    ema_decay=0.999,
    tick=200,
    snapshot=1000,
)

CONDITIONAL_GRID = replace(GRID, name="conditional-gan-grid", conditional=True)

RING = replace(GRID, name="gan-ring", data="ring", num_classes=8)
