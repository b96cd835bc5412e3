"""Colored shapes on a gray background, drawn on demand, with three known attributes per image."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from everymode.data.dataset import Dataset
from everymode.data.order import random_uniform
from everymode.data.paired import Paired
from everymode.data.synthetic import in_memory
from everymode.data.words import did_you_mean

__all__ = ["ATTRIBUTES", "draw_shape", "shape_coverage", "shapes"]

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
GROUNDS = ("random", "fixed", "textured")
HALF = 128
"""Coverage (of 255) from which a pixel belongs to the shape."""


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
    corners = _placed_corners(shape, size, resolution=resolution, center=center, angle=angle)
    image = Image.new("RGB", (width * OVERSAMPLING, height * OVERSAMPLING), (ground, ground, ground))
    ImageDraw.Draw(image).polygon(corners, fill=COLORS[color])
    return np.asarray(image.reduce(OVERSAMPLING)).transpose(2, 0, 1)


def shape_coverage(
    shape: str,
    size: str,
    *,
    resolution: tuple[int, int],
    center: tuple[float, float] = (0.5, 0.5),
    angle: float = 0.0,
) -> np.ndarray:
    """Return the share of each pixel that a shape covers, uint8 [H, W] in 0 .. 255; arguments as for `draw_shape`."""
    height, width = resolution
    corners = _placed_corners(shape, size, resolution=resolution, center=center, angle=angle)
    image = Image.new("L", (width * OVERSAMPLING, height * OVERSAMPLING), 0)
    ImageDraw.Draw(image).polygon(corners, fill=255)
    return np.asarray(image.reduce(OVERSAMPLING))


def _placed_corners(
    shape: str, size: str, *, resolution: tuple[int, int], center: tuple[float, float], angle: float
) -> list[tuple[float, float]]:
    """Return the corners (x, y) of a shape in the oversampled picture."""
    height, width = resolution
    radius = SIZES[size] * min(height, width) * OVERSAMPLING
    middle_y, middle_x = center[0] * height * OVERSAMPLING, center[1] * width * OVERSAMPLING
    cos, sin = math.cos(angle) * radius, math.sin(angle) * radius
    return [(middle_x + x * cos - y * sin, middle_y + x * sin + y * cos) for x, y in OUTLINES[shape]]


def shapes(
    *,
    resolution: tuple[int, int] | None = None,
    samples: int = 4096,
    seed: int = 0,
    labels: str = "shape",
    outlines: str = "",
    colors: str = "",
    sizes: str = "",
    ground: str = "random",
    antialias: bool = True,
    maps: bool = False,
) -> Dataset:
    """Return random shapes of random color, size, position, rotation and background.

    Args:
        resolution: (H, W) (default: 32x32).
        samples: number of images.
        seed: any integer.
        labels: attributes that label the images: "shape", "color", "size", or several joined by "+", each of which is
            then a label block.
        outlines, colors, sizes: values of the attributes "shape", "color" and "size" to draw from, joined by "+", as in
            "circle+square" (default: all). These are also the classes, in this order.
        ground: background: "random" (a random gray per image), "fixed" (medium gray), or "textured" (gray waves of
            random direction and position around medium gray).
        antialias: whether pixels at the edge of a shape are mixed with the background.
        maps: whether images are paired with label maps: 0 = background, then the classes of the first attribute in
            `labels`, for pixels of which the shape covers at least half.

    Raises:
        ValueError: if an attribute or one of its values is unknown, or another argument is out of range.
    """
    blocks = labels.split("+")
    for name in blocks:
        if name not in ATTRIBUTES:
            near = did_you_mean(name, ATTRIBUTES)
            raise ValueError(
                f'shapes have no attribute "{name}"{near}; choose from {", ".join(ATTRIBUTES)}, joined by "+"'
            )
    if samples < 1:
        raise ValueError(f"samples is {samples}; it must be at least 1")
    if ground not in GROUNDS:
        raise ValueError(
            f'ground is "{ground}"{did_you_mean(ground, GROUNDS)}; choose one of {", ".join(GROUNDS)}'
        )
    options = {
        name: _values(text, name, ATTRIBUTES[name])
        for name, text in zip(ATTRIBUTES, (outlines, colors, sizes), strict=True)
    }
    draws = random_uniform(seed, "shapes", 0, 7 * samples).reshape(samples, 7)
    values = {name: (draws[:, i] * len(options[name])).astype(np.int64) for i, name in enumerate(options)}
    names = [tuple(options[name][values[name][row]] for name in options) for row in range(samples)]
    images, coverage = _drawn(
        names, draws, resolution or (32, 32), seed=seed, ground=ground, antialias=antialias, covers=maps
    )
    columns = np.stack([values[name] for name in blocks], axis=1)
    classes = tuple(value for name in blocks for value in options[name])
    several = len(blocks) > 1
    dataset = in_memory(
        "shapes",
        images,
        columns if several else columns[:, 0],
        classes,
        label_blocks=[options[name] for name in blocks] if several else (),
    )
    if coverage is None:
        return dataset
    classes_at = np.where(coverage >= HALF, columns[:, 0, None, None] + 1, 0).astype(np.uint8)
    map_names = ("background", *options[blocks[0]])
    return dataset.with_paired(Paired(classes_at, num_classes=len(map_names), class_names=map_names))


def _values(text: str, attribute: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Parse values of an attribute, joined by "+"; all of them for an empty text."""
    names = tuple(text.split("+")) if text else known
    for name in names:
        if name not in known:
            raise ValueError(
                f'shapes have no {attribute} "{name}"{did_you_mean(name, known)}; choose from {", ".join(known)}, '
                'joined by "+"'
            )
    if len(set(names)) < len(names):
        raise ValueError(f'"{text}" names a {attribute} twice; name each once')
    return names


