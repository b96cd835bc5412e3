"""Colored shapes on a gray background, drawn on demand, with three known attributes per image."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from everymode.data.dataset import Dataset
from everymode.data.order import random_uniform
from everymode.data.synthetic import in_memory
from everymode.data.words import did_you_mean

__all__ = ["ATTRIBUTES", "draw_shape", "shapes"]

COLORS = {
    "red": (220, 40, 40),
    "green": (40, 170, 60),
    "blue": (50, 80, 220),
    "yellow": (235, 205, 50),
    "purple": (150, 60, 180),
    "orange": (240, 140, 40),
}
SIZES = {"small": 0.18, "medium": 0.28, "large": 0.38}  # radius as a share of the shorter side
OVERSAMPLING = 4


def _corners(count: int, *, inner: float = 1.0) -> list[tuple[float, float]]:
    """Return corners on the unit circle; every second one is on a circle of radius `inner`."""
    angles = [2 * math.pi * i / count for i in range(count)]
    radii = [1.0 if i % 2 == 0 else inner for i in range(count)]
    return [(r * math.sin(angle), -r * math.cos(angle)) for r, angle in zip(radii, angles, strict=True)]


OUTLINES: dict[str, list[tuple[float, float]]] = {
    "circle": _corners(64),
    "square": _corners(4),
    "triangle": _corners(3),
    "star": _corners(10, inner=0.4),
    "cross": [
        *((-0.3, -0.95), (0.3, -0.95), (0.3, -0.3), (0.95, -0.3), (0.95, 0.3), (0.3, 0.3)),
        *((0.3, 0.95), (-0.3, 0.95), (-0.3, 0.3), (-0.95, 0.3), (-0.95, -0.3), (-0.3, -0.3)),
    ],
}
"""Outlines inside the unit circle; a circle is a polygon with 64 corners, too many to see."""
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "shape": tuple(OUTLINES),
    "color": tuple(COLORS),
    "size": tuple(SIZES),
}


def draw_shape(
    shape: str,
    color: str,
    size: str,
    *,
    resolution: tuple[int, int],
    center: tuple[float, float] = (0.5, 0.5),
    angle: float = 0.0,
    ground: int = 128,
) -> np.ndarray:
    """Return one antialiased shape, uint8 [3, H, W].

    Args:
        shape, color, size: names from ATTRIBUTES.
        resolution: (H, W).
        center: center of the shape (y, x) as shares of height and width, 0 .. 1.
        angle: angle of rotation in radians.
        ground: gray value of the background, 0 .. 255.
    """
    height, width = resolution
    radius = SIZES[size] * min(height, width) * OVERSAMPLING
    middle_y, middle_x = center[0] * height * OVERSAMPLING, center[1] * width * OVERSAMPLING
    cos, sin = math.cos(angle) * radius, math.sin(angle) * radius
    outline = [(middle_x + x * cos - y * sin, middle_y + x * sin + y * cos) for x, y in OUTLINES[shape]]
    image = Image.new("RGB", (width * OVERSAMPLING, height * OVERSAMPLING), (ground, ground, ground))
    ImageDraw.Draw(image).polygon(outline, fill=COLORS[color])
    return np.asarray(image.reduce(OVERSAMPLING)).transpose(2, 0, 1)


def shapes(
    *, resolution: tuple[int, int] | None = None, samples: int = 4096, seed: int = 0, labels: str = "shape"
) -> Dataset:
    """Return random shapes of random color, size, position, rotation and background.

    Args:
        resolution: (H, W) (default: 32x32).
        samples: number of images.
        seed: any integer.
        labels: attributes that label the images: "shape", "color", "size", or several joined by "+", each of which is
            then a label block.

    Raises:
        ValueError: if an attribute is unknown, or `samples` is below 1.
    """
    height, width = resolution or (32, 32)
    blocks = labels.split("+")
    for name in blocks:
        if name not in ATTRIBUTES:
            near = did_you_mean(name, ATTRIBUTES)
            raise ValueError(
                f'shapes have no attribute "{name}"{near}; choose from {", ".join(ATTRIBUTES)}, joined by "+"'
            )
    if samples < 1:
        raise ValueError(f"samples is {samples}; it must be at least 1")
    draws = random_uniform(seed, "shapes", 0, 7 * samples).reshape(samples, 7)
    images = np.empty((samples, 3, height, width), np.uint8)
    values = {
        name: (draws[:, i] * len(ATTRIBUTES[name])).astype(np.int64) for i, name in enumerate(ATTRIBUTES)
    }
    for row in range(samples):
        names = [ATTRIBUTES[name][values[name][row]] for name in ATTRIBUTES]
        reach = SIZES[names[2]] * min(height, width) + 1  # keeps the whole shape inside the image
        range_y, range_x = max(0.0, 0.5 - reach / height), max(0.0, 0.5 - reach / width)
        images[row] = draw_shape(
            *names,
            resolution=(height, width),
            center=(0.5 + (2 * draws[row, 3] - 1) * range_y, 0.5 + (2 * draws[row, 4] - 1) * range_x),
            angle=2 * math.pi * draws[row, 5],
            ground=int(40 + 176 * draws[row, 6]),
        )
    columns = np.stack([values[name] for name in blocks], axis=1)
    classes = tuple(value for name in blocks for value in ATTRIBUTES[name])
    if len(blocks) == 1:
        return in_memory("shapes", images, columns[:, 0], classes)
    return in_memory("shapes", images, columns, classes, label_blocks=[ATTRIBUTES[name] for name in blocks])
