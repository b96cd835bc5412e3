"""How convolutional generators begin: latent codes and labels to the first grid."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from everymode.networks.embedding import UnitEmbeddingConcat
from everymode.networks.sizes import Size, require_latent, starting_grid


class FirstGridGenerator(nn.Module):
    """A generator whose first layer is linear: z [B, latent_dim], condition [B] int64 -> [B, channels, H0, W0].

    The label enters as a unit vector beside z, or by a first layer that takes the condition. A network that begins so
    adds its other layers, and goes on in its `forward` from `first_grid`.

    Args:
        size: (H, W) of the images; the first grid is doubled `doublings` times.
        channels: of the first grid.
        num_classes: None for an unconditional generator, which ignores the condition.
        first: (inputs, outputs) -> the first layer, called as first(z, condition), in place of the linear layer on z
            and the label's embedding.
    Raises:
        ValueError: a side of the size is not a multiple of 2 ** doublings.
    """

    def __init__(
        self,
        size: Size,
        doublings: int,
        channels: int,
        *,
        num_classes: int | None,
        latent_dim: int,
        embedding_dim: int,
        first: Callable[[int, int], nn.Module] | None,
    ) -> None:
        super().__init__()
        self.size = (size[0], size[1])
        self.grid = starting_grid(size, doublings)
        self.latent_dim = latent_dim
        embedded = num_classes is not None and first is None
        self.embedding = UnitEmbeddingConcat(num_classes, embedding_dim) if embedded else None
        self.takes_condition_first = first is not None
        outputs = channels * self.grid[0] * self.grid[1]
        self.linear = (
            nn.Linear(latent_dim + embedding_dim * embedded, outputs)
            if first is None
            else first(latent_dim, outputs)
        )

    def first_grid(self, z: Tensor, condition: Tensor | None) -> Tensor:
        """The linear layer's answer as maps [B, channels, H0, W0].

        Raises ValueError where z is not [B, latent_dim], or where labels are needed and there are none.
        """
        require_latent(z, self.latent_dim)
        if self.takes_condition_first:
            hidden = self.linear(z, condition)
        else:
            hidden = self.linear(z if self.embedding is None else self.embedding(z, condition))
        return hidden.unflatten(1, (-1, *self.grid))
