"""Rollbacks made so far, and the changes to hyper-parameters that come with them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

MAX_ROLLBACKS = 3
SMALLEST_WEIGHT_DECAY = 1e-4
"""Base value of a remedy that multiplies the weight decay of a discriminator that has none."""


@dataclass
class Recovery:
    """Number of rollbacks, and the factors that they put on the recipe's hyper-parameters. Saved in checkpoints."""

    rollbacks: int = 0
    discriminator_lr: float = 1.0
    """Factor on the discriminator's learning rate."""
    discriminator_weight_decay: float = 1.0
    """Factor on the discriminator's weight decay."""

    @property
    def exhausted(self) -> bool:
        return self.rollbacks >= MAX_ROLLBACKS

    def remedy(self, *, lr: float, weight_decay: float = 1.0) -> Recovery:
        """Return the recovery after one more rollback, with further factors."""
        return Recovery(
            self.rollbacks + 1, self.discriminator_lr * lr, self.discriminator_weight_decay * weight_decay
        )

    def weight_decay(self, recipes_own: float) -> float:
        """Return the discriminator's weight decay under the current factors."""
        if self.discriminator_weight_decay == 1.0:
            return recipes_own
        return max(recipes_own, SMALLEST_WEIGHT_DECAY) * self.discriminator_weight_decay

    def __str__(self) -> str:
        changed = f"the discriminator's learning rate at {self.discriminator_lr:g} of the recipe's"
        if self.discriminator_weight_decay != 1.0:
            changed += f" and its weight decay at {self.discriminator_weight_decay:g} times the recipe's"
        return f"{changed} (rollback {self.rollbacks} of {MAX_ROLLBACKS})"

    def state(self) -> dict[str, Any]:
        return asdict(self)
