"""Partitioners: networks that assign an image or a point to one of K parts of space, by the largest of K logits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from everymode.partitioner.certificate import Certificate, certify
from everymode.partitioner.invertible import InvertibleLinear, SmoothLeakyReLU
from everymode.partitioner.residual import DenseResidualBlock, ResidualBlock, Squeeze

__all__ = [
    "Partitioner",
    "image_partitioner",
    "linear_partitioner",
    "multilayer_partitioner",
    "partitioner_from",
    "plane_partitioner",
]


class Partitioner(nn.Module):
    """A network x -> logits [B, K]: a body and a linear read-out of its features.

    In eval mode it modifies none of its buffers. Gradients flow through it to the pixels even if its parameters are
    frozen.

    Args:
        body: x -> features [B, F].
        read_out: features -> logits.
        layout: kind and arguments of the function that built it, as JSON values, for `partitioner_from`.
    """

    def __init__(self, body: nn.Module, read_out: nn.Linear, layout: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.body, self.read_out, self.layout = body, read_out, dict(layout or {})

    @property
    def num_parts(self) -> int:
        """K, the number of parts."""
        return self.read_out.out_features

    def forward(self, x: Tensor) -> Tensor:
        return self.read_out(self.body(x))

    def features(self, x: Tensor) -> Tensor:
        """Return the features, the read-out's input: [B, F]."""
        return self.body(x)

    def certify(self) -> Certificate:
        """Return provable lower bounds for this partitioner: see everymode/partitioner/certificate.py."""
        return certify(self.body, self.read_out)


def image_partitioner(
    num_parts: int,
    *,
    channels: int = 3,
    size: tuple[int, int] = (32, 32),
    blocks: tuple[int, ...] = (4, 4, 4, 4, 4),
    width: int = 160,
    pooled: bool = True,
    full_blocks: int = 1,
    full_width: int = 512,
    head_layers: int = 1,
    limit: float = 0.9,
    circular: bool = False,
    iterations: int = 5,
) -> Partitioner:
    """Build Partition-Guided GAN's partitioner: residual blocks with a squeeze between stages, then a head.

    The released head (`pooled`) is batch normalization, LeakyReLU 0.2, mean over space, linear, LeakyReLU 0.2. The
    other head satisfies the assumptions of the paper's theorem 3: it flattens the blocks' output, applies fully
    connected residual blocks with the same limit, then sigma(W1 h) with a square W1 and a smooth sigma. It has no
    pooling, and the certificate includes the smallest singular value of every layer that scales. Both heads end in a
    linear read-out.

    Args:
        num_parts: K.
        channels, size: channels and (height, width) of the images; sides must be divisible by 2 ** (stages - 1).
        blocks: residual blocks of each stage; a squeeze between two stages halves the sides. The paper has 20 with 160
            channels each, and four squeezes, one after every four blocks.
        width: channels inside the blocks' bottlenecks.
        pooled: whether to use the released head.
        full_blocks: fully connected residual blocks of the head without pooling.
        full_width: features inside those blocks; of the pooled head, the number of its features.
        head_layers: layers sigma(W h) of the head without pooling.
        limit: c, the largest spectral norm of each constrained layer; 0.9 in the released code.
        circular, iterations: see ConstrainedConv2d.
    Raises:
        ValueError: if num_parts is below 2, the sides can't be halved between all stages, there is no stage, or limit
            is not between 0 and 1.
    """
    layout: dict[str, Any] = {"kind": "image", "num_parts": num_parts, "channels": channels}
    layout |= {"size": list(size), "blocks": list(blocks), "width": width, "pooled": pooled}
    layout |= {"full_blocks": full_blocks, "full_width": full_width, "head_layers": head_layers}
    layout |= {"limit": limit, "circular": circular, "iterations": iterations}
    _check(num_parts, size, blocks, limit)
    constraint = {"limit": limit, "iterations": iterations}
    layers, (channels, height, breadth) = _stages(
        channels, size, blocks, width, circular=circular, **constraint
    )
    if pooled:
        layers.append(PooledHead(channels, full_width))
        features = full_width
    else:
        layers.append(nn.Flatten())
        features = channels * height * breadth
        layers += [DenseResidualBlock(features, full_width, **constraint) for _ in range(full_blocks)]
        for _ in range(head_layers):
            layers += [InvertibleLinear(features), SmoothLeakyReLU()]
    return Partitioner(nn.Sequential(*layers), nn.Linear(features, num_parts), layout)


