"""Pictures of a unit: its strongest images side by side, darkened where the unit is off."""

from __future__ import annotations

import numpy as np
from PIL import Image
from torch import Tensor

from everymode.pictures import to_uint8

__all__ = ["strip"]

LEAST_SIDE, MOST_SIDE = 64, 160
"""Smallest and largest shorter side of a shown image, in pixels."""
GAP = 3
DARKENED = 0.4
"""Factor of the pixels in which the unit is off."""
EDGE = (255, 235, 0)
WHITE = 255


def strip(images: Tensor, on: Tensor) -> Image.Image:
    """Return images side by side, with the mask of a unit drawn.

    Pixels in which the unit is off are darkened, and a yellow line is drawn around the others. Small images are
    enlarged by a whole factor, large ones are reduced.

    Args:
        images: [k, C, H, W], uint8 or float in [-1, 1], with one channel (gray), three (RGB) or more (the first three
            are shown).
        on: bool [k, H, W].

    Raises:
        ValueError: if the shapes don't fit.
    """
    if images.ndim != 4 or tuple(on.shape) != (len(images), *images.shape[2:]) or not len(images):
        raise ValueError(
            f"images have shape {list(images.shape)} and masks {list(on.shape)}; [k, C, H, W] and [k, H, W] are needed"
        )
    pixels = to_uint8(images).numpy()
    pixels = pixels[:, :3] if pixels.shape[1] >= 3 else pixels[:, :1].repeat(3, axis=1)
    tiles = [_drawn(image.transpose(1, 2, 0), mask) for image, mask in zip(pixels, on.numpy(), strict=True)]
    height, width = tiles[0].shape[:2]
    canvas = np.full((height, len(tiles) * (width + GAP) - GAP, 3), WHITE, np.uint8)
    for number, tile in enumerate(tiles):
        canvas[:, number * (width + GAP) : number * (width + GAP) + width] = tile
    return Image.fromarray(canvas)


def _drawn(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return an image [H, W, 3] with its mask [H, W], in the size in which it is shown."""
    factor = max(1, -(-LEAST_SIDE // min(mask.shape)))
    image, mask = (each.repeat(factor, axis=0).repeat(factor, axis=1) for each in (image, mask))
    if min(mask.shape) > MOST_SIDE:
        scale = MOST_SIDE / min(mask.shape)
        size = (max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale)))
        image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
        mask = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
    shown = np.where(mask[..., None], image, (image * DARKENED).astype(np.uint8))
    shown[_edge(mask)] = EDGE
    return shown


def _edge(mask: np.ndarray) -> np.ndarray:
    """Return the pixels of a mask that have a neighbor outside it; the picture's border is no edge."""
    outside = np.pad(~mask, 1)
    neighbors = outside[:-2, 1:-1] | outside[2:, 1:-1] | outside[1:-1, :-2] | outside[1:-1, 2:]
    return mask & neighbors
