"""Starting from a run whose classes are others, or are numbered otherwise: rows go by the names of the classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from everymode.data.label_values import composed
from everymode.data.words import listed
from everymode.recipe import Recipe

__all__ = ["ClassRows", "class_rows"]


class _Axis(NamedTuple):
    """Where a tensor has a row a class."""

    dimension: int
    more: int
    """Rows behind those of the classes, such as the two of real and fake."""


@dataclass(frozen=True)
class ClassRows:
    """Which rows of another run's tensors are those of this run's classes.

    Attributes:
        axes: network -> tensor -> where it has a row a class; None where the tensor's shape follows the number of
            classes in another way.
        old, new: places of the classes that both runs have, [n] each.
        counts: classes of the other run, and of this one.
    """

    axes: Mapping[str, Mapping[str, _Axis | None]]
    old: Tensor
    new: Tensor
    counts: tuple[int, int]

    def taken(self, network: str, name: str, theirs: Tensor, own: Tensor) -> Tensor | None:
        """The tensor to begin with: `theirs` where it has no row a class, else `own` with the rows of the shared
        classes (and those behind all classes) from `theirs`; None where they do not fit.
        """
        axes = self.axes[network]
        if name not in axes:
            return theirs if theirs.shape == own.shape else None
        axis = axes[name]
        if axis is None or theirs.ndim != own.ndim:
            return None
        expected = list(own.shape)
        expected[axis.dimension] = self.counts[0] + axis.more
        if list(theirs.shape) != expected:
            return None
        behind = torch.arange(axis.more)
        old = torch.cat((self.old, self.counts[0] + behind)).to(theirs.device)
        new = torch.cat((self.new, self.counts[1] + behind)).to(own.device)
        rows = theirs.index_select(axis.dimension, old).to(own)
        return own.clone().index_copy_(axis.dimension, new, rows)


def class_rows(
    recipe: Recipe, networks: Mapping[str, nn.Module], old: Sequence[str], new: Sequence[str]
) -> tuple[ClassRows | None, str]:
    """How rows go from a run with the classes `old` to one with the classes `new`, and what to tell; None, and nothing
    to tell, where the classes are the same.

    Args:
        recipe: of the new run, with one label an image.
        networks: of the new run: "generator" and "discriminator".
    """
    before, now = [composed(name) for name in old], [composed(name) for name in new]
    if before == now or not before or not now or not isinstance(recipe.num_classes, int):
        return None, ""
    place = {name: number for number, name in enumerate(before)}
    shared = [(place[name], number) for number, name in enumerate(now) if name in place]
    fresh = [name for name in now if name not in place]
    left = [name for name in before if name not in set(now)]
    said = f"rows of {len(shared)} of {len(now)} classes are taken by name"
    said += f"; fresh: {listed(fresh)}" if fresh else ""
    said += f"; left behind: {listed(left)}" if left else ""
    pairs = torch.tensor(shared, dtype=torch.int64).reshape(-1, 2)
    axes = _axes(recipe, networks, len(now))
    return ClassRows(axes, pairs[:, 0], pairs[:, 1], (len(before), len(now))), said


def _axes(
    recipe: Recipe, networks: Mapping[str, nn.Module], count: int
) -> dict[str, dict[str, _Axis | None]]:
    """Found by building the same networks for one class more: what grows by one has a row a class."""
    more = replace(
        recipe,
        num_classes=count + 1,
        class_counts=(*recipe.class_counts, 1),
        num_images=recipe.num_images + 1,
    )
    with torch.random.fork_rng(devices=[]):
        game = more.build()
    larger: dict[str, Any] = {"generator": game.generator, "discriminator": game.discriminator}
    found: dict[str, dict[str, _Axis | None]] = {}
    for network, module in networks.items():
        shapes = {name: tensor.shape for name, tensor in larger[network].state_dict().items()}
        found[network] = {
            name: _axis(tensor.shape, shapes[name], count)
            for name, tensor in module.state_dict().items()
            if name in shapes and shapes[name] != tensor.shape
        }
    return found


def _axis(shape: torch.Size, larger: torch.Size, count: int) -> _Axis | None:
    if len(shape) != len(larger):
        return None
    grown = [place for place, (one, other) in enumerate(zip(shape, larger, strict=True)) if one != other]
    if len(grown) != 1 or larger[grown[0]] != shape[grown[0]] + 1 or shape[grown[0]] < count:
        return None
    return _Axis(grown[0], shape[grown[0]] - count)
