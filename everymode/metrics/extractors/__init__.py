"""Feature extractors: networks that turn images into the numbers that metrics compare."""

from __future__ import annotations

from everymode.metrics.extractors.extractor import Activations, Extractor
from everymode.metrics.extractors.pixels import quantized, with_channels
from everymode.metrics.extractors.resizing import BICUBIC, TENSORFLOW_BILINEAR, ResizeRule, resize_images

__all__ = [
    "BICUBIC",
    "TENSORFLOW_BILINEAR",
    "Activations",
    "Extractor",
    "ResizeRule",
    "quantized",
    "resize_images",
    "with_channels",
]
