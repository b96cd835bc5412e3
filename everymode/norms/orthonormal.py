"""Orthonormal regularization (Brock et al. 2016, "Neural Photo Editing with Introspective Adversarial Networks")."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from everymode.game import Term, Turn
from everymode.norms.normalizable import Normalizable
from everymode.precision import full_precision


def orthonormal_penalty(*, include: Callable[[str, nn.Module], bool] | None = None) -> Term:
    """Return a term of the discriminator's objective: the sum over its layers of ||W W^T - I||_F^2.

    A kernel counts as a matrix [out, in * kh * kw] (a transposed convolution's kernel is transposed first). If the
    matrix has more rows than columns, W^T W - I is used: its gradient is the same, and its minimum is 0.

    Args:
        include: (qualified name, layer) -> bool, which convolutions, linear layers and embeddings count; default: all.
    Returns:
        A term, turn -> scalar. It raises a ValueError if no layer of the discriminator counts.
    """

    def term(turn: Turn) -> Tensor:
        costs = [
            orthonormality(layer.weight, transposed=isinstance(layer, nn.ConvTranspose2d))
            for name, layer in turn.game.discriminator.named_modules()
            if isinstance(layer, Normalizable) and (include is None or include(name, layer))
        ]
        if not costs:
            raise ValueError(
                "the discriminator has no convolution, linear layer or embedding to regularize; check `include`"
            )
        return torch.stack(costs).sum()

    return term


def orthonormality(weight: Tensor, *, transposed: bool = False) -> Tensor:
    """Return ||W W^T - I||_F^2 of a weight as a matrix W, or ||W^T W - I||_F^2 if W has more rows than columns.

    Args:
        weight: [out, ...], flattened to [out, rest].
        transposed: whether the weight is [in, out, ...]; its first two dimensions are then swapped.
    """
    matrix = (weight.transpose(0, 1) if transposed else weight).flatten(1)
    with full_precision(weight):
        gram = matrix @ matrix.mT if matrix.shape[0] <= matrix.shape[1] else matrix.mT @ matrix
        return (gram - torch.eye(len(gram), dtype=gram.dtype, device=gram.device)).square().sum()
