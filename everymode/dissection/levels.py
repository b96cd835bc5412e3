"""Levels above which a unit is on: quantiles of its activations over all images and positions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from everymode.draws import Draws, Rows

__all__ = ["LevelSample", "unit_levels"]


def unit_levels(
    activations: Tensor | np.ndarray,
    tail: float | Sequence[float] = 0.005,
    *,
    positions: int | None = None,
    seed: int = 0,
) -> Tensor:
    """Compute the level that a share `tail` of each unit's activations exceeds, before any enlargement.

    The quantile 1 - tail by the midpoint rule of CSAILVision/gandissect: of n sorted activations, number k (from 0)
    is at (k + 0.5) / n, the least at 0 and the largest at 1, with linear interpolation between them.

    Args:
        activations: [N, U, ...] of N images and U units.
        tail: share of the activations above the level, 0 .. 1, or several of them.
        positions: if there are more positions than this over all images, the quantile is that of a random sample of
            this size, the same for all units. Default: all positions, exact.
        seed: seed of that sample.

    Returns:
        float64 [U], or [T, U] for several tails.
    Raises:
        ValueError: if the activations have another shape or are not finite, or a tail is out of range.
    """
    values = torch.as_tensor(activations)
    if values.ndim < 2 or values.numel() == 0 or not values.is_floating_point():
        raise ValueError(
            f"the activations are {values.dtype} of shape {list(values.shape)}; floats [N, U, ...] of at least "
            "one image are needed"
        )
    sample = LevelSample(positions, seed)
    sample.add(values)
    return sample.levels(tail)


class LevelSample:
    """Activations of one layer, of all positions or of a random sample, independent of how images are batched.

    Args:
        positions: largest number of positions that are kept; None keeps all.
        seed: seed of the sample.

    Raises:
        ValueError: if `positions` is below 1.
    """

    def __init__(self, positions: int | None = 50_000, seed: int = 0) -> None:
        if positions is not None and positions < 1:
            raise ValueError(f"positions is {positions}; at least 1 is needed, or None for all")
        self.positions, self.seed = positions, seed
        self.seen = 0
        self.images = 0
        self._values: list[Tensor] = []
        self._keys: list[Tensor] = []

    @property
    def exact(self) -> bool:
        """Whether all positions were kept."""
        return self.positions is None or self.seen <= self.positions

    def add(self, activations: Tensor) -> None:
        """Add the next images' activations, [B, U, ...].

        Raises:
            ValueError: if they hold NaN or infinite values.
        """
        if not torch.isfinite(activations).all():
            raise ValueError("the activations hold NaN or infinite values, of which no level can be computed")
        flat = activations.detach().flatten(2) if activations.ndim > 2 else activations.detach()[..., None]
        count, _, size = flat.shape
        self._values.append(flat.movedim(1, 2).reshape(count * size, -1).cpu())
        if self.positions is not None:
            rows = Rows(self.images, self.images + count, self.images + count)
            draws = Draws(self.seed, "dissection", rows, dtype=torch.float64)
            self._keys.append(draws.uniform("positions", size).flatten())
        self.seen += count * size
        self.images += count
        if self.positions is not None and sum(map(len, self._keys)) > 2 * self.positions:
            self._thin_out()

    def levels(self, tail: float | Sequence[float]) -> Tensor:
        """Return the levels of each unit, float64 [U] or [T, U].

        Raises:
            ValueError: if nothing was added, or a tail is out of range.
        """
        tails = [tail] if isinstance(tail, int | float) else list(tail)
        if not tails or not all(0 <= each <= 1 for each in tails):
            raise ValueError(f"tail is {tail}; it must be 0 .. 1, such as 0.005")
        if not self._values:
            raise ValueError("there are no activations; add images before the levels are computed")
        self._thin_out()
        ordered = self._values[0].double().sort(0).values
        last = len(ordered) - 1
        position = (len(ordered) * (1 - torch.tensor(tails, dtype=torch.float64)) - 0.5).clamp(0, last)
        below = position.floor().long()
        low, high = ordered[below], ordered[(below + 1).clamp(max=last)]
        levels = low + (high - low) * (position - below)[:, None]
        return levels[0] if isinstance(tail, int | float) else levels

    def _thin_out(self) -> None:
        """Keep the positions with the smallest random keys, in one tensor."""
        values = torch.cat(self._values)
        if self.positions is not None:
            keys = torch.cat(self._keys)
            if len(keys) > self.positions:
                kept = keys.argsort(stable=True)[: self.positions]
                values, keys = values[kept], keys[kept]
            self._keys = [keys]
        self._values = [values]
