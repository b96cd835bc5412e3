"""The generator settles at the end of training, so that the discriminator scores the samples that `sample` draws.

Batch normalization uses the statistics of each batch in train mode, and its running averages in eval mode. The noise of
small batches widens the distribution that the discriminator sees, and the generator becomes too narrow to compensate.
While a generator settles, it freezes and uses its running averages, as detectors are fine-tuned with "frozen batch
norm"; gradients are unaffected otherwise. None of the papers does so.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from torch import nn

from everymode.training.optimizers import learning_rate_share

if TYPE_CHECKING:
    from everymode.recipe import Recipe


def settles(recipe: Recipe, step: int) -> bool:
    """Return whether the generator settles in a step: the last `settling` of training."""
    return recipe.steps - step <= recipe.settling * recipe.steps


def settling_start(recipe: Recipe) -> int | None:
    """Return the first step in which the generator settles, or None if it never does."""
    step = max(0, math.floor(recipe.steps - recipe.settling * recipe.steps))
    while step < recipe.steps and not settles(recipe, step):
        step += 1
    return step if step < recipe.steps else None


class LearningRates(NamedTuple):
    """Learning rates of both players in a step."""

    generator: float
    discriminator: float


class Easing(NamedTuple):
    """The return of a settled generator to training, if the run has no checkpoint from before it settled.

    Its batch normalization uses the statistics of each batch at once, and both learning rates rise linearly from those
    of the settled run to those of the schedule. (Statistics that stay frozen while the rates rise do harm: on digits
    the coverage of the samples fell to 0.) It is part of a checkpoint's state.
    """

    start: int
    """First step."""
    steps: int
    """Number of steps."""
    generator_lr: float
    """The generator's learning rate before the first step."""
    discriminator_lr: float
    """The discriminator's learning rate before the first step."""

    def applied(self, rates: LearningRates, step: int) -> LearningRates:
        """Return the learning rates in a step, for which the schedule has `rates`."""
        if not self.start <= step < self.start + self.steps:
            return rates
        share = (step + 1 - self.start) / self.steps
        before = (self.generator_lr, self.discriminator_lr)
        return LearningRates(*(old + share * (new - old) for old, new in zip(before, rates, strict=True)))


def learning_rates(recipe: Recipe, step: int, discriminator_factor: float) -> LearningRates:
    """Return the learning rates in a step by the recipe's schedule.

    Args:
        recipe: the recipe.
        step: the step.
        discriminator_factor: factor on the discriminator's rate after rollbacks (`Recovery`).
    """
    share = learning_rate_share(recipe, step)
    settling = recipe.settling_lr if settles(recipe, step) else 1.0
    return LearningRates(
        recipe.generator_lr * share * settling, recipe.discriminator_lr * share * discriminator_factor
    )


def keep_statistics(network: nn.Module, kept: bool = True) -> None:
    """Make every batch normalization of the network use its running averages unchanged, or batch statistics again.

    In place; it lasts until the network's mode is set again. It applies to all layers with running averages.

    Args:
        kept: True = running averages.
    """
    for module in network.modules():
        if hasattr(module, "running_mean"):
            module.train(network.training and not kept)
