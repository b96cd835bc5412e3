"""Interface of the networks whose features label sources cluster."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class HasFeatures(Protocol):
    """A network with features of examples, such as a discriminator or a partitioner."""

    def features(self, x: Tensor) -> Tensor:
        """Return features [B, F] of examples [B, ...]."""
        ...
