"""Weights divided by their singular value, as released code does in eval mode."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.norms.spectral import power_iteration


@torch.no_grad()
def divided_by_iteration(weight: Tensor, left: Tensor) -> Tensor:
    """Return a weight divided by its singular value after one power iteration from a stored vector.

    This is the eval mode of ajbrock/BigGAN-PyTorch (layers.py).

    Args:
        weight: [out, ...].
        left: the stored vector u0, [1, out] or [out].
    Returns:
        A tensor of the weight's shape.
    """
    matrix = weight.flatten(1).unsqueeze(0)
    vector = left.to(matrix).reshape(1, 1, -1)
    sigma = power_iteration(matrix, vector, iterations=1, epsilon=1e-12)[2]
    return weight / sigma.reshape(())


@torch.no_grad()
def divided_by_stored(weight: Tensor, left: Tensor, right: Tensor | None = None) -> Tensor:
    """Return weight / (u W v) with stored vectors, as torch's spectral norm does in eval mode.

    Args:
        weight: [out, ...].
        left: u, [out].
        right: v, [rest]; None = the v that follows from u.
    Returns:
        A tensor of the weight's shape.
    """
    right = right_vector(weight, left) if right is None else right
    return weight / torch.dot(left, torch.mv(weight.flatten(1), right))


@torch.no_grad()
def right_vector(weight: Tensor, left: Tensor) -> Tensor:
    """Return the right vector v [rest] that follows from a weight [out, ...] and u [out]: W^T u, of length 1."""
    return F.normalize(torch.mv(weight.flatten(1).T, left.to(weight)), dim=0, eps=1e-12)
