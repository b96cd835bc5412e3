"""Facts about a checkpoint's generator that its pages need: kind of condition, labels, image shape, sizes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from everymode.explorer.catalog import Catalog, Checkpoint
from everymode.part import Conditioning
from everymode.recipe import Recipe
from everymode.sampling.record import part_names
from everymode.storage.run_folder import read_config

__all__ = ["Block", "Facts", "blends_labels", "facts_of"]

_WORDS = {
    "clusters": "cluster",
    "online-clusters": "cluster",
    "partition": "part",
    "random-partition": "part",
    "class-parts": "part",
    "generators": "generator",
    "random": "random label",
}
"""Part of a recipe that provides labels -> what one of its labels is called."""


@dataclass(frozen=True)
class Block:
    """A kind of label: the classes, the clusters, or one of several label blocks.

    Attributes:
        name: what the labels are called, such as "class", "cluster" or "color".
        labels: text of each label: its class name, or its number.
    """

    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """Facts about a generator.

    Attributes:
        kind: what it is conditioned on: "labels", "maps", "pictures" or "attributes".
        points: whether it draws points in the plane, not images.
        shape: (channels, height, width) of its images at the training resolution; None for points.
        blocks: its label blocks; () if it has no labels.
        names_classes: whether the labels are the dataset's classes.
        latent: whether images depend on a latent code, and so on a seed.
        any_size: whether it draws images of any size.
        blends: whether labels are embedded, so that there are points between two of them.
        config: the content of config.json.
    """

    kind: Conditioning
    points: bool
    shape: tuple[int, int, int] | None
    blocks: tuple[Block, ...]
    names_classes: bool
    latent: bool
    any_size: bool
    blends: bool
    config: dict[str, Any]

    @property
    def needs_data(self) -> bool:
        """Whether images start from a label map or a picture of the dataset."""
        return self.kind != "labels"

    @cached_property
    def size(self) -> tuple[int, int]:
        """(height, width) at the training resolution; of the scatter plot for points."""
        return (256, 256) if self.shape is None else self.shape[1:]

    @cached_property
    def word(self) -> str:
        """Name of one of the labels; "label" if there are several kinds."""
        return self.blocks[0].name if len(self.blocks) == 1 else "label"


def facts_of(catalog: Catalog, checkpoint: Checkpoint) -> Facts:
    """Return the facts about a checkpoint's generator, from its config.json alone: no weights are read.

    Raises:
        ValueError: if its recipe can't be built.
    """
    config = read_config(checkpoint.path / "config.json")
    recipe = catalog.recipe(checkpoint)
    try:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            game = recipe.build()
        blocks = _blocks(config, _sizes(game.labels))
    except (RuntimeError, TypeError, ArithmeticError, LookupError, NotImplementedError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise ValueError(f"its networks can't be built from config.json ({reason})") from error
    network: Any = game.generator
    kind: Conditioning = "labels" if recipe.networks is None else recipe.networks.conditioned_on
    return Facts(
        kind=kind,
        points=bool(recipe.takes_points),
        shape=None if recipe.takes_points else _shape(config, recipe, checkpoint.path),
        blocks=blocks,
        names_classes=game.labels.names_classes,
        latent=bool(getattr(network, "latent_dim", 0)),
        any_size=bool(getattr(network, "takes_any_size", False)),
        blends=blends_labels(network),
        config=config,
    )


def blends_labels(network: nn.Module) -> bool:
    """Return whether labels are embedded, so that there are points between two of them."""
    return any(isinstance(module, nn.Embedding) for module in network.modules())


def _sizes(labels: Any) -> tuple[int, ...]:
    """Return the number of labels of each block."""
    sizes = getattr(labels, "sizes", None) if labels.needs_examples else labels.num_labels
    if isinstance(sizes, tuple):
        return tuple(int(size) for size in sizes)
    return (int(sizes),) if sizes else ()


def _blocks(config: dict[str, Any], sizes: tuple[int, ...]) -> tuple[Block, ...]:
    data = config.get("data", {})
    named = [tuple(map(str, names)) for names in data.get("label_blocks") or ()]
    if [len(names) for names in named] != list(sizes):
        classes = tuple(map(str, data.get("classes") or ()))
        starts = [sum(sizes[:block]) for block in range(len(sizes))]
        fitting = len(classes) == sum(sizes)
        named = [
            classes[start : start + size] if fitting else ()
            for start, size in zip(starts, sizes, strict=True)
        ]
    source = part_names(config.get("recipe", {})).get("labels", "")
    word = _WORDS.get(source)
    titles = [str(name) for name in data.get("block_names") or ()]
    if word is not None:  # clusters have no names, whatever the classes of the data are called
        return tuple(Block(word, tuple(map(str, range(size)))) for size in sizes)
    blocks = []
    for index, (size, names) in enumerate(zip(sizes, named, strict=True)):
        single = "class" if len(sizes) == 1 else f"label {index + 1}"
        title = titles[index] if len(titles) == len(sizes) and titles[index] else single
        blocks.append(Block(title, names or tuple(map(str, range(size)))))
    return tuple(blocks)


def _shape(config: dict[str, Any], recipe: Recipe, path: Path) -> tuple[int, int, int]:
    shape = config.get("data", {}).get("image_shape") or ()
    if len(shape) != 3 or not all(isinstance(side, int) and 0 < side <= 8192 for side in shape):
        raise ValueError(f"{path / 'config.json'} has no image shape (channels, height, width)")
    return shape[0], shape[1], shape[2]
