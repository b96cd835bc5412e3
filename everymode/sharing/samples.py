"""Picture of samples in a shared folder: the first seeds, not selected."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from PIL import Image

from everymode.game import UNLABELED
from everymode.pictures import save_grid, save_scatter
from everymode.sharing.text import one_line

if TYPE_CHECKING:
    from everymode.sampling.generator import Generator

__all__ = ["copy_picture", "draw_picture"]

COLUMNS, ROWS = 8, 10
"""Largest numbers of samples per row, and of rows."""
PIXELS, FEWEST = 2**21, 4
"""Largest number of pixels of all samples together, unless these are FEWEST."""
POINTS = 1000
"""Samples of a generator of points."""
LONGEST_NAME = 24


def draw_picture(generator: Generator, path: Path) -> str:
    """Write a PNG of samples with one row per label (at most ROWS), or a scatter plot of points.

    Returns:
        A description of the picture, or "" if there is none: the generator needs pictures or label maps, or a sample
        is not finite.
    """
    if generator.labels.needs_examples:
        return ""
    first = generator.sample(1, seed=0)
    if first.ndim == 2:
        points = generator.sample(POINTS, seed=0)
        if not torch.isfinite(points).all():
            return ""
        save_scatter(points, path)
        return f"{POINTS:,} samples, seeds 0 to {POINTS - 1}, not selected."
    count = min(COLUMNS * ROWS, max(FEWEST, PIXELS // first[0, 0].numel()))
    columns = min(COLUMNS, count)
    sizes = generator.num_labels if isinstance(generator.num_labels, tuple) else (generator.num_labels,)
    rows = min(sizes[0] or ROWS, count // columns)
    labels, names = _rows(generator, rows, columns, sizes)
    images = generator.sample(
        rows * columns, label=labels, seed=_seeds(rows, columns, sizes), by_position=True
    )
    if not torch.isfinite(images).all():
        return ""
    save_grid(images, path, columns=columns, row_names=names)
    if not sizes[0]:
        return f"Samples of seeds 0 to {rows * columns - 1}, not selected."
    kind = "class" if generator.labels.names_classes else "label"
    first_ones = f" (the first {rows} of {sizes[0]:,})" if rows < sizes[0] else ""
    return f"One row per {kind}{first_ones}, one column per seed (0 to {columns - 1}); not selected."


def copy_picture(source: Path, path: Path) -> str:
    """Copy an image file as PNG, without its metadata, and return a description of the picture.

    Raises:
        ValueError: if it is not an image.
    """
    try:
        with Image.open(source) as image:
            pixels = image.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{source} is not a picture that can be read ({error}): name a PNG file") from error
    bare = Image.new("RGB", pixels.size)
    bare.paste(pixels)
    bare.save(path, format="PNG")
    return "A picture selected by the author."


def _rows(
    generator: Generator, rows: int, columns: int, sizes: tuple[int, ...]
) -> tuple[torch.Tensor | None, list[str]]:
    """Return the labels of a grid of samples, and the names of its rows."""
    if not sizes[0]:
        return None, []
    labels = torch.arange(rows).repeat_interleave(columns)
    if isinstance(generator.num_labels, tuple):
        labels = torch.stack((labels, *[torch.full_like(labels, UNLABELED)] * (len(sizes) - 1)), dim=1)
    named = [one_line(name, LONGEST_NAME) for name in generator.classes[:rows]]
    return labels, named if len(named) == rows else [str(row) for row in range(rows)]


def _seeds(rows: int, columns: int, sizes: tuple[int, ...]) -> list[int]:
    """Return the seeds of a grid: the same ones in each row if rows are labels."""
    return [*range(columns)] * rows if sizes[0] else [*range(rows * columns)]
