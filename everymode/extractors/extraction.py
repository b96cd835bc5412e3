"""Extraction of features from a stream of images: fixed batches, full precision, and checked network outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from everymode.extractors.extractor import Activations, Extractor
from everymode.extractors.pixels import with_channels
from everymode.extractors.precision import full_float32
from everymode.extractors.resizing import resize_images
from everymode.machine.device import checked_device

__all__ = ["Features", "extract", "extract_batches", "image_batches"]

NETWORK_BATCH = 64


class Features(NamedTuple):
    """Features of N images, in their order.

    Attributes:
        features: layer -> float32 [N, D], on the CPU.
        logits: float32 [N, K] if the extractor is a classifier, otherwise None.
    """

    features: dict[str, Tensor]
    logits: Tensor | None

    def __len__(self) -> int:
        return len(next(iter(self.features.values())))

    @property
    def probabilities(self) -> Tensor:
        """Class probabilities, float64 [N, K].

        Raises:
            ValueError: if the extractor is not a classifier.
        """
        if self.logits is None:
            raise ValueError(
                "these features have no class probabilities; use an extractor that is a classifier, such as lite0"
            )
        return self.logits.double().softmax(1)


def image_batches(images: Tensor | np.ndarray | Any, batch_size: int = NETWORK_BATCH) -> Iterator[Tensor]:
    """Yield uint8 images [N, C, H, W] (tensor, array, memory map or rows of a dataset) in batches, in their order."""
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size]
        yield batch if isinstance(batch, Tensor) else torch.from_numpy(np.array(batch))


def extract(
    extractor: Extractor,
    batches: Iterable[Tensor | np.ndarray],
    *,
    device: torch.device | str = "cpu",
    layers: Iterable[str] | None = None,
    batch_size: int = NETWORK_BATCH,
    progress: Callable[[int], None] | None = None,
) -> Features:
    """Extract the features of all images into memory: 5 kB per image for lite0's default layer.

    The stream is cut again into batches of `batch_size` images, so its own batches don't matter. Another `batch_size`
    changes features only by rounding (for lite0 at most 1e-4 of the largest).

    Args:
        extractor: an extractor of `find_extractor`, or a custom one.
        batches: batches of images, uint8 [n, C, H, W] with 1, 3 or 4 channels; all images have one shape.
        device: device of the network, which is moved there and stays there.
        layers: layers to extract. Default: the extractor's default layer.
        batch_size: images per forward pass.
        progress: called with the number of processed images after each pass.

    Returns:
        Features of all images, on the CPU.
    Raises:
        ValueError: if there are no images, images have another type or several shapes, a layer is unknown, or the
            outputs are not finite or don't have the shapes that the extractor declares.
    """
    extracted = list(
        extract_batches(
            extractor, batches, device=device, layers=layers, batch_size=batch_size, progress=progress
        )
    )
    if not extracted:
        raise ValueError("there are no images to extract features from; the stream of batches was empty")
    features = {
        layer: torch.cat([batch.features[layer] for batch in extracted]) for layer in extracted[0].features
    }
    logits = [batch.logits for batch in extracted if batch.logits is not None]
    return Features(features, torch.cat(logits) if logits else None)


def extract_batches(
    extractor: Extractor,
    batches: Iterable[Tensor | np.ndarray],
    *,
    device: torch.device | str = "cpu",
    layers: Iterable[str] | None = None,
    batch_size: int = NETWORK_BATCH,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Features]:
    """Yield the features of `extract` batch by batch, for statistics that don't need all of them at once."""
    requested = tuple(layers) if layers is not None else (extractor.default_layer,)
    for layer in requested:
        if layer not in extractor.layers:
            raise ValueError(
                f"the extractor {extractor.name} has no layer {layer!r}; "
                f"choose from {', '.join(extractor.layers)}"
            )
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
    device = checked_device(device)
    if isinstance(extractor.network, nn.Module):
        extractor.network.to(device).eval()
    done = 0
    for images in _rebatched(batches, batch_size):
        with full_float32(device):
            pixels = with_channels(images.to(device), extractor.channels)
            resized = resize_images(pixels, extractor.input_size, extractor.resize)
            activations = extractor.network(resized.contiguous(memory_format=torch.channels_last))
        yield _checked(extractor, activations, requested, len(images), done)
        done += len(images)
        if progress is not None:
            progress(done)


def _rebatched(batches: Iterable[Tensor | np.ndarray], batch_size: int) -> Iterator[Tensor]:
    """Yield the images in batches of `batch_size`; the last one may be smaller."""
    waiting: list[Tensor] = []
    count, shape = 0, None
    for batch in batches:
        images = torch.from_numpy(np.array(batch)) if isinstance(batch, np.ndarray) else batch
        if images.ndim != 4 or images.dtype != torch.uint8:
            raise ValueError(
                f"a batch is {images.dtype} {list(images.shape)}; give uint8 [n, C, H, W] "
                f"(`quantized` converts floats in [-1, 1] to uint8)"
            )
        shape = shape or images.shape[1:]
        if images.shape[1:] != shape:
            raise ValueError(
                f"images of {list(images.shape[1:])} follow images of {list(shape)}; one evaluation needs one shape"
            )
        waiting.append(images)
        count += len(images)
        if count >= batch_size:
            joined = torch.cat(waiting) if len(waiting) > 1 else images
            end = count - count % batch_size
            yield from joined[:end].split(batch_size)
            waiting, count = ([joined[end:]], count - end) if end < count else ([], 0)
    if count:
        yield torch.cat(waiting)


def _checked(
    extractor: Extractor, activations: Activations, layers: tuple[str, ...], count: int, done: int
) -> Features:
    """Return the activations of `count` images after `done` others as features, after checking them."""
    features = {}
    for layer in layers:
        values = activations.features.get(layer)
        width = extractor.layers[layer]
        if values is None or tuple(values.shape) != (count, width):
            shape = None if values is None else list(values.shape)
            raise ValueError(
                f"the extractor {extractor.name} declares layer {layer} as [{count}, {width}] but returns {shape}"
            )
        features[layer] = values.float().cpu()
        finite = torch.isfinite(features[layer]).all(1)
        if not bool(finite.all()):
            first = done + int((~finite).nonzero()[0])
            raise ValueError(
                f"the extractor {extractor.name} returns NaN or infinity in layer {layer}, first for image {first}"
            )
    if extractor.num_classes is None:
        return Features(features, None)
    logits = activations.logits
    if logits is None or tuple(logits.shape) != (count, extractor.num_classes):
        shape = None if logits is None else list(logits.shape)
        raise ValueError(
            f"the extractor {extractor.name} declares logits [{count}, {extractor.num_classes}] but returns {shape}"
        )
    return Features(features, logits.float().cpu())
