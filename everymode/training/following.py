"""Shift of the features that labels follow in one discriminator update, measured on copies at a tick."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from everymode.training.moves import in_eval_mode

__all__ = ["feature_shift"]

Features = Callable[[nn.Module, Tensor], Tensor | None]
"""Features [B, F] of examples [B, ...] by a discriminator; None if no label follows them."""


@torch.no_grad()
def feature_shift(
    discriminator: nn.Module,
    optimizer: torch.optim.Optimizer,
    features: Features,
    examples: Tensor,
    *,
    constraint: Callable[[nn.Module], None] | None = None,
    batch: int = 64,
) -> float | None:
    """Return how far features move in one discriminator update, as a share of their spread.

    The mean distance between the features of an example before and after the update, over the mean distance of the
    features before it from their mean. The update is the last one again: its gradient, which the parameters still hold,
    and a copy of the optimizer with its state act on a copy of the discriminator. So training does not change, and no
    step becomes slower.

    Args:
        discriminator: after at least one update.
        optimizer: of its parameters.
        features: of the discriminator, by which the label source derives labels.
        examples: [N, ...], N at least 2, on the discriminator's device.
        constraint: applied to the copy after its update, as `Game.constraint`.
        batch: examples that pass through the discriminator at once.

    Returns:
        The share, at least 0; None if the discriminator has no gradient, labels don't follow its features, features
        don't differ, or a number is not finite.

    Raises:
        ValueError: if there are fewer than two examples.
    """
    if len(examples) < 2:
        raise ValueError(f"the spread of features needs at least 2 examples, not {len(examples)}")
    gradients = [parameter.grad for parameter in discriminator.parameters()]
    if not any(gradient is not None for gradient in gradients):
        return None
    before = _features_of(discriminator, features, examples, batch)
    if before is None:
        return None
    moved, repeated = copy.deepcopy(
        (discriminator, optimizer)
    )  # one memo: the copy's optimizer moves the copy
    for parameter, gradient in zip(moved.parameters(), gradients, strict=True):
        parameter.grad = None if gradient is None else gradient.clone()
    repeated.step()
    if constraint is not None:
        constraint(moved)
    after = _features_of(moved, features, examples, batch)
    assert after is not None
    spread = (before - before.mean(0)).norm(dim=1).mean()
    share = float((after - before).norm(dim=1).mean() / spread) if spread > 0 else float("nan")
    return share if share < float("inf") else None


def _features_of(network: nn.Module, features: Features, examples: Tensor, batch: int) -> Tensor | None:
    """Return the features [N, F] in eval mode, in double precision."""
    with in_eval_mode(network):
        parts = [features(network, part) for part in examples.split(batch)]
    found = [part for part in parts if part is not None]
    return torch.cat(found).double() if found else None
