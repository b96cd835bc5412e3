"""Reduction of the costs of rows, selected by name."""

from __future__ import annotations

from torch import Tensor


def reduced(costs: Tensor, reduction: str) -> Tensor:
    """Return the costs unchanged ("none"), their "sum" or their "mean".

    Raises:
        ValueError: for another name, or for the mean of an empty batch.
    """
    if reduction == "none":
        return costs
    if reduction == "sum":
        return costs.sum()
    if reduction != "mean":
        raise ValueError(f'reduction must be "mean", "sum" or "none", not {reduction!r}')
    if not costs.numel():
        raise ValueError("there is no mean over an empty batch")
    return costs.mean()
