"""Costs of rows to one number, by the name of the reduction."""

from __future__ import annotations

from torch import Tensor


def reduced(costs: Tensor, reduction: str) -> Tensor:
    """The costs as they are ("none"), their "sum" or their "mean".

    Raises ValueError for another name, and for the mean of nothing.
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
