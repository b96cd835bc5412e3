"""Units whose meaning depends on the condition."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from everymode.dissection.dissecting import Dissection

__all__ = ["changed_units"]


def changed_units(dissections: Sequence[Dissection]) -> dict[int, Tensor]:
    """Return which units of each layer show different labels under different conditions.

    A unit changes if it is interpretable under at least two conditions, with at least two different labels. The rule
    of Self-Conditioned GAN (663 of 1,024 units over 20 conditions) is not stated.

    Args:
        dissections: results of `dissect` for several conditions, with the same layers.

    Returns:
        Layer index -> bool [U]; its sum is the number of changed units.
    Raises:
        ValueError: if there are fewer than two dissections, or their layers differ.
    """
    if len(dissections) < 2:
        raise ValueError(f"there are {len(dissections)} dissections; at least two conditions are needed")
    layers = [tuple((each.index, len(each.best_label)) for each in one.layers) for one in dissections]
    if len(set(layers)) > 1:
        raise ValueError(
            f"the dissections have different layers or units, (layer, units): {sorted(set(layers))}"
        )
    changed = {}
    for number, (index, _) in enumerate(layers[0]):
        parts = [one.layers[number] for one in dissections]
        labels = torch.stack([part.best_label.masked_fill(~part.interpretable, -1) for part in parts])
        largest = labels.max(0).values
        changed[index] = ((labels >= 0) & (labels != largest)).any(0)
    return changed
