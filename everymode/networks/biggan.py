"""BigGAN generator and discriminator (Brock et al. 2019) for any size whose sides can be halved the necessary times.

Layouts follow ajbrock/BigGAN-PyTorch:BigGAN.py, which PeterouZh/Omni-GAN-PyTorch uses unchanged, and, for 48 pixels,
alisadeghian/PGMGAN:gan_training/models/biggan.py. There are two differences: the positions of attention follow from
the true sizes of the blocks' outputs (the released table has 16 for every block of the 32-pixel discriminator), and
networks take labels instead of their embeddings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.game import Verdict
from everymode.networks.attention import SelfAttention
from everymode.networks.block_embedding import label_embedding
from everymode.networks.heads import judge, require_labels
from everymode.networks.layered import LayeredDiscriminator, LayeredGenerator, collect
from everymode.networks.residual import DiscriminatorBlock, GeneratorBlock
from everymode.networks.sizes import Size, default_doublings, require_latent, starting_grid
from everymode.norms.conditional import BatchNorm, ConditionalBatchNorm2d


class BigGANGenerator(LayeredGenerator):
    """A generator: z [B, latent_dim], condition [B] (or [B, blocks]) int64 -> images [B, channels, H, W] in [-1, 1].

    There are three kinds of conditioning:

    - none (`num_classes` is None): the condition is ignored; with `hierarchical`, batch normalizations take the chunks
      of z as their condition;
    - a table of gains and biases per class in every batch normalization (`shared_dim` is None; the 32-pixel layout);
    - linear maps of a label embedding that all layers share (`shared_dim`), to which `hierarchical` appends a chunk of
      z per block. A float condition [B, shared_dim] is used as the embedding itself, for interpolation between classes.

    For several labels per image (label blocks), `num_classes` is a tuple and the condition is [B, blocks]; every table,
    and the shared embedding, is then the sum of one table per label block.

    Args:
        size: (H, W) of the images.
        widths: channels of the first grid and of each block's output (`generator_widths`); each block doubles the grid.
        num_classes: number of classes, or one per label block; None for an unconditional generator.
        latent_dim: length of z. If hierarchical, it is rounded down to a multiple of the number of chunks, blocks + 1;
            the attribute `latent_dim` is the rounded length.
        channels: channels of the images.
        shared_dim: length of the shared label embedding; None for a table per batch normalization.
        hierarchical: whether z is split into one chunk for the first layer and one per block.
        attention: shorter sides of the block outputs that self-attention follows: (16, 16) is after the first two
            blocks whose output has side 16.
        output: (feature channels, image channels) -> head, called as head(features, size) -> images, which replaces
            the final batch normalization, ReLU and convolution. The `size` passed to `forward` may then be any that
            the head supports.
        fused: compute upsampling and convolution in one operation (exact).
        norm_epsilon: epsilon of the batch normalizations.
    Raises:
        ValueError: if a side of the size is not a multiple of 2 ** blocks, no block has an output of an attention's
            side, `latent_dim` is below the number of chunks, `shared_dim` is set without classes, or `hierarchical`
            is set with classes but without `shared_dim`.
    """

    def __init__(
        self,
        size: Size,
        *,
        widths: Sequence[int],
        num_classes: int | tuple[int, ...] | None,
        latent_dim: int = 128,
        channels: int = 3,
        shared_dim: int | None = None,
        hierarchical: bool = False,
        attention: Sequence[int] = (),
        output: Callable[[int, int], nn.Module] | None = None,
        fused: bool = True,
        norm_epsilon: float = 1e-5,
    ) -> None:
        super().__init__()
        if shared_dim is not None and num_classes is None:
            raise ValueError(
                f"shared_dim is {shared_dim}, but num_classes is None; a shared embedding needs classes to embed."
            )
        if hierarchical and shared_dim is None and num_classes is not None:
            raise ValueError(
                "hierarchical=True appends chunks of z to the shared embedding, but shared_dim is None; give "
                "shared_dim too, or omit num_classes."
            )
        blocks = len(widths) - 1
        self.size = (size[0], size[1])
        self.widths = tuple(widths)
        self.grid = starting_grid(size, blocks)
        self.num_classes = num_classes
        self.chunk = latent_dim // (blocks + 1) if hierarchical else None
        self.latent_dim = latent_dim if self.chunk is None else self.chunk * (blocks + 1)
        if self.latent_dim < 1:
            raise ValueError(
                f"latent_dim {latent_dim} can't be split into {blocks + 1} chunks; pass at least {blocks + 1}."
            )
        norm: Callable[[int], nn.Module] = partial(BatchNorm, epsilon=norm_epsilon)
        conditional = partial(ConditionalBatchNorm2d, epsilon=norm_epsilon)
        if shared_dim is not None or (num_classes is None and self.chunk):
            code_dim = (shared_dim or 0) + (self.chunk or 0)
            norm = partial(conditional, table=partial(nn.Linear, code_dim, bias=False))
        elif num_classes is not None:
            norm = partial(conditional, table=partial(label_embedding, num_classes))
        self.shared = (
            None if shared_dim is None or num_classes is None else label_embedding(num_classes, shared_dim)
        )
        self.linear = nn.Linear(self.chunk or latent_dim, widths[0] * self.grid[0] * self.grid[1])
        self.blocks = nn.ModuleList(
            GeneratorBlock(widths[i], widths[i + 1], norm=norm, fused=fused) for i in range(blocks)
        )
        sides = [min(self.grid) * 2 ** (i + 1) for i in range(blocks)]
        self.attention = _attention(attention, sides, widths[1:], size)
        self.output_head = None if output is None else output(widths[-1], channels)
        if self.output_head is None:
            self.output_norm = BatchNorm(widths[-1], epsilon=norm_epsilon)
            self.output_conv = nn.Conv2d(widths[-1], channels, 3, padding=1)

    def first_grid(self, z: Tensor, condition: Tensor | None) -> Tensor:
        require_latent(z, self.latent_dim)
        first = z if self.chunk is None else z[:, : self.chunk]
        return self.linear(first).unflatten(1, (-1, *self.grid))

    def _codes(self, z: Tensor | None, condition: Tensor | None) -> Sequence[Tensor | None]:
        chunks: Sequence[Tensor] = ()
        if self.chunk is not None:
            assert z is not None  # `from_activation` requires it
            chunks = z.split(self.chunk, dim=1)[1:]
        if self.num_classes is None:
            return chunks or [None] * len(self.blocks)
        if self.shared is None:
            return [require_labels(condition, type(self).__name__)] * len(self.blocks)
        if isinstance(condition, Tensor) and condition.is_floating_point():
            embedded = condition
        else:
            embedded = self.shared(require_labels(condition, type(self).__name__))
        if self.chunk is None:
            return [embedded] * len(self.blocks)
        return [torch.cat((embedded, chunk), dim=1) for chunk in chunks]

    def _block(self, index: int, hidden: Tensor, code: Tensor | None) -> Tensor:
        hidden = self.blocks[index](hidden, code)
        return self.attention[str(index)](hidden) if str(index) in self.attention else hidden

    def _block_modules(self, index: int) -> list[nn.Module]:
        followed_by = [self.attention[str(index)]] if str(index) in self.attention else []
        return [self.blocks[index], *followed_by]

    def _head(self, hidden: Tensor, size: Size | None) -> Tensor:
        if self.output_head is not None:
            return self.output_head(hidden, size)
        return torch.tanh(self.output_conv(F.relu(self.output_norm(hidden))))

    def _feeds_latent_to_blocks(self) -> bool:
        return self.chunk is not None


class BigGANDiscriminator(LayeredDiscriminator):
    """A residual discriminator with sum pooling: images [B, channels, H, W] and condition -> Verdict.

    Without attention it also takes images of other sizes; the pooled features then grow with the area.

    Args:
        size: (H, W) of the images.
        head: width F of the pooled features -> head, called as head(features [B, F], condition) -> scores.
        widths: channels of each block's output (`discriminator_layout`).
        halvings: number of blocks, from the first on, that halve the grid.
        class_head: the same as `head` for an auxiliary class head, whose logits are the Verdict's `classes`.
        channels: channels of the images.
        attention: as for the generator.
        circular: circular padding of the blocks' 3x3 convolutions; zeros otherwise.
        fused: compute convolution and mean pooling in one operation (exact).
    Raises:
        ValueError: if a side is not a multiple of 2 ** halvings, or no block has an output of an attention's side.
    """

    def __init__(
        self,
        size: Size,
        *,
        head: Callable[[int], nn.Module],
        widths: Sequence[int],
        halvings: int,
        class_head: Callable[[int], nn.Module] | None = None,
        channels: int = 3,
        attention: Sequence[int] = (),
        circular: bool = False,
        fused: bool = True,
    ) -> None:
        super().__init__()
        starting_grid(size, halvings)
        self.size = (size[0], size[1])
        self.stride = 2**halvings
        self.takes_any_size = not attention
        ins = (channels, *widths[:-1])
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(
                ins[i],
                widths[i],
                activate_first=i > 0,
                downsample=i < halvings,
                circular=circular,
                fused=fused,
            )
            for i in range(len(widths))
        )
        sides = [min(size) // 2 ** min(i + 1, halvings) for i in range(len(widths))]
        self.attention = _attention(attention, sides, widths, size)
        self.head = head(widths[-1])
        self.class_head = None if class_head is None else class_head(widths[-1])

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Verdict:
        return judge(self.features(x), condition, self.head, self.class_head)

    def features(self, x: Tensor, outputs: list[Tensor] | None = None) -> Tensor:
        """Return the input of the heads, [B, widths[-1]]; it depends on no label.

        Args:
            x: [B, channels, H, W].
            outputs: receives the output of every block and attention, unless None.
        """
        return self._last_maps(x, outputs).sum((2, 3))

    def unpooled_features(self, x: Tensor) -> Tensor:
        """Return the features before the sum over the last grid, which keep positions: [B, widths[-1] * h * w]."""
        return self._last_maps(x).flatten(1)

    def _last_maps(self, x: Tensor, outputs: list[Tensor] | None = None) -> Tensor:
        hidden = x
        for index, block in enumerate(self.blocks):
            hidden = block(hidden)
            collect(outputs, hidden)
            if str(index) in self.attention:
                hidden = self.attention[str(index)](hidden)
                collect(outputs, hidden)
        return F.relu(hidden)


class DiscriminatorLayout(NamedTuple):
    """Widths and halvings of a discriminator."""

    widths: tuple[int, ...]
    """Channels of each block's output."""
    halvings: int
    """Number of blocks, from the first on, that halve the grid."""