def _stages(
    channels: int, size: tuple[int, int], blocks: tuple[int, ...], width: int, **options: Any
) -> tuple[list[nn.Module], tuple[int, int, int]]:
    """Return residual blocks with a squeeze between stages, and the shape (C, H, W) of their output."""
    layers: list[nn.Module] = []
    height, breadth = size
    for stage, count in enumerate(blocks):
        if stage:
            layers.append(Squeeze())
            channels, height, breadth = 4 * channels, height // 2, breadth // 2
        for _ in range(count):
            activated = any(isinstance(layer, ResidualBlock) for layer in layers)
            layers.append(
                ResidualBlock(channels, width, grid=(height, breadth), activated=activated, **options)
            )
    return layers, (channels, height, breadth)


def linear_partitioner(num_parts: int, *, dimensions: int = 2) -> Partitioner:
    """Build a single linear layer, the released code's "invertible" network for points; its guide is convex."""
    layout = {"kind": "linear", "num_parts": num_parts, "dimensions": dimensions}
    return Partitioner(nn.Identity(), nn.Linear(dimensions, num_parts), layout)


def multilayer_partitioner(
    num_parts: int, *, dimensions: int = 2, widths: tuple[int, ...] = (10, 20)
) -> Partitioner:
    """Build linear layers with ReLUs between them, 2-10-20-K in the released code.

    Its guide may have local minima outside its part.
    """
    layout = {
        "kind": "multilayer",
        "num_parts": num_parts,
        "dimensions": dimensions,
        "widths": list(widths),
    }
    body: list[nn.Module] = []
    for ins, outs in pairwise((dimensions, *widths)):
        body += [nn.Linear(ins, outs), nn.ReLU()]
    return Partitioner(nn.Sequential(*body), nn.Linear(widths[-1], num_parts), layout)


def plane_partitioner(
    num_parts: int,
    *,
    dimensions: int = 2,
    blocks: int = 6,
    width: int = 64,
    limit: float = 0.9,
    iterations: int = 5,
) -> Partitioner:
    """Build constrained residual blocks on the plane, then a linear read-out: a deformed plane, cut by straight lines.

    With more parts than dimensions the read-out's rows can't be linearly independent, as theorem 3 requires. But the
    guide of a linear read-out is convex, and a homeomorphism creates no local minimum, so there is none outside a part
    that is not empty.
    """
    layout = {
        "kind": "plane",
        "num_parts": num_parts,
        "dimensions": dimensions,
        "blocks": blocks,
        "width": width,
        "limit": limit,
        "iterations": iterations,
    }
    body = [
        DenseResidualBlock(
            dimensions, width, depth=3, limit=limit, activated=bool(number), iterations=iterations
        )
        for number in range(blocks)
    ]
    return Partitioner(nn.Sequential(*body), nn.Linear(dimensions, num_parts), layout)


def partitioner_from(layout: Mapping[str, Any]) -> Partitioner:
    """Build a freshly initialized partitioner from another one's layout.

    Raises:
        ValueError: if the layout's kind is not one of this version.
    """
    arguments = {name: tuple(value) if isinstance(value, list) else value for name, value in layout.items()}
    kind = arguments.pop("kind", None)
    if kind not in _KINDS:
        raise ValueError(f"there is no partitioner called {kind!r}; choose one of {', '.join(_KINDS)}")
    return _KINDS[kind](**arguments)


class PooledHead(nn.Module):
    """The released head without its last layer, [B, C, H, W] -> [B, hidden]."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.hidden = nn.Linear(channels, hidden)

    def forward(self, x: Tensor) -> Tensor:
        pooled = F.leaky_relu(self.norm(x), 0.2).mean((2, 3))
        return F.leaky_relu(self.hidden(pooled), 0.2)


_KINDS: dict[str, Callable[..., Partitioner]] = {
    "image": image_partitioner,
    "linear": linear_partitioner,
    "multilayer": multilayer_partitioner,
    "plane": plane_partitioner,
}


def _check(num_parts: int, size: tuple[int, int], blocks: tuple[int, ...], limit: float) -> None:
    if num_parts < 2:
        raise ValueError(f"num_parts is {num_parts}; a partition has at least 2 parts")
    if not blocks or min(blocks) < 0:
        raise ValueError(f"blocks is {list(blocks)}; it needs a number for each stage, 0 or more")
    factor = 2 ** (len(blocks) - 1)
    if any(side % factor for side in size):
        raise ValueError(
            f"images of {size[0]}x{size[1]} can't be halved {len(blocks) - 1} times; use sides divisible by "
            f"{factor}, or fewer stages"
        )
    if not 0 < limit < 1:
        raise ValueError(f"the limit of the residual blocks is {limit}; it must be above 0 and below 1")
