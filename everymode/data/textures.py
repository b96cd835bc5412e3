"""Pictures of textured regions with their label maps, drawn on demand, for semantic synthesis.

Regions have random outlines, and their classes are four textures of equal mean color. Neither the outline nor the color
of a region depends on its class, so that the class shows only as texture: a network that reads the map off generated
pictures must find the textures.
"""

from __future__ import annotations

import numpy as np

from everymode.data.dataset import Dataset
from everymode.data.order import random_uniform
from everymode.data.paired import Paired
from everymode.data.synthetic import in_memory
from everymode.data.words import did_you_mean

__all__ = ["SPLITS", "TEXTURES", "draw_texture", "textures"]

TEXTURES = ("horizontal stripes", "vertical stripes", "checks", "waves")
SPLITS = ("train", "test", "judge")
"""Names of the disjoint random streams: for training, for scores, and for the network that computes scores."""
MEAN = 128.0
CONTRAST = (56.0, 36.0, -40.0)
"""Difference between the bright color of all textures and their mean, red, green and blue; the dark one is opposite."""
PERIOD = 4
"""Period of stripes and checks in pixels."""
WAVE_PERIOD, WAVE_HEIGHT, WAVE_LENGTH = 6.0, 1.5, 12.0
NOISE = 6.0
"""Largest deviation of a pixel from its color."""
SINUSOIDS = 3
"""Number of sinusoids whose sum is the height field of a region; the highest region wins a pixel."""
HIGHEST_FREQUENCY = 0.55
"""Largest frequency of these in cycles per image."""
BLOCK = 256
"""Rows that are drawn at once. A row's draws depend on its block and its number in it, not on the number of rows."""


def textures(
    *,
    resolution: tuple[int, int] | None = None,
    split: str = "train",
    samples: int = 4096,
    seed: int = 0,
    regions: int = 3,
    colors: str = "same",
) -> Dataset:
    """Return pictures of textured regions, paired with label maps of four classes (TEXTURES).

    Args:
        resolution: (H, W) (default: 32x32); the period of the textures is always four to six pixels.
        split: "train", "test" or "judge", three disjoint random streams.
        samples: number of pictures; a row doesn't depend on it.
        seed: any integer.
        regions: number of regions per picture, 1 to 4, of different classes; a region may be hidden by the others.
        colors: "same" (all textures alternate between the same two colors) or "random" (two random colors per region).

    Raises:
        ValueError: if an argument is out of range.
    """
    if split not in SPLITS:
        raise ValueError(
            f'textures have no split "{split}"{did_you_mean(split, SPLITS)}; choose one of {", ".join(SPLITS)}'
        )
    if colors not in ("same", "random"):
        raise ValueError(f'colors is "{colors}"; choose "same" or "random"')
    if samples < 1:
        raise ValueError(f"samples is {samples}; it must be at least 1")
    if not 1 <= regions <= len(TEXTURES):
        raise ValueError(f"regions is {regions}; it must be 1 to {len(TEXTURES)}")
    height, width = resolution or (32, 32)
    images = np.empty((samples, 3, height, width), np.uint8)
    maps = np.empty((samples, height, width), np.uint8)
    for start in range(0, samples, BLOCK):
        rows = slice(start, min(start + BLOCK, samples))
        _draw_block(
            images[rows],
            maps[rows],
            stream=f"textures {split}",
            seed=seed,
            block=start // BLOCK,
            regions=regions,
            random_colors=colors == "random",
        )
    dataset = in_memory(f"textures:{split}", images, np.full(samples, -1, np.int64), ())
    return dataset.with_paired(Paired(maps, num_classes=len(TEXTURES), class_names=TEXTURES))


