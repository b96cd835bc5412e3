"""How much weight decay a classification loss needs: the fewer images a class, the more (Omni-GAN, section F.5)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from everymode.recipes.backbone import BigGANBackbone

if TYPE_CHECKING:
    from everymode.data.facts import DataFacts


@dataclass(frozen=True, kw_only=True)
class DecayByImages(BigGANBackbone):
    """D's weight decay on a user's images follows the number of labelled images per class."""

    discriminator_weight_decay: float | None = None
    """Weight decay of all discriminator parameters; left out, it follows the number of images per class."""

    def for_data(self, facts: DataFacts) -> DecayByImages:
        fitted = super().for_data(facts)
        assert isinstance(fitted, DecayByImages)
        if fitted.discriminator_weight_decay is None and facts.num_classes:
            blocks = len(fitted.block_sizes)  # of several, the mean number of images and classes counts
            decay = weight_decay_for(sum(fitted.class_counts) // blocks, sum(fitted.block_sizes) / blocks)
            fitted = replace(fitted, discriminator_weight_decay=decay)
        return fitted

    def notes(self) -> list[str]:
        if not self.num_classes or self.discriminator_weight_decay is None:
            return super().notes()
        per_class = sum(self.class_counts) / sum(self.block_sizes)
        return [
            *super().notes(),
            f"{per_class:,.0f} labelled images per class: discriminator weight decay "
            f"{self.discriminator_weight_decay:.2g} (fewer images, more decay: Omni-GAN, section F.5); "
            f"generator weight decay {self.generator_weight_decay:.2g}",
        ]


def weight_decay_for(num_images: int, num_classes: float) -> float:
    """The discriminator's weight decay for so many labelled images, from the three cases that the paper tuned (F.5).

    Between 500 and 5,000 images per class the logarithm is interpolated, outside it is held (nothing is known there);
    a million images in all or more take ImageNet's value.
    """
    if num_images >= 1_000_000:
        return 1e-5
    per_class = min(max(num_images / num_classes, 500), 5000)
    share = math.log(per_class / 500) / math.log(10)
    return float(f"{5e-4 * (1e-4 / 5e-4) ** share:.3g}")
