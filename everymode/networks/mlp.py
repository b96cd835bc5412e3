"""Fully connected networks for points in the plane, as Self-Conditioned GAN uses them on rings and grids of
Gaussians.

Layouts and parameter counts follow stevliu/self-conditioned-gan:2d_mix/models/cluster.py.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from everymode.game import Verdict
from everymode.networks.embedding import UnitEmbeddingConcat
from everymode.networks.heads import judge
from everymode.networks.sizes import Size, require_latent
from everymode.norms.conditional import BatchNorm


class PointGenerator(nn.Module):
    """z [B, latent_dim] and labels [B] -> points [B, point_dim].

    [z, unit embedding of the label] -> depth x (linear, batch normalization, ReLU) -> linear.

    Args:
        num_classes: None for an unconditional generator, which ignores the condition.
        first: (inputs, outputs) -> the first layer, called as first(z, condition), in place of the linear layer on z
            and the label's embedding.
    """

    def __init__(
        self,
        *,
        num_classes: int | None = None,
        latent_dim: int = 2,
        embedding_dim: int = 32,
        width: int = 400,
        depth: int = 4,
        point_dim: int = 2,
        first: Callable[[int, int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        embedded = num_classes is not None and first is None
        self.embedding = UnitEmbeddingConcat(num_classes, embedding_dim) if embedded else None
        ins = (latent_dim + embedding_dim * embedded,) + (width,) * (depth - 1)
        self.layers = nn.ModuleList(nn.Linear(features, width) for features in ins)
        self.takes_condition_first = first is not None
        if first is not None:
            self.layers[0] = first(latent_dim, width)
        self.norms = nn.ModuleList(BatchNorm(width) for _ in ins)
        self.output = nn.Linear(width, point_dim)

    def forward(self, z: Tensor, condition: Tensor | None = None, size: Size | None = None) -> Tensor:
        require_latent(z, self.latent_dim)
        if size is not None:
            raise ValueError(f"size {tuple(size)} was asked for, but points have no size; leave size out.")
        hidden = z if self.embedding is None else self.embedding(z, condition)
        first, *others = self.layers
        hidden = first(hidden, condition) if self.takes_condition_first else first(hidden)
        hidden = F.relu(self.norms[0](hidden))
        for layer, norm in zip(others, self.norms[1:], strict=True):
            hidden = F.relu(norm(layer(hidden)))
        return self.output(hidden)


class PointDiscriminator(nn.Module):
    """Points [B, point_dim] and condition -> Verdict, through `depth` maxout layers of `width` units with
    `pieces` pieces.

    Args:
        head: width F of the last layer -> head, called as head(features [B, F], condition) -> scores.
        class_head: the same for an auxiliary class head, whose logits are the Verdict's `classes`.
    """

    def __init__(
        self,
        *,
        head: Callable[[int], nn.Module],
        class_head: Callable[[int], nn.Module] | None = None,
        width: int = 200,
        pieces: int = 5,
        depth: int = 3,
        point_dim: int = 2,
    ) -> None:
        super().__init__()
        self.pieces = pieces
        self.layers = nn.ModuleList(
            nn.Linear(features, width * pieces) for features in (point_dim,) + (width,) * (depth - 1)
        )
        self.head = head(width)
        self.class_head = None if class_head is None else class_head(width)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Verdict:
        return judge(self.features(x), condition, self.head, self.class_head)

    def features(self, x: Tensor) -> Tensor:
        """What feeds the heads, without a label: [B, width]."""
        for layer in self.layers:
            x = layer(x).unflatten(1, (-1, self.pieces)).amax(2)
        return x
