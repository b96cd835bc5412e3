"""Feature extractors: networks that map images to the features that metrics compare."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from everymode.extractors.classifiers import Classifier, train_classifier
    from everymode.extractors.extraction import extract
    from everymode.extractors.extractor import Activations, Extractor
    from everymode.extractors.finding import find_extractor
    from everymode.extractors.lite0_stages import Lite0Stages, lite0_perceptual
    from everymode.extractors.pixels import quantized, with_channels
    from everymode.extractors.resizing import BICUBIC, TENSORFLOW_BILINEAR, ResizeRule, resize_images

__all__ = [
    "BICUBIC",
    "TENSORFLOW_BILINEAR",
    "Activations",
    "Classifier",
    "Extractor",
    "Lite0Stages",
    "ResizeRule",
    "extract",
    "find_extractor",
    "lite0_perceptual",
    "quantized",
    "resize_images",
    "train_classifier",
    "with_channels",
]

_HOME = {
    "Activations": "extractor",
    "BICUBIC": "resizing",
    "Classifier": "classifiers",
    "Extractor": "extractor",
    "Lite0Stages": "lite0_stages",
    "ResizeRule": "resizing",
    "TENSORFLOW_BILINEAR": "resizing",
    "extract": "extraction",
    "find_extractor": "finding",
    "lite0_perceptual": "lite0_stages",
    "quantized": "pixels",
    "resize_images": "resizing",
    "train_classifier": "classifiers",
    "with_channels": "pixels",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
