"""The first layer of convolutional generators: latent codes and labels to the first grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from everymode.networks.embedding import UnitEmbeddingConcat
from everymode.networks.layered import LayeredGenerator
from everymode.networks.sizes import Size, require_latent, starting_grid


class FirstGridGenerator(LayeredGenerator):
    """A base class of generators with a linear first layer: z [B, latent_dim], condition [B] -> [B, channels, H0, W0].

    The label's embedding, of unit length, is concatenated to z, unless the first layer takes the condition. A subclass
    adds the other layers, none of which takes the condition.

    Args:
        size: (H, W) of the images.
        doublings: number of doublings from the first grid to `size`.
        widths: channels of the first grid and of each block's output.
        num_classes: number of classes; None for an unconditional generator, which ignores the condition.
        latent_dim: length of z.
        embedding_dim: length of the label's embedding.
        first: (inputs, outputs) -> the first layer, called as first(z, condition), which replaces the linear layer on
            z and the label's embedding.
    Raises:
        ValueError: if a side of the size is not a multiple of 2 ** doublings.
    """

    def __init__(
        self,
        size: Size,
        doublings: int,
        widths: Sequence[int],
        *,
        num_classes: int | None,
        latent_dim: int,
        embedding_dim: int,
        first: Callable[[int, int], nn.Module] | None,
    ) -> None:
        super().__init__()
        self.size = (size[0], size[1])
        self.grid = starting_grid(size, doublings)
        self.widths = tuple(widths)
        self.num_classes = num_classes
        self.latent_dim = latent_dim
        self.embedding = (
            None
            if num_classes is None or first is not None
            else UnitEmbeddingConcat(num_classes, embedding_dim)
        )
        self.takes_condition_first = first is not None
        outputs = widths[0] * self.grid[0] * self.grid[1]
        self.linear = (
            nn.Linear(latent_dim + embedding_dim * (self.embedding is not None), outputs)
            if first is None
            else first(latent_dim, outputs)
        )

    def first_grid(self, z: Tensor, condition: Tensor | None) -> Tensor:
        """Return the linear layer's outputs as maps [B, channels, H0, W0].

        Args:
            z: [B, latent_dim].
            condition: int64 labels [B], or None if the generator is unconditional.
        Raises:
            ValueError: if z has another shape, or labels are needed and the condition is none.
        """
        require_latent(z, self.latent_dim)
        if self.takes_condition_first:
            hidden = self.linear(z, condition)
        else:
            hidden = self.linear(z if self.embedding is None else self.embedding(z, condition))
        return hidden.unflatten(1, (-1, *self.grid))

    def _codes(self, z: Tensor | None, condition: Tensor | None) -> Sequence[Any]:
        return [None] * (len(self.widths) - 1)
