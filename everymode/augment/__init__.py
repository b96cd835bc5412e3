"""Augmentation of the discriminator's inputs: DiffAug, and adaptive augmentation (ADA)."""

from everymode.augment.adaptive import AdaptiveAugmentation
from everymode.augment.choosing import find_augmentation
from everymode.augment.coloring import Coloring, brightness, contrast, hue, luma_flip, saturation
from everymode.augment.diffaug import (
    Policy,
    brighten,
    change_contrast,
    color,
    cut_out,
    cutout,
    diff_augment,
    saturate,
    translate,
    translation,
)
from everymode.augment.geometry import (
    Movement,
    flip,
    quarter_turn,
    rotation,
    scale,
    shift,
    slide,
    stretch,
    warp,
)

__all__ = [
    "AdaptiveAugmentation",
    "Coloring",
    "Movement",
    "Policy",
    "brighten",
    "brightness",
    "change_contrast",
    "color",
    "contrast",
    "cut_out",
    "cutout",
    "diff_augment",
    "find_augmentation",
    "flip",
    "hue",
    "luma_flip",
    "quarter_turn",
    "rotation",
    "saturate",
    "saturation",
    "scale",
    "shift",
    "slide",
    "stretch",
    "translate",
    "translation",
    "warp",
]