def _draw_block(
    images: np.ndarray,
    maps: np.ndarray,
    *,
    stream: str,
    seed: int,
    block: int,
    regions: int,
    random_colors: bool,
) -> None:
    """Draw one block of `images` [B, 3, H, W] and `maps` [B, H, W]."""
    count, _, height, width = images.shape

    def draws(what: str, number: int) -> np.ndarray:
        return random_uniform(seed, f"{stream} {what}", block, count * number).reshape(count, number)

    winner = _outlines(draws("outlines", regions * SINUSOIDS * 4), regions, (height, width))
    classes = np.argsort(draws("classes", len(TEXTURES)), axis=1, kind="stable")[:, :regions]
    phases = draws("phases", 2 * regions).reshape(count, regions, 2)
    palette = draws("colors", 6 * regions).reshape(count, regions, 2, 3) if random_colors else None
    pixels = np.zeros((count, 3, height, width), np.float32)
    for region in range(regions):
        inside = winner == region
        maps[inside] = np.broadcast_to(classes[:, region, None, None], maps.shape)[inside]
        pattern = np.empty((count, height, width), np.float32)
        for number in range(len(TEXTURES)):
            rows = classes[:, region] == number
            pattern[rows] = draw_texture(number, phases[rows, region], (height, width))
        middle, contrast = np.full((1, 3), MEAN), np.array([CONTRAST])
        if palette is not None:
            middle = MEAN + 60 * (palette[:, region, 0] - 0.5)
            contrast = 40 + 40 * palette[:, region, 1]
        colored = middle[..., None, None] + contrast[..., None, None] * pattern[:, None]
        np.copyto(pixels, colored, where=inside[:, None], casting="same_kind")
    noise = draws("noise", 3 * height * width).reshape(pixels.shape)
    images[...] = np.rint(pixels + NOISE * (2 * noise - 1)).astype(np.uint8)


def _outlines(draws: np.ndarray, regions: int, size: tuple[int, int]) -> np.ndarray:
    """Return the number of the region at each pixel, int64 [B, H, W]: that of the highest of smooth random fields."""
    values = draws.reshape(len(draws), regions, SINUSOIDS, 4)
    frequency_y = (2 * values[..., 0] - 1) * HIGHEST_FREQUENCY
    frequency_x = (2 * values[..., 1] - 1) * HIGHEST_FREQUENCY
    phase, height = 2 * np.pi * values[..., 2], 0.5 + values[..., 3]
    down = 2 * np.pi * frequency_y[..., None] * (np.arange(size[0]) / size[0]) + phase[..., None]
    across = 2 * np.pi * frequency_x[..., None] * (np.arange(size[1]) / size[1])
    # sin(a + b) = sin a cos b + cos a sin b, so sines of single axes suffice
    left = np.concatenate([height[..., None] * np.sin(down), height[..., None] * np.cos(down)], axis=2)
    right = np.concatenate([np.cos(across), np.sin(across)], axis=2)
    fields = left.swapaxes(2, 3) @ right
    return fields.argmax(axis=1)


def draw_texture(number: int, phases: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return patterns of mean 0, float32 [B, H, W] of -1 and 1.

    Args:
        number: index in TEXTURES.
        phases: float [B, 2] in [0, 1), the position of each pattern.
        size: (H, W).
    """
    y, x = np.arange(size[0])[:, None], np.arange(size[1])[None]
    first, second = phases[:, 0, None, None], phases[:, 1, None, None]
    if number < 3:
        shift_y, shift_x = np.floor(PERIOD * first), np.floor(PERIOD * second)
        rows = _alternating(y + shift_y)
        columns = _alternating(x + shift_x)
        pattern = (rows + 0 * columns, columns + 0 * rows, rows * columns)[number]
        return pattern.astype(np.float32)
    wave = WAVE_HEIGHT * np.sin((2 * np.pi * ((x - y) / WAVE_LENGTH + second)).astype(np.float32))
    angle = 2 * np.pi * ((x + y + wave) / WAVE_PERIOD + first)
    return np.where(np.sin(angle.astype(np.float32)) >= 0, np.float32(1), np.float32(-1))


def _alternating(position: np.ndarray) -> np.ndarray:
    """Return 1 for the first half of every period, else -1."""
    return np.where(position % PERIOD < PERIOD / 2, 1.0, -1.0)
