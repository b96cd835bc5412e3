"""Color augmentations as affine maps of (red, green, blue), and the single pass that applies their product.

Karras, Aittala, Hellsten, Laine, Lehtinen, Aila: Training Generative Adversarial Networks with Limited Data, NeurIPS
2020, appendix B (color transformations); ranges as `NVlabs/stylegan2-ada-pytorch:training/augment.py`.

A map [B, 4, 4] takes (red, green, blue, 1), colors in [-1, 1], to the new color. Gray images get the mean effect on
the three channels, so saturation and hue don't change them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from everymode.draws import Draws
from everymode.precision import full_precision


class Coloring(NamedTuple):
    """One color augmentation: its name and the maps that it draws."""

    name: str
    draw: Callable[[Draws], Tensor]
    """Draws -> maps [B, 4, 4]."""


def brightness(deviation: float = 0.2) -> Coloring:
    """Add N(0, deviation) to all channels."""

    def draw(random: Draws) -> Tensor:
        shift = deviation * random.normal("brightness")
        return _colors(torch.eye(3, device=shift.device, dtype=shift.dtype).expand(len(shift), 3, 3), shift)

    return Coloring("brightness", draw)


def contrast(deviation: float = 0.5) -> Coloring:
    """Multiply all channels by 2 ** N(0, deviation)."""
    return Coloring(
        "contrast", lambda random: _along_and_across(*[_power(random, "contrast", deviation)] * 2)
    )


def luma_flip() -> Coloring:
    """With probability 1/2, invert lightness and keep the hue. Gray images become their negatives."""

    def draw(random: Draws) -> Tensor:
        along = 1 - 2 * random.integers("luma flip", 2).to(random.dtype)
        return _along_and_across(along, torch.ones_like(along))

    return Coloring("luma flip", draw)


def hue(most: float = 1.0) -> Coloring:
    """Rotate colors around the gray axis by an angle uniform in +-`most` half turns."""

    def draw(random: Draws) -> Tensor:
        angle = ((2 * random.uniform("hue") - 1) * (math.pi * most)).view(-1, 1, 1)
        gray = _gray_axis(angle)
        # v x c as a matrix, for v = (1, 1, 1) / sqrt(3)
        cross = torch.zeros_like(gray)
        for row, column in ((0, 2), (1, 0), (2, 1)):
            cross[row, column], cross[column, row] = 3**-0.5, -(3**-0.5)
        identity = torch.eye(3, device=angle.device, dtype=angle.dtype)
        turned = gray + angle.cos() * (identity - gray) + angle.sin() * cross
        return _colors(turned, torch.zeros_like(angle[:, 0, 0]))

    return Coloring("hue", draw)


def saturation(deviation: float = 1.0) -> Coloring:
    """Scale each color's distance from gray by 2 ** N(0, deviation)."""

    def draw(random: Draws) -> Tensor:
        across = _power(random, "saturation", deviation)
        return _along_and_across(torch.ones_like(across), across)

    return Coloring("saturation", draw)


def recolor(images: Tensor, maps: Tensor) -> Tensor:
    """Apply maps [B, 4, 4] to the colors of images [B, C, H, W] with C = 1 or 3.

    Raises:
        ValueError: for another number of channels.
    """
    channels = images.shape[1]
    if channels not in (1, 3):
        raise ValueError(
            f"color augmentations are defined for gray or RGB images, not for {channels} channels: "
            "use adaptive augmentation without its color policies"
        )
    with full_precision(images):
        maps = maps.to(images.dtype)[..., None, None]
        if channels == 1:
            return images * maps[:, :3, :3].sum(2).mean(1, keepdim=True) + maps[:, :3, 3].mean(
                1, keepdim=True
            )
        colored = maps[:, :3, 3]
        for channel in range(3):
            colored = colored + maps[:, :3, channel] * images[:, channel : channel + 1]
        return colored


def _power(random: Draws, stream: str, deviation: float) -> Tensor:
    return torch.exp2(deviation * random.normal(stream))


def _gray_axis(like: Tensor) -> Tensor:
    """Return the projection [3, 3] onto the gray axis."""
    return torch.full((3, 3), 1 / 3, device=like.device, dtype=like.dtype)


def _along_and_across(along: Tensor, across: Tensor) -> Tensor:
    """Return maps that scale colors along the gray axis by `along` [B], and across it by `across` [B]."""
    gray = _gray_axis(along)
    identity = torch.eye(3, device=along.device, dtype=along.dtype)
    linear = along.view(-1, 1, 1) * gray + across.view(-1, 1, 1) * (identity - gray)
    return _colors(linear, torch.zeros_like(along))


def _colors(linear: Tensor, shift: Tensor) -> Tensor:
    """Return maps [B, 4, 4] from a linear part [B, 3, 3] and an equal shift [B] of all channels."""
    upper = torch.cat((linear, shift.view(-1, 1, 1).expand(-1, 3, 1)), 2)
    last = torch.zeros_like(upper[:, :1])
    last[:, :, 3] = 1
    return torch.cat((upper, last), 1)