# Multiples of the base width, by number of doublings.
_GENERATOR = {
    4: (16, 16, 8, 4, 2),
    5: (16, 16, 8, 4, 2, 1),
    6: (16, 16, 8, 8, 4, 2, 1),
    7: (16, 16, 8, 8, 4, 2, 1, 1),
}
_DISCRIMINATOR = {
    4: (1, 2, 4, 8, 16),
    5: (1, 2, 4, 8, 16, 16),
    6: (1, 2, 4, 8, 8, 16, 16),
    7: (1, 1, 2, 4, 8, 8, 16, 16),
}


def generator_widths(size: Size, base: int = 64, *, doublings: int | None = None) -> tuple[int, ...]:
    """Return the widths of the released generators: constant up to 3 doublings (32 pixels), 16 to 1 times `base` above.

    Args:
        size: (H, W) of the images.
        base: base width.
        doublings: number of doublings; default: as many as keep the shorter side of the first grid at 4 or more, at
            most 7. The released 48-pixel layout has 4, and starts from 3x3.
    Raises:
        ValueError: if `doublings` is above 7.
    """
    doublings = min(default_doublings(size), 7) if doublings is None else doublings
    multiples = (4,) * (doublings + 1) if doublings < 4 else _released_widths(_GENERATOR, doublings)
    return tuple(base * multiple for multiple in multiples)


