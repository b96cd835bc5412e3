"""Prediction of the class from an encoder's features: logits, or an embedding compared with the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ClassLogits", "ClassTarget", "UnitRows", "class_target", "shared_rows"]


class UnitRows:
    """Classes are the rows of a table: an embedding is predicted, its products with the unit-norm rows are the logits.

    As in Self-Conditioned GAN, appendix C.3.

    Args:
        rows: [K, E]; they are normalized to unit length.

    Raises:
        ValueError: if the rows are not a table, or a row is zero.
    """

    def __init__(self, rows: Tensor) -> None:
        if rows.ndim != 2 or not bool((rows.norm(dim=1) > 0).all()):
            raise ValueError(
                f"the rows have shape {list(rows.shape)}; a table [K, E] without rows of zeros is needed"
            )
        self.rows = F.normalize(rows.detach().clone(), dim=1)
        self.sizes: tuple[int, ...] | None = None
        self.outputs = rows.shape[1]

    def logits(self, predicted: Tensor) -> Tensor:
        """Return logits [B, K] of predicted embeddings [B, E]."""
        return predicted @ self.rows.to(predicted).T


class ClassLogits:
    """Classes have logits: [B, K], or for label blocks one classifier with K_i logits each.

    Args:
        num_classes: K, or one number per label block.

    Raises:
        ValueError: if there are no classes.
    """

    def __init__(self, num_classes: int | tuple[int, ...]) -> None:
        self.sizes = num_classes if isinstance(num_classes, tuple) else None
        sizes = self.sizes or (num_classes if isinstance(num_classes, int) else 0,)
        if min(sizes) < 1:
            raise ValueError(f"num_classes is {num_classes}; each must be at least 1")
        self.outputs = sum(sizes)

    def logits(self, predicted: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the logits: [B, K], or a tuple with one tensor [B, K_i] per label block."""
        return predicted if self.sizes is None else predicted.split(self.sizes, dim=1)


ClassTarget = UnitRows | ClassLogits


def class_target(generator: Any) -> ClassTarget | None:
    """Return how the classes of a generator are predicted.

    The rows of its unit-norm table if it has one (Self-Conditioned GAN's generators), otherwise logits of its classes
    or label blocks (BigGAN's); None for an unconditional generator.

    Raises:
        ValueError: if the generator does not state its classes.
    """
    from everymode.networks.embedding import UnitEmbeddingConcat  # imports torch's compiler, a second

    if isinstance(generator, nn.Module):
        for module in generator.modules():
            if isinstance(module, UnitEmbeddingConcat):
                return UnitRows(module.table.weight)
    if not hasattr(generator, "num_classes"):
        raise ValueError(
            f"{type(generator).__name__} has no attribute num_classes; set it (None = unconditional), or pass classes="
        )
    num_classes: Any = generator.num_classes
    return None if num_classes is None else ClassLogits(num_classes)


def shared_rows(generator: nn.Module) -> UnitRows:
    """Return the normalized rows of a generator's shared label embedding (`shared`, as in BigGAN) as a class target.

    Raises:
        ValueError: if it has no shared embedding, or one of several label blocks.
    """
    from everymode.networks.block_embedding import BlockEmbedding  # imports torch's compiler, a second

    shared = getattr(generator, "shared", None)
    if not isinstance(shared, nn.Embedding) or isinstance(shared, BlockEmbedding):
        raise ValueError(
            f"{type(generator).__name__} has no shared embedding of one label; use ClassLogits of its classes instead"
        )
    return UnitRows(shared.weight)


def predicted_labels(logits: Tensor | Sequence[Tensor]) -> Tensor:
    """Return the classes with the largest logits: int64 [B], or [B, blocks] for label blocks."""
    if isinstance(logits, Tensor):
        return logits.argmax(1)
    return torch.stack([each.argmax(1) for each in logits], dim=1)
