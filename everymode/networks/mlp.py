"""Fully connected networks for points in the plane, as in Self-Conditioned GAN on rings and grids of Gaussians.

Layouts and parameter counts follow stevliu/self-conditioned-gan:2d_mix/models/cluster.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import torch.nn.functional as F
from torch import Tensor, nn

from everymode.game import Verdict
from everymode.networks.embedding import UnitEmbeddingConcat
from everymode.networks.heads import judge
from everymode.networks.layered import WithoutGeneratorLayers
from everymode.networks.sizes import Size, require_latent
from everymode.norms.conditional import BatchNorm


class PointGenerator(WithoutGeneratorLayers):
    """A generator: z [B, latent_dim] and labels [B] -> points [B, point_dim].

    [z, the label's embedding of unit length] -> depth x (linear, batch normalization, ReLU) -> linear.

    Args:
        num_classes: number of classes; None for an unconditional generator, which ignores the condition.
        latent_dim: length of z.
        embedding_dim: length of the label's embedding.
        width: units of the hidden layers.
        depth: number of hidden layers.
        point_dim: dimensions of the points.
        first: (inputs, outputs) -> the first layer, called as first(z, condition), which replaces the linear layer on
            z and the label's embedding.
    """

    why = "a generator of points has no feature maps to restore, invert or dissect; use a generator of images"

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
        self.embedding = (
            None
            if num_classes is None or first is not None
            else UnitEmbeddingConcat(num_classes, embedding_dim)
        )
        ins = (latent_dim + embedding_dim * (self.embedding is not None),) + (width,) * (depth - 1)
        self.layers = nn.ModuleList(nn.Linear(features, width) for features in ins)
        self.takes_condition_first = first is not None
        if first is not None:
            self.layers[0] = first(latent_dim, width)
        self.norms = nn.ModuleList(BatchNorm(width) for _ in ins)
        self.output = nn.Linear(width, point_dim)

    def forward(self, z: Tensor, condition: Tensor | None = None, size: Size | None = None) -> Tensor:
        require_latent(z, self.latent_dim)
        if size is not None:
            raise ValueError(f"size is {tuple(size)}, but points have no size; omit it.")
        hidden = z if self.embedding is None else self.embedding(z, condition)
        first, *others = self.layers
        hidden = first(hidden, condition) if self.takes_condition_first else first(hidden)
        hidden = F.relu(self.norms[0](hidden))
        for layer, norm in zip(others, self.norms[1:], strict=True):
            hidden = F.relu(norm(layer(hidden)))
        return self.output(hidden)


class PointDiscriminator(nn.Module):
    """A discriminator of maxout layers: points [B, point_dim] and condition -> Verdict.

    Args:
        head: width F of the last layer -> head, called as head(features [B, F], condition) -> scores.
        class_head: the same as `head` for an auxiliary class head, whose logits are the Verdict's `classes`.
        width: units of a maxout layer.
        pieces: linear pieces of a unit.
        depth: number of maxout layers.
        point_dim: dimensions of the points.
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
        """Return the input of the heads, [B, width]; it depends on no label."""
        for layer in self.layers:
            x = layer(x).unflatten(1, (-1, self.pieces)).amax(2)
        return x

    def block_features(self, x: Tensor) -> NoReturn:
        """Raise a ValueError: points have no feature maps."""
        raise ValueError("a discriminator of points has no feature maps; use a discriminator of images")
