"""VGG-19's feature maps with gradient, for perceptual losses.

Very Deep Convolutional Networks for Large-Scale Image Recognition (Simonyan and Zisserman, ICLR 2015), configuration E,
in torchvision's names: the weights are those of `torchvision.models.vgg19` (the file `vgg19-dcbb9e9d.pth`), which are
not distributed with everymode.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from everymode.extractors.weights import WeightsFile, frozen, load_weights, read_weights, weights_path

__all__ = ["ESRGAN_LAYERS", "SPADE_LAYERS", "SPADE_WEIGHTS", "Vgg19", "vgg19"]

CONVOLUTIONS = (2, 2, 4, 4, 4)
"""Convolutions of each stage; a maximum pooling of 2x2 is before all but the first."""
WIDTHS = (1, 2, 4, 8, 8)
"""Channels of each stage, as multiples of the first stage's."""
MEAN = (0.485, 0.456, 0.406)
"""ImageNet's mean of red, green and blue in [0, 1]."""
STD = (0.229, 0.224, 0.225)
"""ImageNet's standard deviation of red, green and blue in [0, 1]."""
SPADE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
"""Layers of SPADE's perceptual loss."""
SPADE_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
"""Weights of these layers."""
ESRGAN_LAYERS = ("conv5_4",)
"""Layer of ESRGAN's perceptual loss and of Sparsity-Aware Normalization's: before activation."""


class Vgg19(nn.Module):
    """Map RGB or gray images [B, C, H, W] in [-1, 1] to feature maps, one per layer, in the order of the layers.

    The network ends at its deepest requested layer. Gray images are repeated to three channels. The output is
    differentiable by the images. An image's sides must be at least 2^(s - 1) pixels for a layer of stage s.

    Args:
        layers: names such as "conv5_4", the output of convolution 4 of stage 5 before activation, or "relu5_4", after
            it.
        normalize: subtract ImageNet's mean and divide by its standard deviation, as the network was trained. SPADE's
            released code doesn't: it passes images in [-1, 1] on as they are.
        width: channels of the first stage; 64 is VGG-19. Others are for tests.

    Raises:
        ValueError: for no or unknown layers, or a width below 1.
    """

    sha256: str
    """SHA-256 of the file of the weights, 64 hexadecimal digits; empty while the weights are random."""
    _mean: Tensor
    _std: Tensor

    def __init__(
        self, layers: Sequence[str] = SPADE_LAYERS, *, normalize: bool = True, width: int = 64
    ) -> None:
        super().__init__()
        if width < 1:
            raise ValueError(f"width must be at least 1 channel, not {width} (VGG-19 has 64)")
        if isinstance(layers, str) or not layers:
            raise ValueError(
                f"layers must be a sequence of names such as ('relu1_1', 'conv5_4'), not {layers!r}"
            )
        self.layers = tuple(layers)
        self.normalize = normalize
        self.sha256 = ""
        self._positions = {name: _position(name) for name in self.layers}
        self._smallest = 2 ** max(int(name[4]) - 1 for name in self.layers)
        self.features = nn.Sequential(*list(_sequence(width))[: max(self._positions.values()) + 1])
        self._register_statistics()

    def _register_statistics(self) -> None:
        self.register_buffer("_mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("_std", torch.tensor(STD).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        if images.dim() != 4 or images.shape[1] not in (1, 3) or min(images.shape[2:]) < self._smallest:
            raise ValueError(
                f"VGG-19 up to {max(self.layers, key=lambda name: self._positions[name])} needs images [B, 1 or 3, H, "
                "W] of "
                f"at least {self._smallest} pixels a side, not {list(images.shape)}: choose shallower layers for "
                "smaller ones"
            )
        x = images.expand(-1, 3, -1, -1)
        if self.normalize:
            x = ((x + 1) / 2 - self._mean) / self._std
        found: dict[int, Tensor] = {}
        for position, layer in enumerate(self.features):
            x = layer(x)
            if position in self._positions.values():
                found[position] = x
        return tuple(found[self._positions[name]] for name in self.layers)


def vgg19(
    path: str | Path, layers: Sequence[str] = SPADE_LAYERS, *, normalize: bool = True, width: int = 64
) -> Vgg19:
    """Return VGG-19 with the weights of a file, frozen, with its hash as the attribute `sha256`.

    Args:
        path: a .safetensors file or a PyTorch file, or an http(s) address: the state dict of torchvision's vgg19, with
            or without the classifier. Code in a file is never run.
        layers: see `Vgg19`.
        normalize: see `Vgg19`.
        width: see `Vgg19`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or holds another network (such as VGG-16, or VGG-19 with batch
            normalization), or for unknown layers.
    """
    with torch.device("meta"):  # random weights would be drawn from the global generator
        network = Vgg19(layers, normalize=normalize, width=width)
        whole = nn.ModuleDict({"features": _sequence(width)})
    network.to_empty(device="cpu")._register_statistics()
    file = read_weights(weights_path(path))
    tensors = {name: each for name, each in file.tensors.items() if not name.startswith("classifier.")}
    _require_whole(tensors, whole, file)
    needed = {name: tensors[name] for name in network.state_dict()}
    load_weights(network, WeightsFile(needed, file.sha256, file.path), "VGG-19")
    network.sha256 = file.sha256
    frozen(network)
    return network


def _require_whole(tensors: dict[str, Tensor], whole: nn.Module, file: WeightsFile) -> None:
    """Raise ValueError unless the file holds all convolutions: the first ones alone may be another network's."""
    expected = {name: list(tensor.shape) for name, tensor in whole.state_dict().items()}
    present = {name: list(tensor.shape) for name, tensor in tensors.items()}
    if present != expected:
        wrong = sorted(name for name in {*expected, *present} if expected.get(name) != present.get(name))
        first = wrong[0]
        raise ValueError(
            f"{file.path} does not hold VGG-19 in torchvision's names: {len(wrong)} tensors differ, such as {first} "
            f"({present.get(first, 'absent')} instead of {expected.get(first, 'none')}); give the state dict of "
            "torchvision.models.vgg19, without batch normalization"
        )


def _sequence(width: int) -> nn.Sequential:
    """Return all convolutions, activations and poolings, numbered as in torchvision."""
    modules: list[nn.Module] = []
    channels = 3
    for count, factor in zip(CONVOLUTIONS, WIDTHS, strict=True):
        for _ in range(count):
            modules += [nn.Conv2d(channels, factor * width, 3, padding=1), nn.ReLU()]
            channels = factor * width
        modules.append(nn.MaxPool2d(2))
    return nn.Sequential(*modules)


def _position(name: str) -> int:
    """Return the index of a layer in torchvision's sequence."""
    match = re.fullmatch(r"(conv|relu)([1-5])_([1-4])", name)
    if match is None or int(match[3]) > CONVOLUTIONS[int(match[2]) - 1]:
        raise ValueError(
            f"VGG-19 has no layer {name!r}: layers are conv1_1 to conv5_4 (before activation) and relu1_1 to relu5_4 "
            "(after "
            f"it), with {', '.join(map(str, CONVOLUTIONS))} convolutions in the stages 1 to 5"
        )
    stage, number = int(match[2]) - 1, int(match[3]) - 1
    before = sum(2 * count + 1 for count in CONVOLUTIONS[:stage])
    return before + 2 * number + (match[1] == "relu")
