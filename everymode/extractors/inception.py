"""The TensorFlow Inception of 2015 that defines FID, KID and the Inception Score, with weights from a user's file.

Szegedy et al. 2016 (Inception v3) as the graph inception-2015-12-05, with its peculiarities: average pooling without
the padding, max pooling in the last block, 1008 classes. Names of the weights and the file as in
mseitzer/pytorch-fid:src/pytorch_fid/inception.py and
toshas/torch-fidelity:torch_fidelity/feature_extractor_inceptionv3.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.extractors.classifier_cache import cached_folder
from everymode.extractors.extractor import Activations, Extractor
from everymode.extractors.resizing import TENSORFLOW_BILINEAR
from everymode.extractors.weights import frozen, load_weights, read_weights, weights_path

__all__ = ["TensorFlowInception", "inception", "published_inception", "published_path"]

PUBLISHED_NAME = "pt_inception-2015-12-05-6726825d.pth"
PUBLISHED_ADDRESS = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{PUBLISHED_NAME}"
PUBLISHED_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
VARIABLE = "EVERYMODE_INCEPTION"
"""Environment variable with the path of the published file."""
SIZE = 299
NUM_CLASSES = 1008
LAYERS = {"pool": 2048, "mixed6": 768, "maxpool2": 192, "maxpool1": 64}

average_pool = partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
max_pool = partial(F.max_pool2d, kernel_size=3, stride=1, padding=1)
halving_pool = partial(F.max_pool2d, kernel_size=3, stride=2)


class Conv(NamedTuple):
    """A convolution of a branch. Stride 1 is padded and keeps the size; stride 2 is not padded."""

    name: str
    channels: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1


class Branch(NamedTuple):
    """Optional pooling followed by steps in sequence; a step of two convolutions concatenates their outputs."""

    pool: Callable[[Tensor], Tensor] | None
    steps: tuple[tuple[Conv, ...], ...]


def chain(*convs: Conv, fork: tuple[Conv, ...] = ()) -> Branch:
    """Return a branch of single convolutions in sequence, with an optional fork at its end."""
    return Branch(None, (*((conv,) for conv in convs), *((fork,) if fork else ())))


class ConvNorm(nn.Module):
    """Convolution without bias, batch normalization, ReLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int], stride: int, *, padded: bool
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2) if padded else 0
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class Mixed(nn.Module):
    """Parallel branches, concatenated by channels in their order."""

    def __init__(self, inputs: int, *branches: Branch) -> None:
        super().__init__()
        self.branches = branches
        self.outputs = 0
        for branch in branches:
            channels = inputs
            for step in branch.steps:
                for conv in step:
                    layer = ConvNorm(
                        channels, conv.channels, conv.kernel, conv.stride, padded=conv.stride == 1
                    )
                    self.add_module(conv.name, layer)
                channels = sum(conv.channels for conv in step)
            self.outputs += channels

    def forward(self, x: Tensor) -> Tensor:
        joined = []
        for branch in self.branches:
            h = x if branch.pool is None else branch.pool(x)
            for step in branch.steps:
                outputs = [self.get_submodule(conv.name)(h) for conv in step]
                h = torch.cat(outputs, 1) if len(outputs) > 1 else outputs[0]
            joined.append(h)
        return torch.cat(joined, 1)


def _fine(inputs: int, pooled: int) -> Mixed:
    """Return a block for 35 x 35 features: branches 1x1, 5x5, twice 3x3, and pooling."""
    return Mixed(
        inputs,
        chain(Conv("branch1x1", 64)),
        chain(Conv("branch5x5_1", 48), Conv("branch5x5_2", 64, (5, 5))),
        chain(
            Conv("branch3x3dbl_1", 64), Conv("branch3x3dbl_2", 96, (3, 3)), Conv("branch3x3dbl_3", 96, (3, 3))
        ),
        Branch(average_pool, ((Conv("branch_pool", pooled),),)),
    )


def _to_middle(inputs: int) -> Mixed:
    """Return the block that reduces 35 x 35 features to 17 x 17."""
    return Mixed(
        inputs,
        chain(Conv("branch3x3", 384, (3, 3), 2)),
        chain(
            Conv("branch3x3dbl_1", 64),
            Conv("branch3x3dbl_2", 96, (3, 3)),
            Conv("branch3x3dbl_3", 96, (3, 3), 2),
        ),
        Branch(halving_pool, ()),
    )


def _middle(width: int) -> Mixed:
    """Return a block for 17 x 17 features: branches 1x1, 7x7 factorized into 1x7 and 7x1, twice that, and pooling."""
    row, column = (1, 7), (7, 1)
    return Mixed(
        768,
        chain(Conv("branch1x1", 192)),
        chain(Conv("branch7x7_1", width), Conv("branch7x7_2", width, row), Conv("branch7x7_3", 192, column)),
        chain(
            Conv("branch7x7dbl_1", width),
            Conv("branch7x7dbl_2", width, column),
            Conv("branch7x7dbl_3", width, row),
            Conv("branch7x7dbl_4", width, column),
            Conv("branch7x7dbl_5", 192, row),
        ),
        Branch(average_pool, ((Conv("branch_pool", 192),),)),
    )


def _to_coarse() -> Mixed:
    """Return the block that reduces 17 x 17 features to 8 x 8."""
    return Mixed(
        768,
        chain(Conv("branch3x3_1", 192), Conv("branch3x3_2", 320, (3, 3), 2)),
        chain(
            Conv("branch7x7x3_1", 192),
            Conv("branch7x7x3_2", 192, (1, 7)),
            Conv("branch7x7x3_3", 192, (7, 1)),
            Conv("branch7x7x3_4", 192, (3, 3), 2),
        ),
        Branch(halving_pool, ()),
    )


