"""Lookup of feature extractors by name. The module also exports the other public names of extractors."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from everymode.extractors.classifiers import LabeledImages, classifier_for
from everymode.extractors.dinov2 import dinov2
from everymode.extractors.extraction import Features, extract, extract_batches, image_batches
from everymode.extractors.extractor import Activations, Extractor
from everymode.extractors.inception import inception, published_inception
from everymode.extractors.lite0 import lite0
from everymode.extractors.pixels import quantized
from everymode.extractors.random_convolutions import random_convolutions
from everymode.extractors.resizing import BICUBIC, TENSORFLOW_BILINEAR, ResizeRule, resize_images
from everymode.machine.python_files import run_python_file

__all__ = [
    "BICUBIC",
    "TENSORFLOW_BILINEAR",
    "Activations",
    "Extractor",
    "Features",
    "ResizeRule",
    "extract",
    "extract_batches",
    "find_extractor",
    "image_batches",
    "quantized",
    "resize_images",
]

NAMES = (
    "lite0, lite0:SIZE, random, random:SIZE, inception, inception:PATH, dinov2:PATH, digits, classifier:DATA, "
    "module:attribute"
)


def find_extractor(
    name: str,
    *,
    size: int = 128,
    open_data: Callable[[str], LabeledImages] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Extractor:
    """Return an extractor by name.

    Args:
        name: "lite0" or "lite0:64" (ImageNet features; needs the extra `eval`), "inception" (FID; the published file at
            $EVERYMODE_INCEPTION or in the cache folder, see `published_inception`) or "inception:PATH" (a path or an
            http address), "dinov2:PATH", "random" or "random:64" (for tests), "digits" or "classifier:DATA" (a small
            classifier, trained on labeled images when it is first used, and cached), or "package.module:attribute" or
            "file.py:attribute" (a custom `Extractor`, or a function without arguments that returns one).
        size: side of the input in pixels if the name contains none (lite0 only).
        open_data: opens the labeled images of "digits" and "classifier:DATA" by name; pass
            `everymode.data.open_images`.
        progress: called with the number of finished steps and the total while a classifier is trained.

    Raises:
        ValueError: if the name is unknown or its argument is invalid.
        FileNotFoundError: if there is no file at PATH, or the published Inception is missing.
        ModuleNotFoundError: if the weights of lite0 are not installed.
    """
    family, _, argument = name.partition(":")
    if family == "lite0":
        return lite0(_side(name, argument, size))
    if family == "random":
        return random_convolutions(_side(name, argument, 32))
    if name == "inception":
        return published_inception()
    if family in ("inception", "dinov2"):
        if not argument:
            raise ValueError(f'"{name}" needs weights: write {family}:PATH with the path of the file')
        return inception(argument) if family == "inception" else dinov2(argument)
    if name == "digits" or (family == "classifier" and argument):
        if open_data is None:
            raise ValueError(f'"{name}" needs labeled images; pass open_data=everymode.data.open_images')
        return classifier_for(argument or name, open_data, progress=progress).extractor()
    if argument and family != "classifier":
        source, _, attribute = name.rpartition(":")
        return _custom(source, attribute)
    raise ValueError(f'there is no extractor "{name}"; choose one of {NAMES}')


def _side(name: str, argument: str, size: int) -> int:
    if not argument:
        return size
    if not argument.isdecimal():
        raise ValueError(
            f'"{name}" must end in a number of pixels, such as {name.partition(":")[0]}:64, not "{argument}"'
        )
    return int(argument)


def _custom(source: str, attribute: str) -> Extractor:
    """Return the extractor that is, or is returned by, an attribute of a module or Python file."""
    module = _module_of_file(Path(source)) if source.endswith(".py") else _module_named(source)
    value: Any = module
    for name in attribute.split("."):
        if not hasattr(value, name):
            raise ValueError(
                f"{source} has no {attribute}; define an Extractor there, or a function that returns one"
            )
        value = getattr(value, name)
    if callable(value):
        value = value()
    if not isinstance(value, Extractor):
        raise ValueError(
            f"{source}:{attribute} is {type(value).__name__}; it must be an Extractor, or a function without "
            f"arguments that returns one"
        )
    return value


def _module_of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file {path} ({path.absolute()}) to load an extractor from; check the path"
        )
    return run_python_file(path, f"everymode_own_{path.stem}")


def _module_named(name: str) -> ModuleType:
    unknown = f'there is no extractor of that name, and no module "{name}"; choose one of {NAMES}'
    if not all(part.isidentifier() for part in name.split(".")):
        raise ValueError(unknown)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module exists, but one that it imports does not
        raise ValueError(unknown) from error
