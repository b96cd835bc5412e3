"""Residual networks without normalization, with two blocks per resolution, for training stabilized by R1.

Mescheder, Geiger, Nowozin: Which Training Methods for GANs do actually Converge? (ICML 2018). These are the networks of
its ImageNet experiments, at 128 pixels as in stevliu/self-conditioned-gan:gan_training/models/resnet2.py. Other sizes
have as many doublings as keep the shorter side of the first grid at 4 or more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks.first_grid import FirstGridGenerator
from everymode.networks.flattened import FlattenedDiscriminator
from everymode.networks.layered import collect
from everymode.networks.sizes import Size, default_doublings, starting_grid

BRANCH = 0.1
"""Factor of a block's residual branch."""
SLOPE = 0.2
"""Slope of leaky ReLU for negative inputs."""


class StabilityBlock(nn.Module):
    """x + 0.1 (leaky ReLU, 3x3, leaky ReLU, 3x3): [B, in, H, W] -> [B, out, H, W].

    The first convolution has min(in, out) outputs. If in and out differ, x goes through a 1x1 convolution without bias.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        hidden = min(in_channels, out_channels)
        self.conv1 = nn.Conv2d(in_channels, hidden, 3, padding=1)
        self.conv2 = nn.Conv2d(hidden, out_channels, 3, padding=1)
        same = in_channels == out_channels
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.conv2(F.leaky_relu(self.conv1(F.leaky_relu(x, SLOPE)), SLOPE))
        return self.shortcut(x) + BRANCH * branch


class StabilityGenerator(FirstGridGenerator):
    """A generator: z [B, latent_dim], condition [B] int64 -> images [B, channels, H, W] in [-1, 1].

    A linear layer to the first grid, two blocks, then per doubling nearest-neighbor upsampling and two blocks; leaky
    ReLU, a 3x3 convolution and tanh. The input is z and the label's embedding of unit length.

    Args:
        size: (H, W) of the images.
        num_classes: number of classes; None for an unconditional generator, which ignores the condition.
        latent_dim: length of z.
        embedding_dim: length of the label's embedding.
        channels: channels of the images.
        base: channels at full size; they double toward the first grid, up to 16 times base.
        doublings: number of doublings; default: as many as keep the shorter side of the first grid at 4 or more.
        first: (inputs, outputs) -> the first layer, called as first(z, condition), which replaces the linear layer on
            z and the label's embedding.
    Raises:
        ValueError: if a side of the size is not a multiple of 2 ** doublings.
    """

    def __init__(
        self,
        size: Size,
        *,
        num_classes: int | None = None,
        latent_dim: int = 256,
        embedding_dim: int = 256,
        channels: int = 3,
        base: int = 64,
        doublings: int | None = None,
        first: Callable[[int, int], nn.Module] | None = None,
    ) -> None:
        doublings = default_doublings(size) if doublings is None else doublings
        widths = widths_from_full_size(base, doublings)[::-1]
        super().__init__(
            size,
            doublings,
            [widths[0], *(width for width in widths for _ in range(2))],
            num_classes=num_classes,
            latent_dim=latent_dim,
            embedding_dim=embedding_dim,
            first=first,
        )
        self.stages = nn.ModuleList(
            nn.Sequential(StabilityBlock(ins, outs), StabilityBlock(outs, outs))
            for ins, outs in zip((widths[0], *widths[:-1]), widths, strict=True)
        )
        self.output_head = None
        self.output = nn.Conv2d(base, channels, 3, padding=1)

    def _block(self, index: int, hidden: Tensor, code: None) -> Tensor:
        stage, second = divmod(index, 2)
        if stage and not second:
            hidden = F.interpolate(hidden, scale_factor=2)
        return self._block_modules(index)[0](hidden)

    def _block_modules(self, index: int) -> list[nn.Module]:
        stage = cast(nn.Sequential, self.stages[index // 2])  # of two blocks, by the constructor
        return [stage[index % 2]]

    def _head(self, hidden: Tensor, size: Size | None) -> Tensor:
        return torch.tanh(self.output(F.leaky_relu(hidden, SLOPE)))


class StabilityDiscriminator(FlattenedDiscriminator):
    """A discriminator: images [B, channels, H, W] and condition -> Verdict, by heads on the flattened last maps.

    A 3x3 convolution, then per halving two blocks and 3x3 mean pooling with stride 2, and two blocks at the end.

    Args:
        size: (H, W) of the images.
        head: width F of the flattened features (16,384 at 128 pixels) -> head, called as head(features, condition).
        class_head: the same as `head` for an auxiliary class head, whose logits are the Verdict's `classes`.
        channels: channels of the images.
        base: channels at full size; they double with each halving, up to 16 times base.
        halvings: number of halvings; default: as many as keep the shorter side at 4 or more.
    Raises:
        ValueError: if a side of the size is not a multiple of 2 ** halvings.
    """

    def __init__(
        self,
        size: Size,
        *,
        head: Callable[[int], nn.Module],
        class_head: Callable[[int], nn.Module] | None = None,
        channels: int = 3,
        base: int = 64,
        halvings: int | None = None,
    ) -> None:
        super().__init__()
        halvings = default_doublings(size) if halvings is None else halvings
        starting_grid(size, halvings)  # rejects sizes that halving would round
        widths = widths_from_full_size(base, halvings)
        self.input = nn.Conv2d(channels, base, 3, padding=1)
        self.stages = nn.ModuleList(
            nn.Sequential(StabilityBlock(ins, ins), StabilityBlock(ins, outs))
            for ins, outs in zip(widths, (*widths[1:], widths[-1]), strict=True)
        )
        self.add_heads(size, halvings, widths[-1], head, class_head)

    def features(self, x: Tensor, outputs: list[Tensor] | None = None) -> Tensor:
        """Return the input of the heads: [B, F], the last activations, flattened; it depends on no label.

        Args:
            x: [B, channels, H, W].
            outputs: receives the output of every block, unless None.
        """
        hidden = self.input(x)
        for index, stage in enumerate(self.stages):
            if index:
                hidden = F.avg_pool2d(hidden, 3, stride=2, padding=1)
            for block in cast(nn.Sequential, stage):  # of two blocks, by the constructor
                hidden = block(hidden)
                collect(outputs, hidden)
        return F.leaky_relu(hidden, SLOPE).flatten(1)


def widths_from_full_size(base: int, halvings: int) -> list[int]:
    """Return the channels at each resolution, from full size to the smallest grid: base, 2 base, ... 16 base."""
    return [base * 2 ** min(level, 4) for level in range(halvings + 1)]
