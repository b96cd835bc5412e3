"""Learned enlargement to any size: a convolutional encoder, and a network that gives the color at any point.

Chen, Liu, Wang: Learning Continuous Image Representation with Local Implicit Image Function (CVPR 2021; released as
yinboc/liif): a baseline of restorations. The encoder is that of EDSR without upsampling. Unlike Omni-INR-GAN's output
head (everymode/networks/implicit.py), it blends the four nearest positions, and its coordinates are relative to them.

The first layer of the point network is linear in the features, so it runs as a convolution of their map, before the
lookup; values are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.restoration.resampling import Size

_EDGE = 1e-6
"""Distance from the border, and from half-way between two positions, that lookups keep, as released."""
_AREA = 1e-9
"""Added to areas, as released."""


class LocalImplicit(nn.Module):
    """Images [B, 3, h, w] in [-1, 1] -> images of any size.

    Args:
        blocks: residual blocks of the encoder (released: 16).
        width: channels of the encoder (released: 64).
        hidden: widths of the hidden layers of the point network (released: 256, 256, 256, 256).
        ensemble: blend the results for the four nearest positions, by the areas opposite to them.
        unfold: use the features of the 3x3 neighborhood.
        cell: use the size of a pixel.
        max_points: number of pixels, over the whole batch, that are computed at once if no gradient is needed.
    Raises:
        ValueError: if a number is below 1.
    """

    def __init__(
        self,
        *,
        blocks: int = 4,
        width: int = 32,
        hidden: Sequence[int] = (128, 128),
        ensemble: bool = True,
        unfold: bool = True,
        cell: bool = True,
        max_points: int = 65536,
    ) -> None:
        super().__init__()
        if min(blocks, width, max_points, *hidden) < 1:
            raise ValueError(
                f"blocks is {blocks}, width {width}, hidden {tuple(hidden)}, max_points {max_points}; each is "
                "at least 1"
            )
        self.ensemble = ensemble
        self.max_points = max_points
        self.input = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)
            )
            for _ in range(blocks)
        )
        self.last = nn.Conv2d(width, width, 3, padding=1)
        ins = (width * (9 if unfold else 1) + 2 + 2 * cell, *hidden)
        self.layers = nn.ModuleList(nn.Linear(*widths) for widths in zip(ins, (*hidden, 3), strict=True))

    def forward(self, x: Tensor, size: Size) -> Tensor:
        """Return images of the given size; arguments as `enlarge`."""
        return implicit_image(
            self.encode(x), self.weights(), size, ensemble=self.ensemble, max_points=self.max_points
        )

    @torch.no_grad()
    def enlarge(self, x: Tensor, size: Size) -> Tensor:
        """Return images of any size, without gradients, in bounded memory.

        Args:
            x: [B, 3, h, w] in [-1, 1].
            size: (height, width).
        Returns:
            [B, 3, height, width] in [-1, 1].
        Raises:
            ValueError: if the images are no floats of three channels, or the size has no pixels.
        """
        if x.dim() != 4 or x.shape[1] != 3 or not x.is_floating_point():
            raise ValueError(
                f"the images have shape {list(x.shape)} and type {x.dtype}; pass floats [B, 3, h, w] in [-1, 1]"
            )
        return self(x, size).clamp(-1, 1)

    def encode(self, x: Tensor) -> Tensor:
        """Return the features of images: [B, 3, h, w] -> [B, width, h, w]."""
        first = self.input(x)
        hidden = first
        for block in self.blocks:
            hidden = hidden + block(hidden)
        return self.last(hidden) + first

    def weights(self) -> list[tuple[Tensor, Tensor]]:
        """Return weight and bias of every layer of the point network."""
        return [(layer.weight, layer.bias) for layer in map(_linear, self.layers)]


def implicit_image(
    features: Tensor,
    layers: Sequence[tuple[Tensor, Tensor]],
    size: Size,
    *,
    ensemble: bool = True,
    max_points: int = 65536,
) -> Tensor:
    """Return the colors at all pixels of an image of any size.

    Args:
        features: [B, C, h, w].
        layers: (weight [out, in], bias [out]) of the point network, with ReLU between layers. Inputs of the first: the
            features (of the 3x3 neighborhood: channel by channel, each row by row), relative row and column, in
            positions, and then, if the weight has two more columns, height and width of a pixel, in positions times 2.
        size: (height, width).
        ensemble: whether the four nearest positions are blended.
        max_points: number of pixels, over the whole batch, that are computed at once if no gradient is needed.
    Returns:
        [B, 3, height, width].
    Raises:
        ValueError: if the size has no pixels, or the first weight does not fit the features.
    """
    if min(size) < 1:
        raise ValueError(f"size {tuple(size)} has no pixels; pass a height and a width of at least 1")
    height, width = size
    rows, columns = (_centers(side, features.device) for side in size)
    network = _PointNetwork.of(features, layers)
    points = height * width
    if not torch.is_grad_enabled():
        points = max(max_points // max(len(features), 1), 1)
    image: Tensor | None = None
    for start in range(0, height * width, points):
        index = torch.arange(start, min(start + points, height * width), device=features.device)
        where = torch.stack((rows[index // width], columns[index % width]), 1).expand(len(features), -1, -1)
        piece = _colors(network, where, torch.tensor(size), ensemble)
        if points >= height * width:
            return piece.unflatten(2, size)
        if image is None:  # filled piece by piece, as in `ImplicitHead`
            image = piece.new_empty(*piece.shape[:2], height * width)
        image[:, :, start : start + points] = piece
    assert image is not None  # a size has pixels
    return image.unflatten(2, size)


def implicit_colors(
    features: Tensor,
    layers: Sequence[tuple[Tensor, Tensor]],
    points: Tensor,
    sizes: Tensor,
    *,
    ensemble: bool = True,
) -> Tensor:
    """Return the colors at some points of each image.

    Args:
        features: as in `implicit_image`.
        layers: as in `implicit_image`.
        points: [B, Q, 2] rows and columns in [-1, 1].
        sizes: [B, 2] height and width of each image in pixels.
        ensemble: as in `implicit_image`.
    Returns:
        [B, 3, Q].
    """
    return _colors(_PointNetwork.of(features, layers), points, sizes, ensemble)


class _PointNetwork(NamedTuple):
    """The point network, with its first layer applied to the features."""

    first: Tensor
    """[B, hidden, h, w], what the first layer adds up from the features."""
    of_position: Tensor
    """[hidden, 2 or 4], the first layer's weight of relative coordinates and pixel size."""
    bias: Tensor
    """[hidden]."""
    others: Sequence[tuple[Tensor, Tensor]]
    """Weight and bias of the other layers."""

    @classmethod
    def of(cls, features: Tensor, layers: Sequence[tuple[Tensor, Tensor]]) -> _PointNetwork:
        weight, bias = layers[0]
        channels, inputs = features.shape[1], weight.shape[1]
        kernel = next((side for side in (1, 3) if inputs - channels * side**2 in (2, 4)), None)
        if kernel is None:
            raise ValueError(
                f"the first layer has {inputs} inputs, which does not fit {channels} features; it takes {channels + 2} "
                f"or {9 * channels + 2}, or two more with the size of a pixel"
            )
        count = channels * kernel**2
        of_features = weight[:, :count].reshape(len(weight), channels, kernel, kernel)
        first = F.conv2d(features, of_features, padding=kernel // 2)
        return cls(first, weight[:, count:], bias, layers[1:])

    def __call__(self, index: Tensor, extra: Tensor) -> Tensor:
        """Return the colors [B, 3, Q] for flat positions [B, Q] and the other inputs [B, Q, 4]."""
        count = self.first.shape[2] * self.first.shape[3]
        rows = index + torch.arange(len(index), device=index.device)[:, None] * count
        positions = self.first.permute(0, 2, 3, 1).reshape(-1, self.first.shape[1])
        extra = extra[..., : self.of_position.shape[1]].to(positions.dtype)
        hidden = positions.index_select(0, rows.flatten()) + F.linear(
            extra.flatten(0, 1), self.of_position, self.bias
        )
        for weight, bias in self.others:
            hidden = F.linear(F.relu(hidden), weight, bias)
        return hidden.unflatten(0, index.shape).mT


def _colors(network: _PointNetwork, points: Tensor, sizes: Tensor, ensemble: bool) -> Tensor:
    """Return [B, 3, Q]; positions are computed in float64, as their rounding decides which features are read."""
    points = points.double()
    grid = torch.tensor(network.first.shape[2:], dtype=torch.float64, device=points.device)
    cells = (2 * grid / sizes.to(grid)).expand(len(points), 2).unsqueeze(1).expand_as(points)
    shifts = list(product((-1, 1), (-1, 1))) if ensemble else [(0, 0)]
    colors: list[Tensor] = []
    areas: list[Tensor] = []
    for shift in shifts:
        offset = torch.tensor(shift, dtype=torch.float64, device=points.device) / grid
        shifted = (points + offset + (_EDGE if ensemble else 0.0)).clamp(-1 + _EDGE, 1 - _EDGE)
        position = torch.minimum((((shifted + 1) * grid - 1) / 2).round().clamp_min(0), grid - 1)
        relative = (points - ((2 * position + 1) / grid - 1)) * grid
        index = (position[..., 0] * grid[1] + position[..., 1]).long()
        colors.append(network(index, torch.cat((relative, cells), 2)))
        areas.append(relative.prod(2).abs() + _AREA)
    # Each result is weighted by the area of the rectangle at the opposite corner.
    total = torch.stack(areas).sum(0)
    shares = [(area / total).to(colors[0].dtype).unsqueeze(1) for area in reversed(areas)]
    return torch.stack([color * share for color, share in zip(colors, shares, strict=True)]).sum(0)


def _centers(count: int, device: torch.device) -> Tensor:
    return (2 * torch.arange(count, dtype=torch.float64, device=device) + 1) / count - 1


def _linear(layer: nn.Module) -> nn.Linear:
    return cast(nn.Linear, layer)  # the constructor adds no other kind
