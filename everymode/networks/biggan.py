"""BigGAN generator and discriminator (Brock et al. 2019) for any size whose sides can be halved often enough.

Layouts follow ajbrock/BigGAN-PyTorch:BigGAN.py, which PeterouZh/Omni-GAN-PyTorch uses unchanged, and for 48
pixels alisadeghian/PGMGAN:gan_training/models/biggan.py. Departures: attention is placed by the true size of
a block's output (the released table says 16 for every block of the 32-pixel discriminator); labels go in, not
their embeddings.
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
from everymode.networks.residual import DiscriminatorBlock, GeneratorBlock
from everymode.networks.sizes import Size, default_doublings, require_latent, require_native, starting_grid
from everymode.norms.conditional import BatchNorm, ConditionalBatchNorm2d


class BigGANGenerator(nn.Module):
    """Latent codes and labels to images: z [B, latent_dim], condition [B] (or [B, blocks]) int64 -> [B, channels, H, W]
    in [-1, 1].

    Three kinds of conditioning: none (`num_classes` None; the condition is then ignored, and with `hierarchical` the
    chunks of z feed the norms alone); a table of gains and biases per class in every batch normalization
    (`shared_dim` None; the 32-pixel layout); or linear maps
    of a label embedding that all layers share (`shared_dim`), to which `hierarchical` appends a chunk of z
    per block. With a shared embedding, a float condition [B, shared_dim] is taken as the embedding itself,
    for interpolation between classes.

    With several labels an image (label blocks), `num_classes` is a tuple and the condition [B, blocks]; every
    table, and the shared embedding, is then the sum of one per block.

    Args:
        size: (H, W) of the images.
        widths: channels of the first grid and of each block's output; each block doubles the grid
            (`generator_widths`).
        latent_dim: length of z. Hierarchical: rounded down to a multiple of the number of chunks, blocks + 1;
            the attribute `latent_dim` is the length in use.
        attention: shorter sides of the block outputs that self-attention follows: (16, 16) is after the first two
            blocks whose output has side 16.
        output: (feature channels, image channels) -> head, called as head(features, size) -> images, in place
            of batch normalization, ReLU and convolution at the end; `size` may then be any that the head draws.
        fused: computes upsampling and convolution in one operation (exact).
    Raises:
        ValueError: sizes that don't divide, attention at a size no block makes, hierarchical without a shared
            embedding.
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
    ) -> None:
        super().__init__()
        if shared_dim is not None and num_classes is None:
            raise ValueError(
                "shared_dim is given without num_classes; a shared embedding needs classes to embed."
            )
        if hierarchical and shared_dim is None and num_classes is not None:
            raise ValueError(
                "hierarchical=True appends chunks of z to the shared embedding; give shared_dim too."
            )
        blocks = len(widths) - 1
        self.size = (size[0], size[1])
        self.grid = starting_grid(size, blocks)
        self.num_classes = num_classes
        self.chunk = latent_dim // (blocks + 1) if hierarchical else None
        self.latent_dim = self.chunk * (blocks + 1) if hierarchical else latent_dim
        if self.latent_dim < 1:
            raise ValueError(
                f"latent_dim {latent_dim} can't be cut into {blocks + 1} chunks; give at least as many."
            )
        norm: Callable[[int], nn.Module] = BatchNorm
        if shared_dim is not None or (num_classes is None and self.chunk):
            code_dim = (shared_dim or 0) + (self.chunk or 0)
            norm = partial(ConditionalBatchNorm2d, table=partial(nn.Linear, code_dim, bias=False))
        elif num_classes is not None:
            norm = partial(ConditionalBatchNorm2d, table=partial(label_embedding, num_classes))
        self.shared = None if shared_dim is None else label_embedding(num_classes, shared_dim)
        self.linear = nn.Linear(self.chunk or latent_dim, widths[0] * self.grid[0] * self.grid[1])
        self.blocks = nn.ModuleList(
            GeneratorBlock(widths[i], widths[i + 1], norm=norm, fused=fused) for i in range(blocks)
        )
        sides = [min(self.grid) * 2 ** (i + 1) for i in range(blocks)]
        self.attention = _attention(attention, sides, widths[1:], size)
        self.output_head = None if output is None else output(widths[-1], channels)
        if self.output_head is None:
            self.output_norm = BatchNorm(widths[-1])
            self.output_conv = nn.Conv2d(widths[-1], channels, 3, padding=1)

    def forward(self, z: Tensor, condition: Tensor | None = None, size: Size | None = None) -> Tensor:
        if self.output_head is not None:
            return self.output_head(self.trunk(z, condition), size)
        require_native(size, self.size)
        return torch.tanh(self.output_conv(F.relu(self.output_norm(self.trunk(z, condition)))))

    def trunk(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """What the output layers are applied to: [B, widths[-1], H, W]."""
        require_latent(z, self.latent_dim)
        first, codes = self._codes(z, condition)
        hidden = self.linear(first).unflatten(1, (-1, *self.grid))
        for index, (block, code) in enumerate(zip(self.blocks, codes, strict=True)):
            hidden = block(hidden, code)
            if str(index) in self.attention:
                hidden = self.attention[str(index)](hidden)
        return hidden

    def _codes(self, z: Tensor, condition: Tensor | None) -> tuple[Tensor, Sequence[Tensor | None]]:
        """What feeds the first layer, and the condition of each block."""
        if self.num_classes is None and self.chunk is None:
            return z, [None] * len(self.blocks)
        if self.num_classes is None:
            first, *chunks = z.split(self.chunk, dim=1)
            return first, chunks
        if self.shared is None:
            return z, [require_labels(condition, type(self).__name__)] * len(self.blocks)
        if isinstance(condition, Tensor) and condition.is_floating_point():
            embedded = condition
        else:
            embedded = self.shared(require_labels(condition, type(self).__name__))
        if self.chunk is None:
            return z, [embedded] * len(self.blocks)
        first, *chunks = z.split(self.chunk, dim=1)
        return first, [torch.cat((embedded, chunk), dim=1) for chunk in chunks]


class BigGANDiscriminator(nn.Module):
    """Residual discriminator with sum pooling: images [B, channels, H, W] and condition -> Verdict.

    Without attention it takes images of other sizes too; the pooled features then grow with the area.

    Args:
        size: (H, W) of the images.
        head: width F of the pooled features -> head, called as head(features [B, F], condition) -> scores.
        class_head: the same for an auxiliary class head, whose logits are the Verdict's `classes`.
        widths: channels of each block's output (`discriminator_layout`).
        halvings: how many of the first blocks halve the grid.
        attention: as for the generator.
        circular: circular padding of the blocks' 3x3 convolutions; zeros otherwise.
        fused: computes convolution and mean pooling in one operation (exact).
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

    def features(self, x: Tensor) -> Tensor:
        """What feeds the heads, without a label: [B, widths[-1]]."""
        return self._last_maps(x).sum((2, 3))

    def unpooled_features(self, x: Tensor) -> Tensor:
        """The same before they are summed over the last grid: [B, widths[-1] * h * w]. They still tell where."""
        return self._last_maps(x).flatten(1)

    def _last_maps(self, x: Tensor) -> Tensor:
        hidden = x
        for index, block in enumerate(self.blocks):
            hidden = block(hidden)
            if str(index) in self.attention:
                hidden = self.attention[str(index)](hidden)
        return F.relu(hidden)


class DiscriminatorLayout(NamedTuple):
    """Channels of each block's output, and how many of the first blocks halve the grid."""

    widths: tuple[int, ...]
    halvings: int


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
    """The released layouts by number of doublings: constant up to 3 (32 pixels), 16 to 1 times `base` above.

    Args:
        doublings: as many as keep the shorter side of the first grid at 4 or more, where None. The released
            48-pixel layout starts from 3x3, with 4.
    """
    doublings = min(default_doublings(size), 7) if doublings is None else doublings
    multiples = (4,) * (doublings + 1) if doublings < 4 else _known(_GENERATOR, doublings)
    return tuple(base * multiple for multiple in multiples)


def discriminator_layout(size: Size, base: int = 64, *, doublings: int | None = None) -> DiscriminatorLayout:
    """The released layouts, by the number of doublings of the generator they stand against
    (`generator_widths`).
    """
    doublings = min(default_doublings(size), 7) if doublings is None else doublings
    if doublings < 4:
        return DiscriminatorLayout((4 * base,) * 4, min(doublings, 2))
    return DiscriminatorLayout(
        tuple(base * multiple for multiple in _known(_DISCRIMINATOR, doublings)), doublings
    )


def _known(table: dict[int, tuple[int, ...]], doublings: int) -> tuple[int, ...]:
    if doublings not in table:
        raise ValueError(
            f"there is no released layout with {doublings} doublings; give at most 7, or your own widths."
        )
    return table[doublings]


def _attention(
    wanted: Sequence[int], sides: Sequence[int], widths: Sequence[int], size: Size
) -> nn.ModuleDict:
    missing = [side for side in wanted if side not in sides or side % 2]
    if missing:
        usable = [side for side in sides if side % 2 == 0]
        raise ValueError(
            f"attention at {missing} was asked for, but at size {tuple(size)} the blocks' outputs have "
            f"shorter sides {sides}; choose among {usable}, or none."
        )
    # Of several blocks with outputs of one size, the first ones are followed by attention.
    followed = []
    for side in dict.fromkeys(wanted):
        blocks = [index for index, each in enumerate(sides) if each == side]
        asked = list(wanted).count(side)
        if asked > len(blocks):
            raise ValueError(
                f"attention after {asked} blocks whose output has side {side} was asked for, and there are "
                f"{len(blocks)}; name {side} at most {len(blocks)} times."
            )
        followed += blocks[:asked]
    return nn.ModuleDict({str(index): SelfAttention(widths[index]) for index in followed})
