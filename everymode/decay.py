"""How much weight decay a discriminator needs: the fewer images a class, the more (Omni-GAN, section F.5)."""

from __future__ import annotations

import math


def weight_decay_for(num_images: float, num_classes: float) -> float:
    """The discriminator's weight decay for so many labelled images, from the three cases that the paper tuned (F.5).

    Between 500 and 5,000 images per class the logarithm is interpolated, outside it is held (nothing is known there);
    a million images in all or more take ImageNet's value.
    """
    if num_images >= 1_000_000:
        return 1e-5
    per_class = min(max(num_images / num_classes, 500), 5000)
    share = math.log(per_class / 500) / math.log(10)
    return float(f"{5e-4 * (1e-4 / 5e-4) ** share:.3g}")
