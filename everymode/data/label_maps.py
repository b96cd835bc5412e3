"""Decoding of label maps and instance maps: class numbers of pixels, resized by nearest neighbor, and edges."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from everymode.data.decode import GRAY_MODES, read_header, turn_of
from everymode.data.errors import PairError
from everymode.data.large_images import room_for
from everymode.data.paired import VOID
from everymode.data.picture_files import is_jpeg

__all__ = ["Placement", "edges_of", "placed_nearest", "placement", "read_instances", "read_map"]

LOW_DEPTH = {"L;2": 85, "L;4": 17}
"""Raw modes of gray with fewer than 8 bits -> the factor by which Pillow multiplies their values."""


class Placement(NamedTuple):
    """Region of a source picture, and its position in the result.

    Attributes:
        box: left, top, right and lower bound of the region, in pixels of the source.
        size: (h, w) of the resized region.
        offset: (y, x) of its upper left corner in the result.
    """

    box: tuple[float, float, float, float]
    size: tuple[int, int]
    offset: tuple[int, int]


def placement(size: tuple[int, int], resolution: tuple[int, int], fit: str) -> Placement:
    """Return which region of a picture of size (H, W) is used for `resolution`, and where it is put.

    Args:
        size: (H, W) of the source.
        resolution: (H, W) of the result.
        fit: "crop" (the largest centered region of the aspect ratio), "pad" (all of it, centered) or "stretch".
    """
    (source_height, source_width), (height, width) = size, resolution
    if fit == "crop":
        scale = min(source_width / width, source_height / height)
        left = max(0.0, (source_width - width * scale) / 2)
        top = max(0.0, (source_height - height * scale) / 2)
        return Placement((left, top, source_width - left, source_height - top), resolution, (0, 0))
    box = (0.0, 0.0, float(source_width), float(source_height))
    if fit == "stretch":
        return Placement(box, resolution, (0, 0))
    scale = min(width / source_width, height / source_height)
    inner = (max(1, round(source_height * scale)), max(1, round(source_width * scale)))
    return Placement(box, inner, ((height - inner[0]) // 2, (width - inner[1]) // 2))


def placed_nearest(values: np.ndarray, region: Placement) -> np.ndarray:
    """Return the region of `values` [H, W] resized by nearest neighbor: the source pixel under each pixel's center."""
    left, top, right, lower = region.box
    axes = []
    for low, high, count, size in zip((top, left), (lower, right), region.size, values.shape, strict=True):
        centers = low + (np.arange(count) + 0.5) * ((high - low) / count)
        axes.append(np.clip(np.floor(centers).astype(np.int64), 0, size - 1))
    return values[np.ix_(*axes)]


def edges_of(instances: np.ndarray) -> np.ndarray:
    """Return uint8 [..., H, W], 1 where the left, right, upper or lower neighbor has another number than the pixel."""
    edges = np.zeros(instances.shape, np.uint8)
    across = instances[..., :, 1:] != instances[..., :, :-1]
    down = instances[..., 1:, :] != instances[..., :-1, :]
    edges[..., :, 1:] |= across
    edges[..., :, :-1] |= across
    edges[..., 1:, :] |= down
    edges[..., :-1, :] |= down
    return edges


def read_map(image: Image.Image, where: str, *, zero_is_void: bool = False) -> np.ndarray:
    """Return the classes of an opened label map: its gray values or palette indices, uint8 [H, W].

    Args:
        image: opened, not yet decoded.
        where: path of the file in error messages.
        zero_is_void: whether 0 is void, 1 is class 0, and so on.

    Raises:
        PairError: if it holds colors, transparency or fractions instead of numbers, or numbers above 255, or is stored
            as JPEG, which changes numbers.
        OSError: if the file is damaged (Pillow may raise other errors, too).
    """
    if is_jpeg(image):
        raise PairError(
            f"{where} is a JPEG, whose compression changes class numbers; save label maps as gray or palette PNG"
        )
    if image.mode != "P" and (image.mode not in GRAY_MODES or image.mode in ("LA", "La", "F")):
        raise PairError(
            f"{where} is of mode {image.mode} (colors or transparency), and a label map holds one class number per "
            "pixel; save it as gray or palette PNG"
        )
    values = _numbers(image)
    if values.size and (values.min() < 0 or values.max() > VOID):
        raise PairError(
            f"{where} holds values from {values.min()} to {values.max()}; classes are 0 .. {VOID - 1}, and {VOID} is "
            "void"
        )
    classes = values.astype(np.uint8)
    if zero_is_void:
        # 0 - 1 is 255 in a byte
        classes = np.where(classes == VOID, np.uint8(VOID), classes - np.uint8(1))
    return classes


def read_instances(image: Image.Image) -> np.ndarray:
    """Return a number for each pixel of an opened instance map, int64 [H, W], equal within an instance.

    These are gray values or palette indices; of colors, the three bytes as one number.

    Raises:
        OSError: if the file is damaged (Pillow may raise other errors, too).
    """
    if image.mode == "P" or (image.mode in GRAY_MODES and image.mode not in ("LA", "La")):
        return _numbers(image).astype(np.int64)
    turn = turn_of(image)
    with room_for(image):
        colors = image.convert("RGB")
        colors = colors if turn is None else colors.transpose(turn)
        return np.asarray(colors).astype(np.int64) @ np.array([1, 256, 65536])


def _numbers(image: Image.Image) -> np.ndarray:
    """Return the numbers that an opened image stores for its pixels [H, W], turned upright."""
    read_header(image)  # raises if there are too many pixels
    factor = next(
        (f for mode, f in LOW_DEPTH.items() if any(mode in tile[3:] for tile in getattr(image, "tile", ()))),
        1,
    )
    turn = turn_of(image)
    with room_for(image):
        image.load()
        upright = image if turn is None else image.transpose(turn)
        return np.asarray(upright).astype(np.int32 if image.mode != "F" else np.float32) // factor
