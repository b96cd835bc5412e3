"""Going back to an earlier checkpoint: how often it was done, and what is changed so that it ends otherwise."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

MAX_ROLLBACKS = 3
SMALLEST_WEIGHT_DECAY = 1e-4
"""What a discriminator without weight decay gets from a remedy that multiplies it."""


@dataclass
class Recovery:
    """Rollbacks made so far, and the factors that they put on the recipe's numbers. Kept in checkpoints."""

    rollbacks: int = 0
    discriminator_lr: float = 1.0
    """Factor on the discriminator's learning rate."""
    discriminator_weight_decay: float = 1.0
    """Factor on the discriminator's weight decay."""

    @property
    def exhausted(self) -> bool:
        return self.rollbacks >= MAX_ROLLBACKS

    def remedy(self, *, lr: float, weight_decay: float = 1.0) -> Recovery:
        """One rollback more, with further factors."""
        return Recovery(
            self.rollbacks + 1, self.discriminator_lr * lr, self.discriminator_weight_decay * weight_decay
        )

    def weight_decay(self, recipes_own: float) -> float:
        """The discriminator's weight decay under the factors so far."""
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