def _drawn(
    names: list[tuple[str, ...]],
    draws: np.ndarray,
    resolution: tuple[int, int],
    *,
    seed: int,
    ground: str,
    antialias: bool,
    covers: bool,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the images uint8 [N, 3, H, W], and if `covers` the coverage of their shapes uint8 [N, H, W].

    Args:
        names: shape, color and size of each image.
        draws: uniform [N, 7]; the last four columns are position, angle and gray of the background.
        resolution: (H, W).
        seed, ground, antialias: as for `shapes`.
        covers: whether coverage is needed.
    """
    (height, width), samples = resolution, len(names)
    images = np.empty((samples, 3, height, width), np.uint8)
    coverage = np.empty((samples, height, width), np.uint8) if covers else None
    plain = antialias and ground != "textured"
    for row, (shape, color, size) in enumerate(names):
        reach = SIZES[size] * min(height, width) + 1  # keeps the whole shape inside the image
        range_y, range_x = max(0.0, 0.5 - reach / height), max(0.0, 0.5 - reach / width)
        center = (0.5 + (2 * draws[row, 3] - 1) * range_y, 0.5 + (2 * draws[row, 4] - 1) * range_x)
        angle = 2 * math.pi * draws[row, 5]
        gray = int(40 + 176 * draws[row, 6]) if ground == "random" else 128
        covered = np.zeros(0)
        if covers or not plain:
            covered = shape_coverage(shape, size, resolution=resolution, center=center, angle=angle)
        if coverage is not None:
            coverage[row] = covered
        if plain:
            images[row] = draw_shape(
                shape, color, size, resolution=resolution, center=center, angle=angle, ground=gray
            )
            continue
        back = np.full(resolution, float(gray))
        if ground == "textured":
            back = _waves(random_uniform(seed, "shapes ground", row, 6), resolution)
        share = covered / 255 if antialias else (covered >= HALF).astype(float)
        mixed = back * (1 - share) + share * np.array(COLORS[color])[:, None, None]
        images[row] = np.rint(mixed).astype(np.uint8)
    return images, coverage


def _waves(draws: np.ndarray, resolution: tuple[int, int]) -> np.ndarray:
    """Return a background [H, W] around 128, the sum of two waves of random direction and position."""
    height, width = resolution
    y, x = np.arange(height)[:, None] / min(resolution), np.arange(width)[None] / min(resolution)
    total = np.full(resolution, 128.0)
    for direction, position, frequency in draws.reshape(2, 3):
        along = math.cos(math.pi * direction) * x + math.sin(math.pi * direction) * y
        total += 20 * np.sin(2 * math.pi * ((2 + 3 * frequency) * along + position))
    return total
