"""Conditions of images that start from a label map or a picture: rows of the data, drawn as pictures too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from everymode.condition import UNLABELED, Condition
from everymode.data.dataset import Dataset
from everymode.draws import Draws, Rows
from everymode.explorer.catalog import Checkpoint
from everymode.explorer.facts import Facts
from everymode.explorer.labels import Label, label_in
from everymode.explorer.replies import Missing
from everymode.explorer.tiles import Tile
from everymode.game import Batch
from everymode.sampling.condition_pictures import condition_pictures
from everymode.sampling.generator import Generator

__all__ = ["REAL", "Column", "Conditions", "columns_of"]

REAL = -1
"""`part` of a tile that shows the real image of a row."""


class Column(NamedTuple):
    """One tile of a row of the data, with the head of its column."""

    head: str
    tile: Tile


def columns_of(facts: Facts, row: int, seeds: Sequence[int], truncation: float = 1.0) -> list[Column]:
    """Return the tiles of a row of the data: its condition, the generated images, and the real image.

    With attributes, there is one generated image for each value of each block; the other values stay.
    """
    label = Label((), row)
    if facts.kind == "attributes":
        columns = [Column("picture", Tile(label, 0, part=REAL))]
        for index, block in enumerate(facts.blocks):
            for value, name in enumerate(block.labels):
                head = f"{block.name} {name}" if name.isdecimal() else name
                columns.append(Column(head, Tile(label_in(facts, index, value, row), 0)))
        return columns
    first = "map" if facts.kind == "maps" else "input"
    used = seeds if facts.latent else seeds[:1]
    generated = [
        Column(f"seed {seed}" if facts.latent else "generated", Tile(label, seed, truncation))
        for seed in used
    ]
    return [Column(first, Tile(label, 0, part=0)), *generated, Column("real", Tile(label, 0, part=REAL))]


class Conditions:
    """Rows of the data of a run as conditions; only the worker's thread uses them.

    Args:
        open_data: returns the data of a checkpoint; raises Missing if there is none.
    """

    def __init__(self, open_data: Callable[[Checkpoint], Dataset]) -> None:
        self._open = open_data

    def draw(self, checkpoint: Checkpoint, generator: Generator, tiles: Sequence[Tile]) -> Tensor:
        """Return tiles as images [n, C, H, W] in [-1, 1].

        Raises:
            Missing: if there is no data, or it has no such row.
        """
        data = self._open(checkpoint)
        indices = np.array([tile.label.row or 0 for tile in tiles])
        if indices.max() >= len(data):
            raise Missing(
                f"The data has {len(data):,} rows, from 0 to {len(data) - 1:,}: there is no row {indices.max()}."
            )
        condition, real = _condition(generator, data, indices)
        size = (real.shape[2], real.shape[3])
        shown: list[Tensor] = []
        pictures = condition_pictures(condition, size)
        generated = [index for index, tile in enumerate(tiles) if tile.part is None]
        made = _generated(generator, condition, tiles, generated)
        for index, tile in enumerate(tiles):
            if tile.part is None:
                shown.append(made[index])
            elif tile.part == REAL:
                shown.append(real[index])
            elif tile.part < len(pictures):
                shown.append(pictures[tile.part][index])
            else:
                raise Missing(f"A condition has {len(pictures)} pictures: there is no picture {tile.part}.")
        channels = max(len(image) for image in shown)
        return torch.stack([image.expand(channels, -1, -1) if len(image) == 1 else image for image in shown])


def _condition(generator: Generator, data: Dataset, indices: np.ndarray) -> tuple[Condition, Tensor]:
    """Return the condition of rows of the data as in training, and their real images on the CPU."""
    device, labels = generator.device, generator.labels
    real = data.gather(indices, device, dtype=generator.dtype)
    if labels.pairs:
        given = data.gather_condition(indices, device, dtype=generator.dtype)
    else:
        given = data.gather_labels(indices, device)
    batch = Batch(real, given, torch.from_numpy(indices).to(device))
    random = Draws(0, "explorer", Rows.all(len(indices)), device, generator.dtype)
    return labels.assign(batch, nn.Identity(), random), real.float().cpu()


def _generated(
    generator: Generator, condition: Condition, tiles: Sequence[Tile], indices: list[int]
) -> dict[int, Tensor]:
    """Return index of the tile -> generated image [C, H, W]."""
    if not indices:
        return {}
    rows = torch.tensor(indices)
    parts = condition if isinstance(condition, tuple) else (cast(Tensor, condition),)
    chosen = tuple(part[rows.to(part.device)] for part in parts)
    wanted = [tiles[index].label.values for index in indices]
    if any(wanted):  # attributes: values that are not set stay as they are
        values = torch.tensor([list(each) for each in wanted]).to(chosen[1])
        targets = torch.where(values == UNLABELED, chosen[1].clamp_min(0), values)
        chosen = (chosen[0], targets)
    z = None
    if generator.latent_dim:
        z = generator.latent_codes(generator.draws([tiles[index].seed for index in indices]))
        factor = torch.tensor([[tiles[index].truncation] for index in indices])
        z = z * factor.to(z)
    images = generator.network(z, chosen if isinstance(condition, tuple) else chosen[0])
    return dict(zip(indices, images.float().cpu(), strict=True))
