"""A small segmentation network, fitted to images and their label maps within a minute on one thread.

A segmenter is any function from images [B, C, H, W] to label maps [B, H, W]. It scores generated images whose map is
known (mean IoU), compares areas of classes (Frechet segmentation distance), and names units (dissection).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.condition import VOID
from everymode.draws import Draws, Rows, stable_seed
from everymode.extractors.hashing import tensors_hash
from everymode.extractors.precision import full_float32
from everymode.machine.device import checked_device

__all__ = [
    "VOID",
    "FittedSegmenter",
    "SegmenterFacts",
    "fit_segmenter",
    "images_in_unit_range",
    "segmenter_facts",
]

BATCH = 16
IMAGES_PER_PASS = 64
STEPS_PER_REPORT = 50


class SegmenterFacts(NamedTuple):
    """Facts about a segmenter that are reported with every number that depends on it.

    Attributes:
        name: short name, such as "fitted".
        weights_hash: SHA-256 of its weights or colors, 64 hexadecimal digits; "" if it has none that can be read.
    """

    name: str
    weights_hash: str


class FittedSegmenter(nn.Module):
    """Small network from images to label maps: convolutions at full, half and quarter resolution, joined.

    A label depends on about 40 x 40 pixels. Images of any size of at least 2 x 2 pixels are accepted.

    Args:
        channels: number of image channels C.
        num_classes: number of classes K.
        width: channels of the first convolution; the inner ones have twice as many.

    Attributes:
        name: "fitted".
        weights_hash: SHA-256 of the weights; "" before the fit.
        pixel_accuracy: share of held-out pixels with the right label, void excluded; NaN before the fit.
        held_out_count: number of held-out images.
        settings: arguments of the fit.
    """

    name = "fitted"

    def __init__(self, channels: int, num_classes: int, *, width: int = 16) -> None:
        super().__init__()
        self.channels, self.num_classes = channels, num_classes
        self.outer = _block(channels, width)
        self.middle = _block(width, 2 * width, stride=2)
        self.inner = nn.Sequential(
            _block(2 * width, 2 * width, stride=2), _block(2 * width, 2 * width, dilation=2)
        )
        self.join_middle = _block(4 * width, 2 * width, kernel=1)
        self.join_outer = _block(3 * width, width)
        self.classify = nn.Conv2d(width, num_classes, 1)
        self.weights_hash = ""
        self.pixel_accuracy = float("nan")
        self.held_out_count = 0
        self.settings: dict[str, Any] = {}

    def logits(self, images: Tensor) -> Tensor:
        """Return class logits [B, K, H, W] of images [B, C, H, W], float in [-1, 1] or uint8."""
        x = images_in_unit_range(images, self.channels).to(self.classify.weight)
        outer = self.outer(x)
        middle = self.middle(outer)
        middle = self.join_middle(_beside(middle, self.inner(middle)))
        return self.classify(self.join_outer(_beside(outer, middle)))

    def forward(self, images: Tensor) -> Tensor:
        """Return the most probable class of each pixel.

        Args:
            images: [B, C, H, W], float in [-1, 1] or uint8.

        Returns:
            int64 [B, H, W], 0 .. K - 1.
        Raises:
            ValueError: if the images have another shape.
        """
        with full_float32(self.classify.weight.device):
            maps = [self.logits(part).argmax(1) for part in images.split(IMAGES_PER_PASS)]
        return torch.cat(maps)


def fit_segmenter(
    images: Tensor | np.ndarray,
    maps: Tensor | np.ndarray,
    num_classes: int,
    *,
    steps: int = 600,
    seed: int = 0,
    held_out: float = 0.1,
    width: int = 16,
    learning_rate: float = 1e-2,
    device: torch.device | str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> FittedSegmenter:
    """Fit a small segmentation network to images and their label maps.

    AdamW with a linear warm-up and cosine decay, 16 images per step, cross-entropy over the pixels that are not void.
    Images are not augmented, since a mirrored texture may belong to another class. On a CPU, the same images,
    arguments, build and number of threads give the same weights; global random states are unchanged.

    Args:
        images: [N, C, H, W], uint8 or float in [-1, 1].
        maps: integers [N, H, W]: 0 .. num_classes - 1, or 255 (void).
        num_classes: number of classes K, 2 .. 255.
        steps: number of optimizer steps.
        seed: seed of the initial weights, the order and the held-out images.
        held_out: share of the images that is held out to measure the pixel accuracy; at least one image is.
        width: channels of the first convolution (16: about 33,000 parameters with four classes).
        learning_rate: peak learning rate.
        device: device of the fit.
        progress: called with the number of finished steps and the total, every 50 steps.

    Returns:
        The fitted network, frozen, in eval mode on the CPU; its attributes hold name, hash and pixel accuracy.
    Raises:
        ValueError: if images and maps have other shapes, types or values, or an argument is out of range.
    """
    pixels, labels = _checked_pairs(images, maps, num_classes)
    for name, value, least in (("steps", steps, 1), ("width", width, 1)):
        if value < least:
            raise ValueError(f"{name} is {value}; a segmenter needs at least {least}")
    if not 0 < held_out < 1:
        raise ValueError(f"held_out is {held_out}; it must be above 0 and below 1, such as 0.1")
    device = checked_device(device)
    training, testing = _split(len(pixels), held_out, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stable_seed(seed, "segmenter", "weights"))
        network = FittedSegmenter(pixels.shape[1], num_classes, width=width)
    network.to(device).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=1e-3)
    with full_float32(device), torch.enable_grad():
        for step in range(steps):
            draws = Draws(seed, f"segmenter-{step}", Rows.all(BATCH))
            rows = training[draws.integers("rows", len(training))]
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * _rate(step / steps)
            logits = network.logits(pixels[rows].to(device))
            losses = F.cross_entropy(
                logits, labels[rows].long().to(device), ignore_index=VOID, reduction="sum"
            )
            optimizer.zero_grad(set_to_none=True)
            (losses / (labels[rows] != VOID).sum().clamp(min=1).to(device)).backward()
            optimizer.step()
            if progress is not None and (step + 1) % STEPS_PER_REPORT == 0:
                progress(step + 1, steps)
    network.cpu().eval().requires_grad_(False)
    network.weights_hash = tensors_hash(network.state_dict())
    network.pixel_accuracy = _accuracy(network, pixels[testing], labels[testing])
    network.held_out_count = len(testing)
    network.settings = {
        "num_classes": num_classes,
        "steps": steps,
        "seed": seed,
        "held_out": held_out,
        "width": width,
        "learning_rate": learning_rate,
    }
    return network


def segmenter_facts(segmenter: Callable[[Tensor], Tensor]) -> SegmenterFacts:
    """Return name and hash of any segmenter.

    Args:
        segmenter: any function from images to label maps. Its `name` and `weights_hash` are used if it has them;
            otherwise the name of the function or class, and the hash of a module's parameters and buffers.
    """
    name = getattr(segmenter, "name", None) or getattr(segmenter, "__name__", type(segmenter).__name__)
    weights_hash = getattr(segmenter, "weights_hash", None)
    if weights_hash is None and isinstance(segmenter, nn.Module):
        tensors: Mapping[str, Tensor] = segmenter.state_dict()
        weights_hash = tensors_hash(tensors) if tensors else None
    return SegmenterFacts(str(name), weights_hash or "")


def images_in_unit_range(images: Tensor, channels: int) -> Tensor:
    """Return images [B, C, H, W] as floats in [-1, 1]; uint8 is converted, floats are returned unchanged.

    Raises:
        ValueError: if they are not [B, channels, H, W], float or uint8.
    """
    if images.ndim != 4 or images.shape[1] != channels:
        raise ValueError(
            f"the images have shape {list(images.shape)}; this segmenter needs [B, {channels}, H, W], as it "
            f"was made for {channels} channels"
        )
    if images.dtype == torch.uint8:
        return images.float() / 127.5 - 1
    if not images.is_floating_point():
        raise ValueError(f"the images are {images.dtype}; pass uint8, or floats in [-1, 1]")
    return images


def _block(
    inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


def _beside(large: Tensor, small: Tensor) -> Tensor:
    """Return two feature maps in one, the smaller one enlarged."""
    enlarged = F.interpolate(small, large.shape[2:], mode="bilinear", align_corners=False)
    return torch.cat((large, enlarged), 1)


def _rate(share: float) -> float:
    """Return the learning rate factor after this share of the steps: warm-up over a tenth, then cosine decay."""
    if share < 0.1:
        return (share + 0.01) / 0.11
    return 0.5 * (1 + float(np.cos(np.pi * (share - 0.1) / 0.9)))


def _split(count: int, held_out: float, seed: int) -> tuple[Tensor, Tensor]:
    """Return the rows for training and for testing."""
    draws = Draws(seed, "segmenter", Rows.all(count), dtype=torch.float64)
    order = draws.uniform("held-out").flatten().argsort(stable=True)
    number = min(count - 1, max(1, int(count * held_out)))
    return order[number:], order[:number]


def _accuracy(network: FittedSegmenter, images: Tensor, labels: Tensor) -> float:
    """Return the share of pixels with the right label; NaN if all are void."""
    known = labels != VOID
    right = (network(images) == labels) & known
    return float(right.sum()) / float(known.sum()) if known.any() else float("nan")


def _checked_pairs(
    images: Tensor | np.ndarray, maps: Tensor | np.ndarray, num_classes: int
) -> tuple[Tensor, Tensor]:
    """Return images and maps as CPU tensors."""
    pixels, labels = torch.as_tensor(images).cpu(), torch.as_tensor(maps).cpu()
    if not 2 <= num_classes <= VOID:
        raise ValueError(f"num_classes is {num_classes}; a segmenter needs 2 to {VOID} classes")
    if pixels.ndim != 4 or labels.ndim != 3 or (len(pixels), *pixels.shape[2:]) != tuple(labels.shape):
        raise ValueError(
            f"the images have shape {list(pixels.shape)} and the maps {list(labels.shape)}; images [N, C, H, W] "
            "and maps [N, H, W] of one size are needed"
        )
    if len(pixels) < 2 or min(pixels.shape[2:]) < 2:
        raise ValueError(
            f"the images have shape {list(pixels.shape)}; at least two images (one is held out) of 2 x 2 "
            "pixels are needed"
        )
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise ValueError(f"the maps are {labels.dtype}; integers 0 .. {num_classes - 1} or {VOID} are needed")
    if pixels.is_floating_point() and not torch.isfinite(pixels).all():
        raise ValueError("the images hold NaN or infinite values; remove these images before the fit")
    strange = labels[(labels != VOID) & ((labels < 0) | (labels >= num_classes))]
    if len(strange):
        raise ValueError(
            f"the maps hold {int(strange[0])}; allowed are 0 .. {num_classes - 1} and {VOID} (void): raise "
            f"num_classes, or map other indices to {VOID}"
        )
    images_in_unit_range(pixels[:1], pixels.shape[1])
    return pixels, labels