def discriminator_layout(size: Size, base: int = 64, *, doublings: int | None = None) -> DiscriminatorLayout:
    """Return the layout of the released discriminator that belongs to a generator (`generator_widths`).

    Args:
        size: (H, W) of the images.
        base: base width.
        doublings: number of doublings of the generator; default: as in `generator_widths`.
    Raises:
        ValueError: if `doublings` is above 7.
    """
    doublings = min(default_doublings(size), 7) if doublings is None else doublings
    if doublings < 4:
        return DiscriminatorLayout((4 * base,) * 4, min(doublings, 2))
    return DiscriminatorLayout(
        tuple(base * multiple for multiple in _released_widths(_DISCRIMINATOR, doublings)), doublings
    )


def _released_widths(table: dict[int, tuple[int, ...]], doublings: int) -> tuple[int, ...]:
    if doublings not in table:
        raise ValueError(
            f"there is no released layout with {doublings} doublings; pass at most 7, or custom widths."
        )
    return table[doublings]


def _attention(
    requested: Sequence[int], sides: Sequence[int], widths: Sequence[int], size: Size
) -> nn.ModuleDict:
    missing = [side for side in requested if side not in sides or side % 2]
    if missing:
        usable = [side for side in sides if side % 2 == 0]
        raise ValueError(
            f"attention is requested at {missing}, but at size {tuple(size)} the blocks' outputs have shorter sides "
            f"{sides}; choose among {usable}, or none."
        )
    # If several blocks have outputs of one size, attention follows the first of them.
    followed = []
    for side in dict.fromkeys(requested):
        blocks = [index for index, each in enumerate(sides) if each == side]
        count = list(requested).count(side)
        if count > len(blocks):
            raise ValueError(
                f"attention is requested after {count} blocks whose output has side {side}, and there are "
                f"{len(blocks)}; name {side} at most {len(blocks)} times."
            )
        followed += blocks[:count]
    return nn.ModuleDict({str(index): SelfAttention(widths[index]) for index in followed})
