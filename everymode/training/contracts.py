"""The methods that training needs of a dataset, an order of its rows, and an adaptive augmentation."""

from __future__ import annotations

from typing import Protocol, TypeGuard

import numpy as np
import torch
from torch import Tensor


class Data(Protocol):
    """The methods of a dataset that training needs."""

    def __len__(self) -> int: ...
    def gather(
        self, indices: np.ndarray, device: torch.device, *, mirror: Tensor | None, dtype: torch.dtype
    ) -> Tensor: ...
    def gather_labels(self, indices: np.ndarray, device: torch.device) -> Tensor: ...
    def gather_condition(
        self, indices: np.ndarray, device: torch.device, *, mirror: Tensor | None, dtype: torch.dtype
    ) -> Tensor | tuple[Tensor, ...]: ...


class Order(Protocol):
    """The order of dataset rows."""

    def indices(self, move: int) -> np.ndarray: ...


class Adaptive(Protocol):
    """An augmentation whose strength follows D's realness of the reals."""

    strength: Tensor
    """Scalar on the device."""

    def observe(self, mean_sign: Tensor) -> None:
        """Take the mean sign of the reals' realness in one update, over all processes."""
        ...


def adapts(augment: object) -> TypeGuard[Adaptive]:
    """Return whether an augmentation is adaptive."""
    return hasattr(augment, "observe")