def _coarse(inputs: int, pool: Callable[[Tensor], Tensor]) -> Mixed:
    """Return a block for 8 x 8 features: branches 1x1, 3x3 and twice 3x3 that fork into 1x3 and 3x1, and pooling."""
    fork = ((1, 3), (3, 1))
    return Mixed(
        inputs,
        chain(Conv("branch1x1", 320)),
        chain(
            Conv("branch3x3_1", 384),
            fork=(Conv("branch3x3_2a", 384, fork[0]), Conv("branch3x3_2b", 384, fork[1])),
        ),
        chain(
            Conv("branch3x3dbl_1", 448),
            Conv("branch3x3dbl_2", 384, (3, 3)),
            fork=(Conv("branch3x3dbl_3a", 384, fork[0]), Conv("branch3x3dbl_3b", 384, fork[1])),
        ),
        Branch(pool, ((Conv("branch_pool", 192),),)),
    )


class TensorFlowInception(nn.Module):
    """Map RGB images [N, 3, 299, 299] in 0 .. 255 to pooled features of four depths, and 1008 logits.

    The logits have no bias, as in the published Inception Score.
    """

    def __init__(self) -> None:
        super().__init__()
        square = (3, 3)
        self.Conv2d_1a_3x3 = ConvNorm(3, 32, square, 2, padded=False)
        self.Conv2d_2a_3x3 = ConvNorm(32, 32, square, 1, padded=False)
        self.Conv2d_2b_3x3 = ConvNorm(32, 64, square, 1, padded=True)
        self.Conv2d_3b_1x1 = ConvNorm(64, 80, (1, 1), 1, padded=False)
        self.Conv2d_4a_3x3 = ConvNorm(80, 192, square, 1, padded=False)
        self.Mixed_5b = _fine(192, 32)
        self.Mixed_5c = _fine(256, 64)
        self.Mixed_5d = _fine(288, 64)
        self.Mixed_6a = _to_middle(288)
        self.Mixed_6b = _middle(128)
        self.Mixed_6c = _middle(160)
        self.Mixed_6d = _middle(160)
        self.Mixed_6e = _middle(192)
        self.Mixed_7a = _to_coarse()
        self.Mixed_7b = _coarse(1280, average_pool)
        self.Mixed_7c = _coarse(2048, max_pool)
        self.fc = nn.Linear(2048, NUM_CLASSES)

    def forward(self, images: Tensor) -> Activations:
        x = (images - 128) / 128
        x = halving_pool(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        features = {"maxpool1": x.mean((2, 3))}
        x = halving_pool(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        features["maxpool2"] = x.mean((2, 3))
        x = self.Mixed_6a(self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(x))))
        features["mixed6"] = x.mean((2, 3))
        pooled = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x))).mean((2, 3))
        return Activations({"pool": pooled, **features}, F.linear(pooled, self.fc.weight))


def inception(path_or_url: str | Path) -> Extractor:
    """Return the extractor of FID, KID and the Inception Score; its metrics have these names for the published file.

    Args:
        path_or_url: path or address of pt_inception-2015-12-05-6726825d.pth (PUBLISHED_ADDRESS), which pytorch-fid and
            torch-fidelity use. Another file of the same layout gives an extractor named "inception-" and its hash,
            whose metrics are never called FID.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file does not hold this network's weights.
    """
    path = weights_path(path_or_url)
    file = read_weights(path)
    with torch.device("meta"):
        network = TensorFlowInception()
    network.to_empty(device="cpu")
    load_weights(network, file, f"the TensorFlow-compatible Inception ({PUBLISHED_NAME})")
    published = file.sha256 == PUBLISHED_SHA256
    return Extractor(
        name="inception" if published else f"inception-{file.sha256[:8]}",
        weights_hash=file.sha256,
        input_size=(SIZE, SIZE),
        resize=TENSORFLOW_BILINEAR,
        layers=LAYERS,
        network=frozen(network),
        num_classes=NUM_CLASSES,
        published_names={"fd": "fid", "kd": "kid", "is": "inception-score"} if published else {},
    )


def published_inception() -> Extractor:
    """Return the extractor of the published file at `published_path`, whose metrics are FID, KID and Inception Score.

    Raises:
        FileNotFoundError: if the file is missing; the message has its address, its hash and where to put it.
        ValueError: if the file is not the published one.
    """
    path = published_path()
    source = f"download {PUBLISHED_ADDRESS} (SHA-256 {PUBLISHED_SHA256})"
    rule = "to that path" if _origin() else f"to that path, or set {VARIABLE} to another"
    if not path.is_file():
        raise FileNotFoundError(
            f"the weights of inception are not at {path}{_origin()}: {source} {rule}; "
            "or name another path, as in inception:PATH"
        )
    extractor = inception(path)
    if extractor.weights_hash != PUBLISHED_SHA256:
        raise ValueError(
            f"{path}{_origin()} is not the published Inception, since its SHA-256 is {extractor.weights_hash}: "
            f"{source} {rule}; or name this file, as in inception:{path}, for scores that are not called FID"
        )
    return extractor


def published_path() -> Path:
    """Return the path of the published file: $EVERYMODE_INCEPTION if set, else its name in the cache's `weights`."""
    variable = os.environ.get(VARIABLE)
    return Path(variable).expanduser() if variable else cached_folder() / "weights" / PUBLISHED_NAME


def _origin() -> str:
    return f" (${VARIABLE})" if os.environ.get(VARIABLE) else ""
