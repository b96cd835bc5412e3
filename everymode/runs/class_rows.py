"""Initialization from a run with other classes, or with another order of classes: rows are matched by class name."""

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
    """Dimension of a tensor with one row per class."""

    dimension: int
    more: int
    """Number of rows after those of the classes, such as the two of real and fake."""


@dataclass(frozen=True)
class ClassRows:
    """Mapping from the rows of another run's tensors to those of this run, by class.

    Attributes:
        axes: network -> tensor -> its dimension with one row per class; None if the tensor's shape depends on the
            number of classes in another way. Tensors whose shape doesn't depend on it are missing.
        old, new: indices of the shared classes in the other run and in this one, int64 [n] each.
        counts: number of classes of the other run, and of this one.
    """

    axes: Mapping[str, Mapping[str, _Axis | None]]
    old: Tensor
    new: Tensor
    counts: tuple[int, int]

    def taken(self, network: str, name: str, theirs: Tensor, own: Tensor) -> Tensor | None:
        """Return the initial value of a tensor, or None if the shapes don't fit.

        It is `theirs` if the tensor has no row per class; otherwise `own`, with the rows of the shared classes (and
        those after all classes) from `theirs`.

        Args:
            network: "generator" or "discriminator".
            name: the tensor's key in the network's state dict.
            theirs: the tensor of the other run.
            own: the tensor of this run.
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
        more = torch.arange(axis.more)
        old = torch.cat((self.old, self.counts[0] + more)).to(theirs.device)
        new = torch.cat((self.new, self.counts[1] + more)).to(own.device)
        rows = theirs.index_select(axis.dimension, old).to(own)
        return own.clone().index_copy_(axis.dimension, new, rows)


def class_rows(
    recipe: Recipe, networks: Mapping[str, nn.Module], old: Sequence[str], new: Sequence[str]
) -> tuple[ClassRows | None, str]:
    """Return the mapping of rows from the classes `old` to the classes `new`, and a message that describes it.

    Args:
        recipe: the recipe of the new run, with one label per image.
        networks: "generator" and "discriminator" of the new run.
        old: class names of the other run.
        new: class names of the new run.

    Returns:
        (None, "") if the classes are the same, or either run has none.
    """
    before, now = [composed(name) for name in old], [composed(name) for name in new]
    if before == now or not before or not now or not isinstance(recipe.num_classes, int):
        return None, ""
    index_before = {name: index for index, name in enumerate(before)}
    shared = [(index_before[name], index) for index, name in enumerate(now) if name in index_before]
    added = [name for name in now if name not in index_before]
    dropped = [name for name in before if name not in set(now)]
    message = f"rows of {len(shared)} of {len(now)} classes copied by name"
    message += f"; new: {listed(added)}" if added else ""
    message += f"; dropped: {listed(dropped)}" if dropped else ""
    pairs = torch.tensor(shared, dtype=torch.int64).reshape(-1, 2)
    axes = _axes(recipe, networks, len(now))
    return ClassRows(axes, pairs[:, 0], pairs[:, 1], (len(before), len(now))), message


def _axes(
    recipe: Recipe, networks: Mapping[str, nn.Module], count: int
) -> dict[str, dict[str, _Axis | None]]:
    """Return `ClassRows.axes`: build the networks with one more class, and find the dimensions that grow by 1."""
    more = replace(
        recipe,
        num_classes=count + 1,
        class_counts=(*recipe.class_counts, 1),
        num_images=recipe.num_images + 1,
    )
    with torch.random.fork_rng(devices=[]):
        game = more.build()
    larger: dict[str, Any] = {"generator": game.generator, "discriminator": game.discriminator}
    axes: dict[str, dict[str, _Axis | None]] = {}
    for network, module in networks.items():
        shapes = {name: tensor.shape for name, tensor in larger[network].state_dict().items()}
        axes[network] = {
            name: _axis(tensor.shape, shapes[name], count)
            for name, tensor in module.state_dict().items()
            if name in shapes and shapes[name] != tensor.shape
        }
    return axes


def _axis(shape: torch.Size, larger: torch.Size, count: int) -> _Axis | None:
    if len(shape) != len(larger):
        return None
    grown = [axis for axis, (one, other) in enumerate(zip(shape, larger, strict=True)) if one != other]
    if len(grown) != 1 or larger[grown[0]] != shape[grown[0]] + 1 or shape[grown[0]] < count:
        return None
    return _Axis(grown[0], shape[grown[0]] - count)
