"""Drawing of tiles with the generators of checkpoints, of which the last two stay in memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from everymode.condition import Condition
from everymode.explorer.catalog import Catalog, Checkpoint
from everymode.explorer.replies import Missing
from everymode.explorer.tiles import Tile, Toward
from everymode.pictures import to_uint8
from everymode.sampling.generator import Generator, load

__all__ = ["Models", "blends_labels"]

KEPT = 2
"""Generators in memory."""
RETRY = 10.0
"""Seconds after which a checkpoint that could not be loaded is tried again."""

Size = tuple[int, int]


class Models:
    """Generators of checkpoints; only the worker's thread uses them.

    Args:
        catalog: finds recipes of checkpoints.
        data: the data of the command line, for generators of label maps or pictures.
    """

    def __init__(self, catalog: Catalog, data: str | Path | None = None) -> None:
        self._catalog, self._data = catalog, data
        self._generators: OrderedDict[str, Generator] = OrderedDict()
        self._failed: dict[str, tuple[float, str]] = {}

    def generator(self, checkpoint: Checkpoint) -> Generator:
        """Return the generator of a checkpoint.

        Raises:
            Missing: if it can't be loaded.
        """
        if checkpoint.name in self._generators:
            self._generators.move_to_end(checkpoint.name)
            return self._generators[checkpoint.name]
        failed = self._failed.get(checkpoint.name)
        if failed is not None and time.monotonic() - failed[0] < RETRY:
            raise Missing(failed[1])
        while len(self._generators) >= KEPT:
            self._generators.popitem(last=False)
        try:
            recipe = self._catalog.recipe(checkpoint)
            generator = load(checkpoint.path, recipe=recipe)
        except (ValueError, OSError) as error:
            message = f"{checkpoint.run}, {checkpoint.title}, can't be loaded: {' '.join(str(error).split())}"
            self._failed[checkpoint.name] = time.monotonic(), message
            raise Missing(message) from error
        for parameter in generator.network.parameters():
            parameter.requires_grad_(False)
        self._generators[checkpoint.name] = generator
        return generator

    def draw(self, checkpoint: Checkpoint, size: Size | None, tiles: Sequence[Tile]) -> list[np.ndarray]:
        """Return tiles as arrays uint8 [H, W, channels].

        Raises:
            Missing: if the checkpoint can't be loaded, has diverged, or needs data that isn't there.
        """
        generator = self.generator(checkpoint)
        with torch.inference_mode():
            if generator.labels.needs_examples:
                raise Missing("images from maps or pictures")
            images = _images(generator, size, tiles)
        return arrays(images)


def arrays(images: Tensor) -> list[np.ndarray]:
    """Convert images [n, C, H, W] in [-1, 1] to arrays uint8 [H, W, C].

    Raises:
        Missing: if they contain NaN, because the generator has diverged.
    """
    if bool(images.isnan().any()):
        raise Missing("this generator has diverged: its images contain NaN, so choose an earlier checkpoint")
    return [np.ascontiguousarray(each.permute(1, 2, 0).numpy()) for each in to_uint8(images)]


def blends_labels(network: Any) -> bool:
    """Return whether labels have an embedding that all layers share, so that a point between two labels exists."""
    return getattr(network, "shared", None) is not None


def _images(generator: Generator, size: Size | None, tiles: Sequence[Tile]) -> Tensor:
    z, condition = _inputs(
        generator, tiles, [tile.seed for tile in tiles], [tile.label.values for tile in tiles]
    )
    if any(tile.toward is not None for tile in tiles):
        towards = [tile.toward or Toward(tile.label, tile.seed, 0.0) for tile in tiles]
        other = _inputs(
            generator, tiles, [each.seed for each in towards], [each.label.values for each in towards]
        )
        z = _between(z, other[0], towards)
        condition = _between_labels(generator.network, condition, other[1], towards)
    images = generator.network(z, condition) if size is None else generator.network(z, condition, size)
    return images.float().cpu()


def _inputs(
    generator: Generator, tiles: Sequence[Tile], seeds: Sequence[int], values: Sequence[tuple[int, ...]]
) -> tuple[Tensor, Condition]:
    """Return latent codes and condition, as `Generator.sample` draws them for each label and seed."""
    draws = generator.draws(seeds)
    truncation = torch.tensor([[tile.truncation] for tile in tiles], dtype=generator.dtype)
    z = generator.latent_codes(draws) * truncation.to(generator.device)
    if not any(values):
        return z, generator.conditions(None, draws)
    labels = torch.tensor([list(each) for each in values])
    if not isinstance(generator.num_labels, tuple):
        labels = labels[:, 0]
    return z, generator.conditions(labels, draws)


def _between(first: Tensor, second: Tensor, towards: Sequence[Toward]) -> Tensor:
    """Return the latent codes at each position between two, on the line or on the arc."""
    share = torch.tensor([[each.share] for each in towards], dtype=first.dtype)
    line = torch.lerp(first, second, share)
    if not any(each.spherical for each in towards):
        return line
    lengths = [torch.linalg.vector_norm(each, dim=1, keepdim=True) for each in (first, second)]
    tiny = torch.finfo(first.dtype).tiny
    directions = [
        each / length.clamp_min(tiny) for each, length in zip((first, second), lengths, strict=True)
    ]
    cosine = (directions[0] * directions[1]).sum(1, keepdim=True).clamp(-1, 1)
    angle, sine = cosine.acos(), (1 - cosine.square()).sqrt()
    weights = [torch.sin(part * angle) / sine.clamp_min(1e-4) for part in (1 - share, share)]
    arc = (weights[0] * directions[0] + weights[1] * directions[1]) * torch.lerp(*lengths, share)
    spherical = torch.tensor([[each.spherical] for each in towards])
    return torch.where(spherical & (sine >= 1e-4), arc, line)


def _between_labels(
    network: Any, first: Condition, second: Condition, towards: Sequence[Toward]
) -> Condition:
    """Return the mixed embeddings of two labels; the label of the nearer end if labels have no shared embedding."""
    if first is None:
        return None
    labels = cast(Tensor, first), cast(Tensor, second)
    share = torch.tensor([each.share for each in towards])
    if blends_labels(network):
        embedded = [network.shared(each) for each in labels]
        return torch.lerp(*embedded, share[:, None].to(embedded[0]))
    nearer = (share >= 0.5).view(-1, *([1] * (labels[0].ndim - 1)))
    return torch.where(nearer, labels[1], labels[0])
