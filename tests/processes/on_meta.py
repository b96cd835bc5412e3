"""Networks of any size in no time and no memory, for what tests ask of their layers and shapes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor


@contextmanager
def on_meta() -> Iterator[None]:
    """Within, networks are built on the "meta" device, which holds shapes and no values.

    Their power iterations, which spectral norms begin with, give shapes too, without the steps that lead to them, and
    so does the first of the many iterations of a constrained filter.
    """
    with pytest.MonkeyPatch.context() as patch, torch.device("meta"):
        patch.setattr("everymode.norms.spectral.power_iteration", _shapes)
        patch.setattr("everymode.partitioner.constrained.FIRST_ITERATIONS", 1)
        yield


def _shapes(matrices: Tensor, u: Tensor, *, iterations: int, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    count, rows, columns = matrices.shape
    assert matrices.is_meta and u.is_meta and u.shape == (count, 1, rows)
    assert iterations >= 1 and epsilon > 0
    return tuple(matrices.new_empty(count, 1, size) for size in (rows, columns, 1))
