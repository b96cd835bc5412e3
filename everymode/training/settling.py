"""The generator settles at the end of training: what the discriminator judges is then what `sample` draws.

In training mode batch normalization uses the statistics of each batch, and in use its running averages. The noise of
small batches widens what the discriminator sees, and it makes the generator narrow to make up for it. While a generator
settles it keeps its averages and uses them, as detectors are fine-tuned with "frozen batch norm"; the gradient goes
through everything else as before. No paper of ours has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from everymode.recipe import Recipe


def settles(recipe: Recipe, step: int) -> bool:
    """Whether the generator settles in a step: the last `settling` of training."""
    return recipe.steps - step <= recipe.settling * recipe.steps


def keep_statistics(network: nn.Module, kept: bool = True) -> None:
    """Have every batch normalization of the network use its running averages as they are, or its batches' again.

    In place; it lasts until the mode of the network is set anew. Reached are all layers with running averages.
    """
    for module in network.modules():
        if hasattr(module, "running_mean"):
            module.train(network.training and not kept)
