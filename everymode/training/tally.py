"""Running means of named scalars that stay on the device, and the first step at which one was not finite.

Nothing here waits for the device until `read`, which the trainer calls once per tick and before every checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from everymode.machine.distributed import World

_JOINT = "\x1f"
"""Joins names in a state; no term's name contains this character."""
_NEVER = torch.iinfo(torch.int64).max


class BadStep(NamedTuple):
    """The name and step of the first value that was not finite."""

    name: str
    step: int


def prefixed(prefix: str, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the values under the names prefix/name."""
    return {f"{prefix}/{name}": value for name, value in values.items()}


class Tally:
    """Sums of the scalars since the last `read`."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._sums: dict[tuple[str, ...], Tensor] = {}
        self._counts: dict[tuple[str, ...], int] = {}
        self._first_bad: dict[tuple[str, ...], Tensor] = {}
        self._steps: list[int] = []

    def add(self, values: Mapping[str, Tensor], step: int) -> None:
        """Add the scalars of one update."""
        names = tuple(values)
        row = torch.stack([value.detach() for value in values.values()])
        if row.dtype not in (torch.float32, torch.float64):
            row = row.float()  # half precision would lose the sum
        if names not in self._sums:
            self._sums[names] = torch.zeros(len(names), device=self.device, dtype=row.dtype)
            self._counts[names] = 0
            self._first_bad[names] = torch.full((len(names),), _NEVER, device=self.device)
        self._sums[names] += row
        self._counts[names] += 1
        # The move, not the step: within a step, later moves inherit what an earlier one spoilt.
        bad = torch.where(torch.isfinite(row), _NEVER, len(self._steps))
        self._steps.append(step)
        torch.minimum(self._first_bad[names], bad, out=self._first_bad[names])

    def first_bad(self, world: World) -> BadStep | None:
        """Return the first non-finite value since the last `read`. Does not reset the tally."""
        first_name, first_move = "", _NEVER
        for names, moves in self._first_bad.items():
            for name, move in zip(names, world.least(moves).tolist(), strict=True):
                if move < first_move:
                    first_name, first_move = name, int(move)
        return None if first_move == _NEVER else BadStep(first_name, self._steps[first_move])

    def state(self) -> dict[str, Any]:
        """Return this process's sums since the last `read`, for `restore`."""
        return {
            "steps": list(self._steps),
            "rows": {
                _JOINT.join(names): {
                    "sums": sums,
                    "count": self._counts[names],
                    "bad": self._first_bad[names],
                }
                for names, sums in self._sums.items()
            },
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore a state that `state` returned."""
        self._steps = list(state["steps"])
        for joined, row in state["rows"].items():
            names = tuple(joined.split(_JOINT))
            self._sums[names] = row["sums"].to(self.device)
            self._counts[names] = int(row["count"])
            self._first_bad[names] = row["bad"].to(self.device)

    def read(self, world: World) -> tuple[dict[str, float], BadStep | None]:
        """Return the means over updates and ranks since the last call and the first non-finite value, and reset."""
        bad = self.first_bad(world)
        totals: dict[str, float] = {}
        counts: dict[str, int] = {}
        for names, sums in self._sums.items():
            all_sums = world.total(sums) / world.size
            for name, value in zip(names, all_sums.tolist(), strict=True):
                totals[name] = totals.get(name, 0.0) + value
                counts[name] = counts.get(name, 0) + self._counts[names]
        means = {name: totals[name] / counts[name] for name in totals}
        self._sums.clear()
        self._counts.clear()
        self._first_bad.clear()
        self._steps.clear()
        return means, bad
