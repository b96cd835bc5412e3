"""Drawing of tiles with the generators of checkpoints, of which the last two stay in memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from everymode.condition import UNLABELED, Condition
from everymode.data.builtin import BUILTIN, parse_name
from everymode.data.dataset import Dataset
from everymode.data.errors import DataError
from everymode.data.mixtures import grid_mixture, ring_mixture
from everymode.explorer.catalog import Catalog, Checkpoint
from everymode.explorer.conditions import Conditions
from everymode.explorer.facts import blends_labels
from everymode.explorer.real_images import is_own, open_recorded, own_runs_folder
from everymode.explorer.replies import Missing
from everymode.explorer.scatter import POINTS, extent_of, scatter
from everymode.explorer.tiles import Tile, Toward
from everymode.pictures import to_uint8
from everymode.sampling.generator import Generator, load

__all__ = ["Models"]

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
        self._catalog, self._data, self._runs_folder = catalog, data, own_runs_folder()
        self._generators: OrderedDict[str, Generator] = OrderedDict()
        self._failed: dict[str, tuple[float, str]] = {}
        self._conditions = Conditions(self._data_of)
        self._opened: tuple[str, Dataset] | None = None
        self._scales: dict[str, tuple[float, np.ndarray | None]] = {}

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
                return arrays(self._conditions.draw(checkpoint, generator, tiles))
            if self._catalog.recipe(checkpoint).takes_points:
                return [self._plot(checkpoint, generator, tile) for tile in tiles]
            return arrays(_images(generator, size, tiles))

    def _plot(self, checkpoint: Checkpoint, generator: Generator, tile: Tile) -> np.ndarray:
        """Return a plot of POINTS points, with the seeds from that of the tile on."""
        label = list(tile.label.values) if any(value != UNLABELED for value in tile.label.values) else None
        number = None if label is None else torch.tensor(label * POINTS).view(POINTS, -1).squeeze(1)
        points = generator.sample(
            POINTS, number, tile.seed, tile.truncation, batch_size=POINTS, by_position=True
        ).numpy()
        if checkpoint.run not in self._scales:
            means = _true_modes(self._catalog.run(checkpoint.run).data)
            self._scales[checkpoint.run] = extent_of(points, means), means
        extent, means = self._scales[checkpoint.run]
        return scatter(points, extent, means)

    def _data_of(self, checkpoint: Checkpoint) -> Dataset:
        """Return the data of a checkpoint's run, which stays open until another run needs its own.

        Raises:
            Missing: if the command line names none, or it can't be opened.
        """
        run = self._catalog.run(checkpoint.run)
        source = self._data
        if source is None and run.data.partition(":")[0] in BUILTIN:
            source = run.data  # built-in data has no path
        if source is None:
            raise Missing(
                f"{run.name} draws images from label maps or pictures: start the explorer with --data PATH"
            )
        if self._opened is None or self._opened[0] != run.name:
            try:
                recipe = self._catalog.recipe(checkpoint)
                own = is_own(run, self._runs_folder)
                opened = open_recorded(recipe, str(source), own=own, labeled=recipe.needs_labels())
            except (DataError, ValueError, OSError) as error:
                raise Missing(
                    f"{source} can't be opened for {run.name}: {' '.join(str(error).split())}"
                ) from error
            self._opened = run.name, opened
        return self._opened[1]


def arrays(images: Tensor) -> list[np.ndarray]:
    """Convert images [n, C, H, W] in [-1, 1] to arrays uint8 [H, W, C].

    Raises:
        Missing: if they contain NaN, because the generator has diverged.
    """
    if bool(images.isnan().any()):
        raise Missing("this generator has diverged: its images contain NaN, so choose an earlier checkpoint")
    return [np.ascontiguousarray(each.permute(1, 2, 0).numpy()) for each in to_uint8(images)]


def _true_modes(source: str) -> np.ndarray | None:
    """Return the modes of built-in points, [modes, 2]; None for other data.

    Args:
        source: recorded name of the data, such as "ring:modes=8".
    """
    try:
        named = parse_name(source)
    except ValueError:
        return None
    mixture = {"ring": ring_mixture, "grid": grid_mixture}.get(named.name if named else "")
    if named is None or mixture is None:
        return None
    known = {name: value for name, value in named.options.items() if name in signature(mixture).parameters}
    values: dict[str, Any] = known  # `parse_name` has checked their types
    return mixture(**values).means


def _images(generator: Generator, size: Size | None, tiles: Sequence[Tile]) -> Tensor:
    z, condition = _inputs(
        generator, tiles, [tile.seed for tile in tiles], [tile.label.values for tile in tiles]
    )
    if not any(tile.toward is not None for tile in tiles):
        return _forward(generator.network, z, condition, size)
    towards = [tile.toward or Toward(tile.label, tile.seed, 0.0) for tile in tiles]
    seeds, values = [each.seed for each in towards], [each.label.values for each in towards]
    other, labels = _inputs(generator, tiles, seeds, values)
    z = _between(z, other, towards)
    if condition is None or labels is None:
        return _forward(generator.network, z, condition, size)
    first, second = cast(Tensor, condition), cast(Tensor, labels)
    share = torch.tensor([[each.share] for each in towards])
    if not blends_labels(generator.network):
        nearer = (share[:, 0] >= 0.5).view(-1, *([1] * (first.ndim - 1)))
        return _forward(generator.network, z, torch.where(nearer, second, first), size)
    with _blended(generator.network, second, share):
        return _forward(generator.network, z, first, size)


def _forward(network: nn.Module, z: Tensor, condition: Condition, size: Size | None) -> Tensor:
    images = network(z, condition) if size is None else network(z, condition, size)
    return images.float().cpu()


@contextmanager
def _blended(network: nn.Module, labels: Tensor, share: Tensor) -> Iterator[None]:
    """Move the output of every embedding on a straight line toward that of other labels.

    Args:
        network: the generator.
        labels: the other labels, [n] or [n, blocks].
        share: positions from 0 to 1, [n, 1].
    """

    def toward(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return torch.lerp(output, module.forward(labels), share.to(output))

    hooks = [
        each.register_forward_hook(toward) for each in network.modules() if isinstance(each, nn.Embedding)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


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
    arc = (weights[0] * directions[0] + weights[1] * directions[1]) * torch.lerp(
        lengths[0], lengths[1], share
    )
    spherical = torch.tensor([[each.spherical] for each in towards])
    return torch.where(spherical & (sine >= 1e-4), arc, line)
