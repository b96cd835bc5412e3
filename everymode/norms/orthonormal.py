"""Orthonormal regularization (Brock et al. 2016, "Neural Photo Editing with Introspective Adversarial Networks")."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from everymode.game import Term, Turn
from everymode.precision import full_precision


def orthonormal_penalty(*, include: Callable[[str, nn.Module], bool] | None = None) -> Term:
    """A term: the sum over the discriminator's layers of ||W W^T - I||_F^2, for the discriminator's move.

    A kernel counts as a matrix [out, in * kh * kw] (a transposed convolution's is transposed first). Where it has
    more rows than columns, W^T W - I is used: its gradient is the same, and its smallest value is 0.

    Args:
        include: (qualified name, layer) -> bool, which convolutions, linear layers and embeddings count; all of
            them where None.
    """

    def term(turn: Turn) -> Tensor:
        costs = [
            orthonormality(layer.weight, transposed=isinstance(layer, nn.ConvTranspose2d))
            for name, layer in turn.game.discriminator.named_modules()
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear | nn.Embedding)
            and (include is None or include(name, layer))
        ]
        if not costs:
            raise ValueError(
                "the discriminator has no convolution, linear layer or embedding that counts; check `include`"
            )
        return torch.stack(costs).sum()

    return term


def orthonormality(weight: Tensor, *, transposed: bool = False) -> Tensor:
    """||W W^T - I||_F^2 of a weight [out, ...] (or [in, out, ...], transposed), over its smaller side: a scalar."""
    matrix = (weight.transpose(0, 1) if transposed else weight).flatten(1)
    with full_precision(weight):
        gram = matrix @ matrix.mT if matrix.shape[0] <= matrix.shape[1] else matrix.mT @ matrix
        return (gram - torch.eye(len(gram), dtype=gram.dtype, device=gram.device)).square().sum()
