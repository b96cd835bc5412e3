"""Partitioners: networks that say, by the largest of K logits, in which part of space an image or a point lies."""

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
    """x -> logits [B, K], a linear read-out of a body's features.

    In evaluation mode it changes none of its buffers, and gradients flow through it to the pixels even where its own
    parameters take none.

    Args:
        body: x -> features [B, F].
        read_out: features -> logits.
        layout: the call that built it, as JSON values, for `partitioner_from`.
    """

    def __init__(self, body: nn.Module, read_out: nn.Linear, layout: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.body, self.read_out, self.layout = body, read_out, dict(layout or {})

    @property
    def num_parts(self) -> int:
        """K."""
        return self.read_out.out_features

    def forward(self, x: Tensor) -> Tensor:
        return self.read_out(self.body(x))

    def features(self, x: Tensor) -> Tensor:
        """What the read-out reads: [B, F]."""
        return self.body(x)

    def certify(self) -> Certificate:
        """What can be proved of this partitioner: see everymode/partitioner/certificate.py."""
        return certify(self.body, self.read_out)


def image_partitioner(
    num_parts: int,
    *,
    channels: int = 3,
    size: tuple[int, int] = (32, 32),
    blocks: tuple[int, ...] = (5, 5, 5, 5),
    width: int = 160,
    pooled: bool = True,
    full_blocks: int = 1,
    full_width: int = 512,
    head_layers: int = 1,
    limit: float = 0.9,
    circular: bool = False,
    iterations: int = 5,
) -> Partitioner:
    """Partition-Guided GAN's partitioner: residual blocks with a squeeze after each stage, then a head.

    The released head (`pooled`) is batch normalization, LeakyReLU 0.2, mean over space, linear, LeakyReLU 0.2. The
    other keeps the premises of the paper's theorem 3: all the numbers that the blocks give, residual blocks of full
    connections with the same limit, then sigma(W1 h) with a square W1 and a smooth sigma. Nothing pools, and nothing
    scales without its smallest singular value entering the certificate. Both end in a linear read-out.

    Args:
        channels, size: of the images; the sides must be divisible by 2 ** (stages - 1).
        blocks: residual blocks of each stage, between which a squeeze halves the sides. The paper has 20 in four stages
            with 160 channels in each.
        width: channels inside the blocks' bottlenecks.
        full_blocks, full_width: without pooling, full residual blocks and the features inside them; with it, full_width
            is the number of features.
        head_layers: without pooling, layers sigma(W h).
        limit: c, the largest spectral norm of each constrained layer; the released code has 0.9.
        circular, iterations: see ConstrainedConv2d.
    Raises:
        ValueError: sides that can't be halved as often, no stage, or a limit that is not between 0 and 1.
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
    """Residual blocks with a squeeze after each stage but the last; and the shape (C, H, W) of what they give."""
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
    """One linear layer, the released code's "invertible" network for points: its guide is convex."""
    layout = {"kind": "linear", "num_parts": num_parts, "dimensions": dimensions}
    return Partitioner(nn.Identity(), nn.Linear(dimensions, num_parts), layout)


def multilayer_partitioner(
    num_parts: int, *, dimensions: int = 2, widths: tuple[int, ...] = (10, 20)
) -> Partitioner:
    """Linear layers with ReLU between them, 2-10-20-K in the released code: its guide may have false valleys."""
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
    """Constrained residual blocks of the plane, then a linear read-out: a bent plane, cut by straight lines.

    With more parts than dimensions the read-out's rows can't be independent, as theorem 3 asks; but the guide of a
    linear read-out is convex, and a homeomorphism moves no local minimum, so there are no false valleys all the same.
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
    """A partitioner of a layout that another one carries, freshly initialized.

    Raises ValueError for a layout that names no network of this version.
    """
    numbers = {name: tuple(value) if isinstance(value, list) else value for name, value in layout.items()}
    kind = numbers.pop("kind", None)
    if kind not in _KINDS:
        raise ValueError(f"there is no partitioner called {kind!r}; known are {', '.join(_KINDS)}")
    return _KINDS[kind](**numbers)


class PooledHead(nn.Module):
    """Images [B, C, H, W] -> [B, hidden]: the released head, without its last layer."""

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
        raise ValueError(f"a partition into {num_parts} parts is none; ask for at least 2")
    if not blocks or min(blocks) < 0:
        raise ValueError(f"blocks are {list(blocks)}; give a number for each stage, 0 or more")
    most = 2 ** (len(blocks) - 1)
    if any(side % most for side in size):
        raise ValueError(
            f"images of {size[0]}x{size[1]} can't be halved {len(blocks) - 1} times; take sides divisible by "
            f"{most}, or fewer stages"
        )
    if not 0 < limit < 1:
        raise ValueError(f"the limit of the residual blocks is {limit}; give one above 0 and below 1")
