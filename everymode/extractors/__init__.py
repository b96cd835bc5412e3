"""Feature extractors: networks that map images to the features that metrics compare."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from everymode.extractors.classifiers import Classifier, train_classifier
    from everymode.extractors.extraction import extract
    from everymode.extractors.extractor import Activations, Extractor
    from everymode.extractors.finding import find_extractor
    from everymode.extractors.learned_perceptual import Lpips, lpips
    from everymode.extractors.lite0_stages import Lite0Stages, lite0_perceptual
    from everymode.extractors.palettes import Palette, palette
    from everymode.extractors.perceptual_distances import PerceptualNetwork, perceptual_network
    from everymode.extractors.pixels import quantized, with_channels
    from everymode.extractors.resizing import BICUBIC, TENSORFLOW_BILINEAR, ResizeRule, resize_images
    from everymode.extractors.segmenters import (
        FittedSegmenter,
        SegmenterFacts,
        fit_segmenter,
        segmenter_facts,
    )
    from everymode.extractors.vgg import Vgg19, vgg19

__all__ = [
    "BICUBIC",
    "TENSORFLOW_BILINEAR",
    "Activations",
    "Classifier",
    "Extractor",
    "FittedSegmenter",
    "Lite0Stages",
    "Lpips",
    "Palette",
    "PerceptualNetwork",
    "ResizeRule",
    "SegmenterFacts",
    "Vgg19",
    "extract",
    "find_extractor",
    "fit_segmenter",
    "lite0_perceptual",
    "lpips",
    "palette",
    "perceptual_network",
    "quantized",
    "resize_images",
    "segmenter_facts",
    "train_classifier",
    "vgg19",
    "with_channels",
]

_HOME = {
    "Activations": "extractor",
    "BICUBIC": "resizing",
    "Classifier": "classifiers",
    "Extractor": "extractor",
    "Lite0Stages": "lite0_stages",
    "Lpips": "learned_perceptual",
    "FittedSegmenter": "segmenters",
    "Palette": "palettes",
    "PerceptualNetwork": "perceptual_distances",
    "ResizeRule": "resizing",
    "SegmenterFacts": "segmenters",
    "TENSORFLOW_BILINEAR": "resizing",
    "Vgg19": "vgg",
    "extract": "extraction",
    "find_extractor": "finding",
    "lite0_perceptual": "lite0_stages",
    "fit_segmenter": "segmenters",
    "lpips": "learned_perceptual",
    "perceptual_network": "perceptual_distances",
    "palette": "palettes",
    "quantized": "pixels",
    "resize_images": "resizing",
    "segmenter_facts": "segmenters",
    "train_classifier": "classifiers",
    "vgg19": "vgg",
    "with_channels": "pixels",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
