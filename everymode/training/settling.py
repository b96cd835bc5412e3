"""The generator settles at the end of training, so that the discriminator scores the samples that `sample` draws.

Batch normalization uses the statistics of each batch in train mode, and its running averages in eval mode. The noise of
small batches widens the distribution that the discriminator sees, and the generator becomes too narrow to compensate.
While a generator settles, it freezes and uses its running averages, as detectors are fine-tuned with "frozen batch
norm"; gradients are unaffected otherwise. None of the papers does so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from everymode.recipe import Recipe


def settles(recipe: Recipe, step: int) -> bool:
    """Return whether the generator settles in a step: the last `settling` of training."""
    return recipe.steps - step <= recipe.settling * recipe.steps


def keep_statistics(network: nn.Module, kept: bool = True) -> None:
    """Make every batch normalization of the network use its running averages unchanged, or batch statistics again.

    In place; it lasts until the network's mode is set again. It applies to all layers with running averages.

    Args:
        kept: True = running averages.
    """
    for module in network.modules():
        if hasattr(module, "running_mean"):
            module.train(network.training and not kept)
