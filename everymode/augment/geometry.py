"""Geometric augmentations as affine maps, and the single resampling that applies their product.

Karras, Aittala, Hellsten, Laine, Lehtinen, Aila: Training Generative Adversarial Networks with Limited Data, NeurIPS
2020, appendix B (pixel blitting and general geometric transformations); ranges as
`NVlabs/stylegan2-ada-pytorch:training/augment.py`.

A map [B, 3, 3] takes the position of an output pixel to the input position that it reads (the inverse of the movement
of the image): homogeneous (x, y, 1) in pixels from the center of the image, x to the right and y downward.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.draws import Draws
from everymode.precision import at_least_float32, full_precision


def _the_same(strength: Tensor) -> Tensor:
    return strength


class Movement(NamedTuple):
    """One geometric augmentation: the maps that it draws, and the probability of applying it."""

    name: str
    draw: Callable[[Draws, tuple[int, int]], Tensor]
    """(draws, (height, width) in pixels) -> maps [B, 3, 3]."""
    chance: Callable[[Tensor], Tensor] = _the_same
    """Strength p -> the probability of applying it to an image."""


def flip() -> Movement:
    """With probability 1/2, flip horizontally."""
    return Movement("flip", lambda random, size: _scaling(1 - 2.0 * random.integers("flip", 2), 1.0))


def quarter_turn() -> Movement:
    """Rotate by 0, 90, 180 or 270 degrees; by 0 or 180 if the image is not square."""

    def draw(random: Draws, size: tuple[int, int]) -> Tensor:
        turns = random.integers("quarter turn", 4)
        if size[0] != size[1]:
            turns = 2 * (turns % 2)
        # From comparisons, because cos(pi / 2) is not quite 0.
        cosine = (turns == 0).double() - (turns == 2).double()
        sine = (turns == 1).double() - (turns == 3).double()
        return _rows((cosine, -sine, 0.0), (sine, cosine, 0.0))

    return Movement("quarter turn", draw)


def shift(most: float = 0.125) -> Movement:
    """Move by whole pixels, uniformly by up to `most` of the width and of the height."""

    def draw(random: Draws, size: tuple[int, int]) -> Tensor:
        share = (2 * random.uniform("shift", 2) - 1) * most
        return _moving((share[:, 0] * size[1]).round(), (share[:, 1] * size[0]).round())

    return Movement("shift", draw)


def scale(deviation: float = 0.2) -> Movement:
    """Scale both sides by 2 ** N(0, deviation)."""

    def draw(random: Draws, size: tuple[int, int]) -> Tensor:
        inverse = torch.exp2(-deviation * random.normal("scale"))
        return _scaling(inverse, inverse)

    return Movement("scale", draw)


def rotation(stream: str = "rotation", *, most: float = 1.0) -> Movement:
    """Rotate by an angle uniform in +-`most` half turns.

    A pipeline has it twice, before and after `stretch` and under two stream names, so that images are stretched along
    any axis. Each is applied with probability 1 - sqrt(1 - p), so that p is the probability of at least one rotation.
    """

    def draw(random: Draws, size: tuple[int, int]) -> Tensor:
        angle = (2 * random.uniform(stream) - 1) * (math.pi * most)
        cosine, sine = angle.cos(), angle.sin()
        return _rows((cosine, -sine, 0.0), (sine, cosine, 0.0))

    return Movement(stream, draw, lambda strength: 1 - (1 - strength).clamp(0, 1).sqrt())


def stretch(deviation: float = 0.2) -> Movement:
    """Scale the width by s and the height by 1 / s, with s = 2 ** N(0, deviation)."""

    def draw(random: Draws, size: tuple[int, int]) -> Tensor:
        exponent = deviation * random.normal("stretch")
        return _scaling(torch.exp2(-exponent), torch.exp2(exponent))

    return Movement("stretch", draw)


def slide(deviation: float = 0.125) -> Movement:
    """Move by N(0, deviation) of the width and of the height, not rounded to pixels."""

    def draw(random: Draws, size: tuple[int, int]) -> Tensor:
        share = deviation * random.normal("slide", 2)
        return _moving(share[:, 0] * size[1], share[:, 1] * size[0])

    return Movement("slide", draw)


def compose(maps: list[Tensor]) -> Tensor:
    """Return the map [B, 3, 3] (or [B, 4, 4]) of several maps, in the order in which they move the image.

    That is their product in this order, because each map leads from the output back to the input.
    """
    product = maps[0]
    for each in maps[1:]:
        # Not a matrix product, which GPUs may round to 10 bits (TF32): a position must be exact to a part of a pixel.
        product = (product.unsqueeze(-1) * each.unsqueeze(-3)).sum(-2)
    return product


def warp(images: Tensor, maps: Tensor, *, nearest: bool = False) -> Tensor:
    """Resample images [B, C, H, W] at the positions of maps [B, 3, 3]: bilinear, reflected beyond the border pixels.

    Half-precision images are resampled in float32. Differentiable once: torch has no second derivative of it.

    Args:
        images: images, or planes of label maps.
        maps: position of an output pixel -> position in the image.
        nearest: whether to copy the nearest pixel instead.
    """
    height, width = images.shape[2:]
    with full_precision(images):
        exact = at_least_float32(images)
        maps = maps.to(exact.dtype).view(-1, 3, 3, 1, 1)
        x = _from_center(width, exact).view(1, 1, -1)
        y = _from_center(height, exact).view(1, -1, 1)
        along = [maps[:, axis, 0] * x + maps[:, axis, 1] * y + maps[:, axis, 2] for axis in (0, 1)]
        # With align_corners, -1 and 1 are the centers of the border pixels.
        positions = [2 * at / max(side - 1, 1) for at, side in zip(along, (width, height), strict=True)]
        mode = "nearest" if nearest else "bilinear"
        moved = F.grid_sample(
            exact, torch.stack(positions, -1), mode=mode, padding_mode="reflection", align_corners=True
        )
    return moved.to(images.dtype)


def _from_center(side: int, like: Tensor) -> Tensor:
    return torch.arange(side, device=like.device, dtype=like.dtype) - (side - 1) / 2


def _scaling(x: Tensor, y: Tensor | float) -> Tensor:
    return _rows((x, 0.0, 0.0), (0.0, y, 0.0))


def _moving(x: Tensor, y: Tensor) -> Tensor:
    """Return the map of an image that moves by (x, y): an output pixel reads the input (x, y) before it."""
    return _rows((1.0, 0.0, -x), (0.0, 1.0, -y))


def _rows(*rows: tuple[Tensor | float, ...]) -> Tensor:
    """Return maps [B, 3, 3] from the first two rows, whose entries are [B] or constants."""
    entries = [*rows[0], *rows[1], 0.0, 0.0, 1.0]
    like = next(entry for entry in entries if isinstance(entry, Tensor))
    columns = [entry if isinstance(entry, Tensor) else torch.full_like(like, entry) for entry in entries]
    return torch.stack(columns, -1).view(-1, 3, 3)
