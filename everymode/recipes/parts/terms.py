"""Additional terms of the losses, each with its weight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from everymode.numbers import names_of
from everymode.part import Terms

if TYPE_CHECKING:
    from everymode.game import Weighted
    from everymode.recipe import Recipe

    Both = tuple[tuple[Weighted, ...], tuple[Weighted, ...]]


@dataclass(frozen=True, kw_only=True)
class Weights(Terms):
    """Gradient penalties, LeCam, consistency regularization and feature matching; a weight of 0 turns a term off."""

    r1_weight: float = 0.0
    """Weight of R1, the squared gradient norm of D at real images (half of a published gamma); 0 = off."""
    r2_weight: float = 0.0
    """Weight of R2, the squared gradient norm of D at generated images; 0 = off."""
    gamma: float = 0.0
    """Twice the weight of R1 and R2 at the first step (the gamma of R3GAN), linear to final_gamma; 0 = off."""
    final_gamma: float | None = None
    """Gamma at the last step; auto = a tenth of gamma."""
    penalty_weight: float = 0.0
    """Weight of WGAN-GP's penalty on gradient norms other than 1 (published: 10); 0 = off."""
    lecam_weight: float = 0.0
    """Weight of LeCam regularization (published on CIFAR: 0.3); 0 = off."""
    consistency_weight: float = 0.0
    """Weight of consistency under small shifts of real images (CR; published: 10); 0 = off."""
    fake_consistency_weight: float = 0.0
    """Weight of consistency under small shifts of generated images; bCR uses both; 0 = off."""
    matching_weight: float = 0.0
    """Weight of feature matching in the generator's loss; 0 = off."""

    def check(self) -> None:
        self.require_at_least_0(*(name for name in names_of(self) if name.endswith("_weight")))
        if not all(0 <= gamma < math.inf for gamma in (self.gamma, self.final_gamma or 0.0)):
            raise ValueError(
                f"gamma and final_gamma must be at least 0 and finite, not {self.gamma} and {self.final_gamma}"
            )
        if self.gamma and (self.r1_weight or self.r2_weight):
            raise ValueError(
                "gamma already sets the weights of R1 and R2 (gamma / 2): set r1_weight and r2_weight to 0, or gamma"
            )

    def check_in(self, recipe: Recipe) -> None:
        if recipe.accumulation > 1 and self.matching_weight:
            raise ValueError(
                "matching_weight compares means over the whole batch, which accumulation divides into micro-batches: "
                "set accumulation to 1, or matching_weight to 0"
            )

    @property
    def takes_gradients(self) -> bool:
        return any((self.r1_weight, self.r2_weight, self.gamma, self.penalty_weight))

    @property
    def needs_zero(self) -> str:
        return "lecam_weight" if self.lecam_weight else ""

    @property
    def moves_pixels(self) -> str:
        nonzero = (name for name in ("consistency_weight", "fake_consistency_weight") if getattr(self, name))
        return next(nonzero, "")

    def notes(self, recipe: Recipe) -> list[str]:
        notes = []
        if self.final_gamma is not None and not self.gamma:
            notes.append(f"final_gamma {self.final_gamma} has no effect: gamma is 0")
        in_batches = any(part and part.normalizes_batches for part in (recipe.networks, recipe.norm))
        if self.takes_gradients and in_batches:
            notes.append(
                "the discriminator has batch normalization, so the gradient at an image depends on the rest of its "
                "batch: gradient penalties were published for discriminators without"
            )
        return notes

    def build(self, recipe: Recipe) -> Both:
        from everymode.augment.diffaug import diff_augment, translation
        from everymode.game import Weighted
        from everymode.losses.consistency import balanced_consistency
        from everymode.losses.lecam import LeCam
        from everymode.losses.matching import feature_matching
        from everymode.losses.penalties import r1, r2, wgan_gp
        from everymode.training.schedules import linear

        terms = []
        if self.gamma:
            final = self.gamma / 10 if self.final_gamma is None else self.final_gamma
            weight = linear(self.gamma / 2, final / 2, over=recipe.steps)
            terms += [Weighted("r1", r1(), weight), Weighted("r2", r2(), weight)]
        if self.r1_weight:
            terms.append(Weighted("r1", r1(), self.r1_weight))
        if self.r2_weight:
            terms.append(Weighted("r2", r2(), self.r2_weight))
        if self.penalty_weight:
            terms.append(Weighted("gradient_penalty", wgan_gp(), self.penalty_weight))
        if self.lecam_weight:
            terms.append(Weighted("lecam", LeCam(), self.lecam_weight))
        if self.fake_consistency_weight or self.consistency_weight:
            term = balanced_consistency(
                diff_augment(translation),
                real_factor=self.consistency_weight,
                fake_factor=self.fake_consistency_weight,
            )
            terms.append(Weighted("consistency", term))
        matching = (Weighted("feature_matching", feature_matching(), self.matching_weight),)
        return tuple(terms), matching if self.matching_weight else ()
