"""Enlargement of pictures of any size in bounded memory, tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Tile(NamedTuple):
    """One tile along one axis, in pixels of the small picture."""

    start: int
    """First pixel that passes through the network."""
    stop: int
    """Pixel after the last one that passes through the network."""
    first: int
    """First pixel whose output is kept."""
    last: int
    """Pixel after the last one whose output is kept."""


def tiles(side: int, tile: int, overlap: int) -> Iterator[Tile]:
    """Cover a side with tiles of at most `tile` pixels, which overlap their neighbors by `overlap` pixels.

    Raises:
        ValueError: if the overlap is negative or leaves nothing of a tile.
    """
    kept = tile - 2 * overlap
    if overlap < 0 or kept < 1:
        raise ValueError(
            f"a tile of {tile} pixels with an overlap of {overlap} on each side leaves {kept} pixels: the tile must be "
            f"larger than {2 * overlap}, or the overlap smaller"
        )
    if side <= tile:
        yield Tile(0, side, 0, side)
        return
    for first in range(0, side, kept):
        last = min(first + kept, side)
        yield Tile(max(0, first - overlap), min(side, last + overlap), first, last)


@torch.no_grad()
def enlarged(network: nn.Module, picture: Tensor, *, scale: int, tile: int, overlap: int) -> Tensor:
    """Return a picture enlarged by a generator of super-resolution, [C, scale * h, scale * w] in [-1, 1], on the CPU.

    The result equals that of one pass over the picture if the overlap is at least the network's receptive field (the
    distance, in pixels of the small picture, from which a pixel of the result depends on its input).

    Args:
        network: generator(None, pictures [1, C, h, w]) -> [1, C, scale * h, scale * w], in eval mode.
        picture: [C, h, w] in [-1, 1].
        scale: factor of the generator.
        tile: largest side, in pixels of the small picture, that passes through the network at once.
        overlap: pixels of the small picture by which tiles overlap their neighbors on each side.

    Raises:
        ValueError: if the tile is not larger than twice the overlap, or the picture has no three dimensions.
    """
    if picture.ndim != 3:
        raise ValueError(f"enlarged needs one picture [C, h, w], not a tensor of shape {list(picture.shape)}")
    weights = next(network.parameters())
    channels, height, width = picture.shape
    result = torch.empty(channels, scale * height, scale * width)
    for row in tiles(height, tile, overlap):
        for column in tiles(width, tile, overlap):
            cut = picture[None, :, row.start : row.stop, column.start : column.stop]
            large = network(None, cut.to(weights.device, weights.dtype))[0].float().cpu()
            top, left = scale * (row.first - row.start), scale * (column.first - column.start)
            tall, wide = scale * (row.last - row.first), scale * (column.last - column.first)
            result[:, scale * row.first : scale * row.last, scale * column.first : scale * column.last] = (
                large[:, top : top + tall, left : left + wide]
            )
    return result
