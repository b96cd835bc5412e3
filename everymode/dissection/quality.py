"""Information-quality rule: each unit's level is selected per label, by mutual information with the label."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from everymode.dissection.counting import PixelCounts

__all__ = ["QUALITY_TAILS", "SelectedLevels", "information_quality", "selected_levels"]

QUALITY_TAILS = tuple(float(each) for each in torch.logspace(-3, 0, 100, dtype=torch.float64))
"""Tails among which the level is selected: 100, evenly spaced in the logarithm from 0.001 to 1."""
AGREEMENT = 0.8


class SelectedLevels(NamedTuple):
    """Selected level of every (label, unit), each [L, U].

    Attributes:
        number: index of the selected level, int64; -1 where none qualifies.
        level: its value, float64; NaN where none qualifies.
        quality: its information-quality ratio; 0 where none qualifies.
    """

    number: Tensor
    level: Tensor
    quality: Tensor


def information_quality(counts: PixelCounts) -> Tensor:
    """Compute the information-quality ratio of "unit is on" and "label is shown": mutual information / joint entropy.

    From exact counts over all pixels. The released code of gandissect mixes counts over all images with those of
    images that show the label's category.

    Returns:
        float64 [T, L, U], 0 .. 1; 0 where the joint entropy is 0.
    """
    joint = _joint(counts)
    unit, label = joint.sum(1), joint.sum(0)
    information = _entropy(unit) + _entropy(label) - _entropy(joint.flatten(0, 1))
    entropy = _entropy(joint.flatten(0, 1))
    return torch.where(entropy > 0, information.clamp(min=0) / entropy.clamp(min=1e-300), 0.0)


def selected_levels(counts: PixelCounts, levels: Tensor) -> SelectedLevels:
    """Select the level with the largest information-quality ratio for every label and unit.

    A level qualifies if it is above 0 and "on" agrees with "shown" in more than 80 % of the pixels, as in
    gandissect's `--gan` mode.

    Args:
        counts: counts for all levels.
        levels: [T, U], the same levels.
    """
    joint = _joint(counts)
    agreement = joint[0, 0] + joint[1, 1]
    qualified = (agreement > AGREEMENT) & (levels[:, None] > 0)
    quality, index = information_quality(counts).masked_fill(~qualified, -1.0).max(0)
    none = quality < 0
    level = levels[:, None].expand(-1, len(index), -1).gather(0, index[None])[0]
    return SelectedLevels(
        index.masked_fill(none, -1), level.masked_fill(none, torch.nan), quality.masked_fill(none, 0.0)
    )


def _joint(counts: PixelCounts) -> Tensor:
    """Return the joint shares of "on" and "shown", [2, 2, T, L, U]; index 1 is yes."""
    both = counts.both().double()
    on, shown = counts.on().double()[:, None], counts.labels.double()[None, :, None]
    only_on, only_shown = on - both, shown - both
    neither = counts.total - on - shown + both
    yes = torch.stack((only_on, both))
    no = torch.stack((neither, only_shown))
    return torch.stack((no, yes)) / max(1, counts.total)


def _entropy(shares: Tensor) -> Tensor:
    """Return the entropy over the first dimension, in nats; 0 log 0 is 0."""
    return -torch.special.xlogy(shares, shares).sum(0)
