"""LPIPS, the learned perceptual image patch similarity, from weights that the user supplies.

Zhang et al. 2018, eq. 1, as released in richzhang/PerceptualSimilarity, version 0.1: images in [-1, 1] are shifted and
scaled, the features of five layers are divided by their norm over channels, squared differences are weighted by learned
non-negative weights, averaged over positions and summed over layers. Backbone: torchvision's AlexNet or VGG-16. Neither
its weights nor the linear ones are distributed with everymode.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from everymode.extractors.extraction import NETWORK_BATCH
from everymode.extractors.pixels import quantized, with_channels
from everymode.extractors.precision import full_float32
from everymode.extractors.weights import WeightsFile, frozen, load_weights, read_weights, weights_path
from everymode.metrics.perceptual import perceptual_distance

__all__ = ["Lpips", "lpips"]

SHIFT = (-0.030, -0.088, -0.188)
"""Subtracted from red, green and blue in [-1, 1]: ImageNet's means."""
SCALE = (0.458, 0.448, 0.450)
"""Divides them afterward: ImageNet's standard deviations."""
LINEAR_NAMES = ("lin{}.model.1.weight", "lins.{}.model.1.weight", "lin{}.weight")
"""Names of the linear weights of layer 0 to 4, in the released file, in the released network, and without dropout."""


class Backbone(NamedTuple):
    """A network whose features LPIPS compares.

    Attributes:
        name: short name, a part of the name of the distance.
        title: name in messages.
        smallest: smallest side of an image in pixels.
        layers: indices of the five compared layers in torchvision's `features`.
    """

    name: str
    title: str
    smallest: int
    layers: tuple[int, ...]

    def network(self) -> nn.Sequential:
        """Return the layers up to the deepest compared one, with random weights."""
        modules = _alexnet() if self.name == "alex" else _vgg16()
        return nn.Sequential(*modules[: self.layers[-1] + 1])


ALEX = Backbone("alex", "AlexNet", 31, (1, 4, 7, 9, 11))
VGG = Backbone("vgg", "VGG-16", 16, (3, 8, 15, 22, 29))


class Lpips:
    """LPIPS on one backbone; made by `lpips`.

    It is not a module: its frozen weights are not part of the checkpoints of what holds it.

    Args:
        backbone: which network.
        network: its layers, with their weights.
        weights: linear weights [1, C, 1, 1] of the five layers.
        hashes: SHA-256 of the files of the backbone and of the linear weights.

    Attributes:
        distance_name: "lpips-alex" or "lpips-vgg".
        smallest: smallest side of an image in pixels.
    """

    def __init__(
        self, backbone: Backbone, network: nn.Module, weights: tuple[Tensor, ...], hashes: tuple[str, str]
    ) -> None:
        self.backbone, self.hashes = backbone, hashes
        self.distance_name = f"lpips-{backbone.name}"
        self.smallest = backbone.smallest
        self._network, self._weights = network, weights

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the file of the backbone, and of that of the linear weights, joined by "+"."""
        return "+".join(self.hashes)

    def facts(self) -> dict[str, Any]:
        """Return the facts that are stored with every distance, as JSON values."""
        return {
            "name": self.distance_name,
            "weights_hash": self.weights_hash,
            "input_size": "as given",
            "resize": "none",
            "smallest_side": self.smallest,
            "layers": list(self.backbone.layers),
            "weights": "learned",
        }

    def maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the features of images in [-1, 1]; gradients flow to the images.

        Args:
            images: floats [B, 1 or 3, H, W] in [-1, 1]; gray is repeated. They are not resized.

        Returns:
            One float32 map [B, C, h, w] for each of the five layers.
        Raises:
            ValueError: if images have another shape or type, or are too small for the backbone.
        """
        if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.is_floating_point():
            raise ValueError(
                f"images are {images.dtype} {list(images.shape)}; give floats in [-1, 1], [B, 3, H, W], or [B, 1, H, "
                "W] for gray"
            )
        if min(images.shape[2:]) < self.smallest:
            smaller = " use the backbone VGG-16, which needs 16," if self.backbone is ALEX else ""
            raise ValueError(
                f"images are {images.shape[2]}x{images.shape[3]} pixels, and LPIPS on {self.backbone.title} needs at "
                f"least {self.smallest} a side:{smaller} enlarge them, or use the perceptual distance pd-lite0-128"
            )
        device = images.device
        self._network = self._network.to(device)
        with torch.autocast(device.type, enabled=False):
            x = images.float().expand(-1, 3, -1, -1)
            shift, scale = (torch.tensor(each, device=device).view(3, 1, 1) for each in (SHIFT, SCALE))
            x = (x - shift) / scale
            found = []
            assert isinstance(self._network, nn.Sequential)
            for position, layer in enumerate(self._network):
                x = layer(x)
                if position in self.backbone.layers:
                    found.append(x)
        return tuple(found)

    __call__ = maps

    def distance(self, first: Tensor, second: Tensor) -> Tensor:
        """Return LPIPS of each pair of images in [-1, 1], [B]; gradients flow to both.

        Args:
            first, second: floats [B, 1 or 3, H, W], of the same size.

        Raises:
            ValueError: as `maps`, or if the sizes differ.
        """
        weights = [each.to(first.device) for each in self._weights]
        return torch.as_tensor(perceptual_distance(self.maps(first), self.maps(second), weights))

    @torch.no_grad()
    def distances(self, first: Tensor, second: Tensor, *, device: torch.device | str | None = None) -> Tensor:
        """Return LPIPS of each pair of images, rounded to 8 bits, as if they were stored: float32 [B] on the CPU.

        Args:
            first, second: images [B, C, H, W], uint8 or floats in [-1, 1], with 1, 3 or (uint8 only) 4 channels.
            device: device of the network. Default: that of `first`.

        Raises:
            ValueError: if the shapes differ, there are no images, or as `maps`.
        """
        if first.ndim != 4 or second.ndim != 4 or _size(first) != _size(second) or len(first) == 0:
            raise ValueError(
                f"first has shape {list(first.shape)} and second {list(second.shape)}; two batches [B, C, H, W] of as "
                "many images of one size, at least one, are needed"
            )
        target = torch.device(first.device if device is None else device)
        parts = []
        with full_float32(target):
            for start in range(0, len(first), NETWORK_BATCH):
                pair = [_unit(side[start : start + NETWORK_BATCH]).to(target) for side in (first, second)]
                parts.append(self.distance(pair[0], pair[1]).cpu())
        return torch.cat(parts)


