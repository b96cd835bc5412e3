"""Residual generator and discriminator of SN-GAN (Miyato et al. 2018), for 32, 48, 64, 128 pixels and similar sizes.

Widths follow the paper's tables 4 to 6 and kwotsin/mimicry:torch_mimicry/nets/sngan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.game import Verdict
from everymode.networks.heads import judge, require_labels
from everymode.networks.layered import LayeredDiscriminator, LayeredGenerator, collect
from everymode.networks.residual import DiscriminatorBlock, GeneratorBlock
from everymode.networks.sizes import Size, default_doublings, require_latent, starting_grid
from everymode.norms.conditional import BatchNorm, ConditionalBatchNorm2d


class ResNetGenerator(LayeredGenerator):
    """A generator: z [B, latent_dim], condition [B] int64 -> images [B, channels, H, W] in [-1, 1].

    Args:
        size: (H, W) of the images.
        num_classes: number of rows of the tables of gains and biases in every block; None for an unconditional
            generator, which ignores the condition.
        widths: channels of the first grid and of each block's output; default: `resnet_generator_widths(size)`, which
            are also those of tables 5 and 6 of the sparsity-aware normalization paper.
        latent_dim: length of z.
        channels: channels of the images.
        output: (feature channels, image channels) -> head, called as head(features, size) -> images, which replaces
            the final batch normalization, ReLU and convolution. The `size` passed to `forward` may then be any that
            the head supports.
        fused: compute upsampling and convolution in one operation (exact).
    Raises:
        ValueError: if a side of the size is not a multiple of 2 ** blocks.
    """

    def __init__(
        self,
        size: Size,
        *,
        num_classes: int | None = None,
        widths: Sequence[int] | None = None,
        latent_dim: int = 128,
        channels: int = 3,
        output: Callable[[int, int], nn.Module] | None = None,
        fused: bool = True,
    ) -> None:
        super().__init__()
        widths = resnet_generator_widths(size) if widths is None else widths
        self.size = (size[0], size[1])
        self.widths = tuple(widths)
        self.grid = starting_grid(size, len(widths) - 1)
        self.latent_dim = latent_dim
        self.num_classes = num_classes
        norm: Callable[[int], nn.Module] = BatchNorm
        if num_classes is not None:
            norm = partial(ConditionalBatchNorm2d, table=partial(nn.Embedding, num_classes))
        self.linear = nn.Linear(latent_dim, widths[0] * self.grid[0] * self.grid[1])
        self.blocks = nn.ModuleList(
            GeneratorBlock(widths[i], widths[i + 1], norm=norm, fused=fused) for i in range(len(widths) - 1)
        )
        self.output_head = None if output is None else output(widths[-1], channels)
        if self.output_head is None:
            self.output_norm = BatchNorm(widths[-1])
            self.output_conv = nn.Conv2d(widths[-1], channels, 3, padding=1)

    def first_grid(self, z: Tensor, condition: Tensor | None) -> Tensor:
        require_latent(z, self.latent_dim)
        return self.linear(z).unflatten(1, (-1, *self.grid))

    def _codes(self, z: Tensor | None, condition: Tensor | None) -> Sequence[Tensor | None]:
        if self.num_classes is not None:
            condition = require_labels(condition, type(self).__name__)
        return [condition] * len(self.blocks)

    def _block(self, index: int, hidden: Tensor, code: Tensor | None) -> Tensor:
        return self.blocks[index](hidden, code)

    def _block_modules(self, index: int) -> list[nn.Module]:
        return [self.blocks[index]]

    def _head(self, hidden: Tensor, size: Size | None) -> Tensor:
        if self.output_head is not None:
            return self.output_head(hidden, size)
        return torch.tanh(self.output_conv(F.relu(self.output_norm(hidden))))


class ResNetDiscriminator(LayeredDiscriminator):
    """A discriminator: images [B, channels, H, W] and condition -> Verdict, with sum pooling as in SN-GAN's code.

    Args:
        size: (H, W) of the images.
        head: width F of the pooled features -> head, called as head(features [B, F], condition) -> scores.
        class_head: the same as `head` for an auxiliary class head, whose logits are the Verdict's `classes`.
        widths: channels of each block's output; default: those of `resnet_discriminator_layout(size)`.
        halvings: number of blocks, from the first on, that halve the grid; default: that of the default layout, or all
            but the last for custom widths.
        channels: channels of the images.
        mean_pooling: average over positions instead of summing (as in the critics of the sparsity-aware normalization
            paper).
        wide: whether the width between a block's convolutions is that of its output; if False, that of its input. True
            matches the parameter counts in the sparsity-aware normalization paper for its critics at 48 pixels.
        circular: circular padding of the 3x3 convolutions (also as in that paper's critics); zeros otherwise.
        fused: compute convolution and mean pooling in one operation (exact).
    Raises:
        ValueError: if a side of the size is not a multiple of 2 ** halvings.
    """

    def __init__(
        self,
        size: Size,
        *,
        head: Callable[[int], nn.Module],
        class_head: Callable[[int], nn.Module] | None = None,
        widths: Sequence[int] | None = None,
        halvings: int | None = None,
        channels: int = 3,
        mean_pooling: bool = False,
        wide: bool = False,
        circular: bool = False,
        fused: bool = True,
    ) -> None:
        super().__init__()
        if widths is None:
            widths, default_halvings = resnet_discriminator_layout(size)
            halvings = default_halvings if halvings is None else halvings
        halvings = len(widths) - 1 if halvings is None else halvings
        starting_grid(size, halvings)
        self.size = (size[0], size[1])
        self.stride = 2**halvings
        self.takes_any_size = True
        self.mean_pooling = mean_pooling
        ins = (channels, *widths[:-1])
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(
                ins[i],
                widths[i],
                hidden_channels=widths[i] if wide or i == 0 else ins[i],
                activate_first=i > 0,
                downsample=i < halvings,
                circular=circular,
                fused=fused,
            )
            for i in range(len(widths))
        )
        self.head = head(widths[-1])
        self.class_head = None if class_head is None else class_head(widths[-1])

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Verdict:
        return judge(self.features(x), condition, self.head, self.class_head)

    def features(self, x: Tensor, outputs: list[Tensor] | None = None) -> Tensor:
        """Return the input of the heads, [B, widths[-1]]; it depends on no label.

        Args:
            x: [B, channels, H, W].
            outputs: receives the output of every block, unless None.
        """
        x = self._last_maps(x, outputs)
        return x.mean((2, 3)) if self.mean_pooling else x.sum((2, 3))

    def unpooled_features(self, x: Tensor) -> Tensor:
        """Return the features before pooling over the last grid, which keep positions: [B, widths[-1] * h * w]."""
        return self._last_maps(x).flatten(1)

    def _last_maps(self, x: Tensor, outputs: list[Tensor] | None = None) -> Tensor:
        for block in self.blocks:
            x = block(x)
            collect(outputs, x)
        return F.relu(x)


def resnet_generator_widths(size: Size, base: int = 64) -> tuple[int, ...]:
    """Return the channels of the first grid and of each block's output.

    For a base of 64 these are 256 throughout at 32 pixels, 512 to 64 at 48, and 1024 to 64 above. The widths of other
    sizes depend on their number of doublings from a first grid whose shorter side is 4 to 7; 48 differs from 32 by its
    first grid, 6x6.

    Args:
        size: (H, W) of the images.
        base: base width.
    """
    doublings = default_doublings(size)
    if doublings <= 3:
        multiples = (8, 4, 2, 1) if min(size) == 48 else (4,) * (doublings + 1)
    else:
        multiples = (16,) * (doublings - 3) + (8, 4, 2, 1)
    return tuple(base * multiple for multiple in multiples)


def resnet_discriminator_layout(
    size: Size, base: int = 64, *, shortened: bool = False
) -> tuple[tuple[int, ...], int]:
    """Return the channels of each block's output, and the number of blocks, from the first on, that halve the grid.

    Args:
        size: (H, W) of the images.
        base: base width.
        shortened: omit the last block, from 48 pixels on, as the sparsity-aware normalization paper does at 48 pixels
            (Table 6: a quarter of the parameters).
    """
    doublings = default_doublings(size)
    if doublings <= 3 and min(size) != 48:
        return (2 * base,) * 4, min(doublings, 2)
    multiples = (1, 2, 4, 8, 16) + (16,) * max(doublings - 4, 0)
    halvings = max(doublings, 4)
    if shortened:
        multiples, halvings = multiples[:-1], min(halvings, len(multiples) - 1)
    return tuple(base * multiple for multiple in multiples), halvings
