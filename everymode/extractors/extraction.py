"""From a stream of images to their features: fixed passes, full precision, and checks of what the network says."""

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

__all__ = ["Features", "extract", "extract_batches", "image_batches"]

NETWORK_BATCH = 64


class Features(NamedTuple):
    """Features of N images, in their order.

    Attributes:
        features: layer -> [N, D] float32, on the CPU.
        logits: [N, K] float32 where the extractor classifies, else None.
    """

    features: dict[str, Tensor]
    logits: Tensor | None

    def __len__(self) -> int:
        return len(next(iter(self.features.values())))

    @property
    def probabilities(self) -> Tensor:
        """[N, K] float64 class probabilities.

        Raises:
            ValueError: the extractor does not classify.
        """
        if self.logits is None:
            raise ValueError(
                "these features have no class probabilities; use an extractor that classifies, such as lite0"
            )
        return self.logits.double().softmax(1)


def image_batches(images: Tensor | np.ndarray | Any, batch_size: int = NETWORK_BATCH) -> Iterator[Tensor]:
    """uint8 images [N, C, H, W] (tensor, array, memory map, rows of a data set) in pieces, in their order."""
    for start in range(0, len(images), batch_size):
        piece = images[start : start + batch_size]
        yield piece if isinstance(piece, Tensor) else torch.from_numpy(np.array(piece))


def extract(
    extractor: Extractor,
    batches: Iterable[Tensor | np.ndarray],
    *,
    device: torch.device | str = "cpu",
    layers: Iterable[str] | None = None,
    batch_size: int = NETWORK_BATCH,
    progress: Callable[[int], None] | None = None,
) -> Features:
    """Features of all images, held in memory: 5 kB per image for lite0's default layer.

    The network always sees `batch_size` images at once, cut afresh from the stream, so how the stream was cut changes
    nothing at all; another `batch_size` changes features by rounding (at most 1e-4 of their largest, for lite0).

    Args:
        extractor: from `find_extractor`, or your own.
        batches: uint8 [n, C, H, W] each, with 1, 3 or 4 channels, all images of one shape.
        device: where the network runs; it is moved there and stays.
        layers: to be kept; by default the extractor's default layer alone.
        batch_size: images per pass.
        progress: called with the number of images done, after each pass.

    Raises:
        ValueError: no images, images of another kind or of several shapes, an unknown layer, features that are
            not finite or not as the extractor announces them.
    """
    kept = list(
        extract_batches(
            extractor, batches, device=device, layers=layers, batch_size=batch_size, progress=progress
        )
    )
    if not kept:
        raise ValueError("there are no images to extract features from; the stream of batches was empty")
    features = {layer: torch.cat([part.features[layer] for part in kept]) for layer in kept[0].features}
    logits = [part.logits for part in kept if part.logits is not None]
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
    """As `extract`, one pass at a time, for statistics that need not keep the features."""
    wanted = tuple(layers) if layers is not None else (extractor.default_layer,)
    for layer in wanted:
        if layer not in extractor.layers:
            raise ValueError(
                f"the extractor {extractor.name} has no layer {layer!r}; "
                f"choose from {', '.join(extractor.layers)}"
            )
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
    device = torch.device(device)
    if isinstance(extractor.network, nn.Module):
        extractor.network.to(device).eval()
    done = 0
    for images in _cut_afresh(batches, batch_size):
        with full_float32(device):
            pixels = with_channels(images.to(device), extractor.channels)
            resized = resize_images(pixels, extractor.input_size, extractor.resize)
            said = extractor.network(resized.contiguous(memory_format=torch.channels_last))
        yield _checked(extractor, said, wanted, len(images), done)
        done += len(images)
        if progress is not None:
            progress(done)


def _cut_afresh(batches: Iterable[Tensor | np.ndarray], batch_size: int) -> Iterator[Tensor]:
    """The same images in passes of `batch_size`; the last one may be smaller."""
    waiting: list[Tensor] = []
    count, shape = 0, None
    for batch in batches:
        images = torch.from_numpy(np.array(batch)) if isinstance(batch, np.ndarray) else batch
        if images.ndim != 4 or images.dtype != torch.uint8:
            raise ValueError(
                f"a batch is {images.dtype} {list(images.shape)}; give uint8 [n, C, H, W] "
                f"(floats in [-1, 1] become uint8 by `quantized`)"
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
            whole = count - count % batch_size
            yield from joined[:whole].split(batch_size)
            waiting, count = ([joined[whole:]], count - whole) if whole < count else ([], 0)
    if count:
        yield torch.cat(waiting)


def _checked(
    extractor: Extractor, said: Activations, wanted: tuple[str, ...], count: int, done: int
) -> Features:
    given = {layer: said.features.get(layer) for layer in wanted}
    features = {}
    for layer, values in given.items():
        width = extractor.layers[layer]
        if values is None or tuple(values.shape) != (count, width):
            shape = None if values is None else list(values.shape)
            raise ValueError(
                f"the extractor {extractor.name} announces layer {layer} as [{count}, {width}] but gives {shape}"
            )
        features[layer] = values.float().cpu()
        finite = torch.isfinite(features[layer]).all(1)
        if not bool(finite.all()):
            first = done + int((~finite).nonzero()[0])
            raise ValueError(
                f"the extractor {extractor.name} gives NaN or infinity in layer {layer}, first for image {first}"
            )
    if extractor.num_classes is None:
        return Features(features, None)
    if said.logits is None or tuple(said.logits.shape) != (count, extractor.num_classes):
        shape = None if said.logits is None else list(said.logits.shape)
        raise ValueError(
            f"the extractor {extractor.name} announces logits [{count}, {extractor.num_classes}] but gives {shape}"
        )
    return Features(features, said.logits.float().cpu())