def lpips(backbone: str | Path, linear: str | Path) -> Lpips:
    """Return LPIPS from the files of its backbone and its linear weights.

    Args:
        backbone: state dict of torchvision's alexnet or vgg16, with or without the classifier: a .safetensors file or a
            PyTorch file. Code in a file is never run.
        linear: linear weights of the same backbone, as in the released files alex.pth and vgg.pth.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a file is damaged, holds other weights, or the two don't belong to one backbone.
    """
    file = read_weights(weights_path(backbone))
    tensors = {name: each for name, each in file.tensors.items() if not name.startswith("classifier.")}
    kind = _kind(tensors, file)
    network = kind.network()
    own = {name.removeprefix("features."): each for name, each in tensors.items()}
    load_weights(network, WeightsFile(own, file.sha256, file.path), f"{kind.title} in torchvision's names")
    weights = read_weights(weights_path(linear))
    widths = [_width(network, index) for index in kind.layers]
    return Lpips(kind, frozen(network), _linear(weights, kind, widths), (file.sha256, weights.sha256))


def _kind(tensors: dict[str, Tensor], file: WeightsFile) -> Backbone:
    """Return the backbone that a file holds, by its first and last convolution."""
    first = tensors.get("features.0.weight")
    if first is not None and first.ndim == 4:
        if first.shape[2:] == (11, 11):
            return ALEX
        if first.shape[2:] == (3, 3) and "features.28.weight" in tensors:
            return VGG
    raise ValueError(
        f"{file.path} does not hold a backbone of LPIPS: give the state dict of torchvision.models.alexnet or vgg16 "
        "(without batch normalization)"
    )


def _linear(file: WeightsFile, kind: Backbone, widths: list[int]) -> tuple[Tensor, ...]:
    """Return the linear weights [1, C, 1, 1] of the five layers."""
    found = []
    for number, width in enumerate(widths):
        names = [name.format(number) for name in LINEAR_NAMES]
        name = next((each for each in names if each in file.tensors), None)
        if name is None:
            raise ValueError(
                f"{file.path} has no linear weights of LPIPS's layer {number} ({' or '.join(names)}): give the "
                f"released file {kind.name}.pth"
            )
        weight = file.tensors[name].detach().float()
        if tuple(weight.shape) not in ((1, width, 1, 1), (width,)):
            raise ValueError(
                f"{file.path} has weights {list(weight.shape)} for layer {number}, and {kind.title} has {width} "
                f"channels there: give the linear weights of this backbone, {kind.name}.pth"
            )
        if not torch.isfinite(weight).all() or bool((weight < 0).any()):
            raise ValueError(
                f"{file.path} has negative or non-finite weights for layer {number}; those of LPIPS are 0 or more: "
                f"give the released file {kind.name}.pth"
            )
        found.append(weight.reshape(1, width, 1, 1))
    return tuple(found)


def _width(network: nn.Sequential, index: int) -> int:
    """Return the channels of the activation at an index, which follows a convolution."""
    convolution = network[index - 1]
    assert isinstance(convolution, nn.Conv2d)
    return convolution.out_channels


def _alexnet() -> list[nn.Module]:
    """Return the layers of torchvision's alexnet().features up to the last activation."""
    return [
        *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()),
    ]


def _vgg16() -> list[nn.Module]:
    """Return the layers of torchvision's vgg16().features up to the last activation."""
    modules: list[nn.Module] = []
    channels = 3
    for count, width in ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)):
        for _ in range(count):
            modules += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        modules.append(nn.MaxPool2d(2))
    return modules[:-1]


def _size(images: Tensor) -> tuple[int, ...]:
    """Return the number of images, and their height and width."""
    return len(images), *images.shape[2:]


def _unit(images: Tensor) -> Tensor:
    """Return images rounded to 8 bits as RGB floats in [-1, 1]."""
    levels = with_channels(images if images.dtype == torch.uint8 else quantized(images), 3)
    return levels.float() / 127.5 - 1
