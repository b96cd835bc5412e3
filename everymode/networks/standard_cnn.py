"""The standard convolutional generator and critic, on which papers compare normalizations of GANs.

Kligvasser and Michaeli, Sparsity Aware Normalization for GANs (AAAI 2021), Table 4, for 32 and 48 pixels; other sizes
have as many doublings as keep the shorter side of the first grid at 4 or more. Here all kernels are 3x3; SN-GAN's
networks of that name, and those of everymode.networks.dcgan, have 4x4 kernels wherever the grid changes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.game import Verdict
from everymode.networks.circular import CircularConv2d
from everymode.networks.heads import judge, require_labels
from everymode.networks.layered import LayeredDiscriminator, LayeredGenerator, collect
from everymode.networks.sizes import Size, default_doublings, require_latent, starting_grid
from everymode.norms.conditional import BatchNorm, ConditionalBatchNorm2d

SLOPE = 0.1
"""Slope of the critic's leaky ReLU for negative inputs."""


class StandardGenerator(LayeredGenerator):
    """A generator: z [B, latent_dim], condition [B] int64 -> images [B, channels, H, W] in [-1, 1].

    A linear layer to the first grid, then per doubling a 3x3 transposed convolution (without bias, which would have no
    effect), batch normalization and ReLU, then a 3x3 convolution and tanh.

    Args:
        size: (H, W) of the images.
        num_classes: number of rows of the tables of gains and biases in every batch normalization; None for an
            unconditional generator, which ignores the condition.
        latent_dim: length of z.
        channels: channels of the images.
        base: channels at full size; they double toward the first grid, up to 8 times base.
        doublings: number of doublings; default: as many as keep the shorter side of the first grid at 4 or more.
    Raises:
        ValueError: if a side of the size is not a multiple of 2 ** doublings.
    """

    def __init__(
        self,
        size: Size,
        *,
        num_classes: int | None = None,
        latent_dim: int = 128,
        channels: int = 3,
        base: int = 64,
        doublings: int | None = None,
    ) -> None:
        super().__init__()
        doublings = default_doublings(size) if doublings is None else doublings
        self.size = (size[0], size[1])
        self.grid = starting_grid(size, doublings)
        self.latent_dim = latent_dim
        widths = [base * 2 ** min(level, 3) for level in range(doublings, -1, -1)]
        self.widths = tuple(widths)
        self.linear = nn.Linear(latent_dim, widths[0] * self.grid[0] * self.grid[1])
        self.convolutions = nn.ModuleList(
            nn.ConvTranspose2d(widths[i], widths[i + 1], 3, stride=2, padding=1, output_padding=1, bias=False)
            for i in range(doublings)
        )
        self.num_classes = num_classes
        norm: Callable[[int], nn.Module] = BatchNorm
        if num_classes is not None:
            norm = partial(ConditionalBatchNorm2d, table=partial(nn.Embedding, num_classes))
        self.norms = nn.ModuleList(norm(width) for width in widths[1:])
        self.output_head = None
        self.output = nn.Conv2d(base, channels, 3, padding=1)

    def first_grid(self, z: Tensor, condition: Tensor | None) -> Tensor:
        require_latent(z, self.latent_dim)
        return self.linear(z).unflatten(1, (-1, *self.grid))

    def _codes(self, z: Tensor | None, condition: Tensor | None) -> Sequence[Tensor | None]:
        if self.num_classes is not None:
            condition = require_labels(condition, type(self).__name__)
        return [condition] * len(self.norms)

    def _block(self, index: int, hidden: Tensor, code: Tensor | None) -> Tensor:
        return F.relu(self.norms[index](self.convolutions[index](hidden), code))

    def _block_modules(self, index: int) -> list[nn.Module]:
        return [self.convolutions[index], self.norms[index]]

    def _head(self, hidden: Tensor, size: Size | None) -> Tensor:
        return torch.tanh(self.output(hidden))


class StandardCritic(LayeredDiscriminator):
    """A critic: images [B, channels, H, W] and condition -> Verdict, by heads on the flattened last maps.

    3x3 convolutions with stride 1 and 2 in turn, then one with stride 1, each followed by leaky ReLU 0.1.

    Args:
        size: (H, W) of the images.
        head: width F of the flattened features (8192 at 32 pixels) -> head, called as head(features, condition).
        class_head: the same as `head` for an auxiliary class head, whose logits are the Verdict's `classes`.
        channels: channels of the images.
        base: channels of the first two convolutions; they double after each halving, up to 8 times base.
        halvings: number of halvings; default: as many as keep the shorter side at 4 or more.
        circular: circular padding, as in all critics of the paper; zeros otherwise.
        norm: channels -> normalization of the features after each convolution except the first (as in the papers of
            the competing methods); None for no normalization.
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
        circular: bool = True,
        norm: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        halvings = default_doublings(size) if halvings is None else halvings
        grid = starting_grid(size, halvings)
        self.circular = circular
        self.stride = 2**halvings
        self.takes_any_size = False
        widths = [base * 2 ** min(level, 3) for level in range(halvings + 1)]
        layouts = [(channels, base, 1)]
        for ins, outs in itertools.pairwise(widths):
            layouts += [(ins, ins, 2), (ins, outs, 1)]
        convolutions: list[nn.Conv2d] = []
        for index, (ins, outs, stride) in enumerate(layouts):
            if circular:
                # All but the first activate their input, in one pass with the padding.
                slope = SLOPE if index else None
                layer = CircularConv2d(ins, outs, 3, stride=stride, padding=1, negative_slope=slope)
            else:
                layer = nn.Conv2d(ins, outs, 3, stride=stride, padding=1)
            convolutions.append(layer)
        self.convolutions = nn.ModuleList(convolutions)
        self.norms = nn.ModuleList(
            nn.Identity() if norm is None or index == 0 else norm(layer.out_channels)
            for index, layer in enumerate(convolutions)
        )
        in_features = widths[-1] * grid[0] * grid[1]
        self.head = head(in_features)
        self.class_head = None if class_head is None else class_head(in_features)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Verdict:
        return judge(self.features(x), condition, self.head, self.class_head)

    def features(self, x: Tensor, outputs: list[Tensor] | None = None) -> Tensor:
        """Return the input of the heads: [B, F], the last activations, flattened; it depends on no label.

        Args:
            x: [B, channels, H, W].
            outputs: receives the output of every convolution, before its activation, unless None.
        """
        for index, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            if index and not self.circular:
                x = F.leaky_relu(x, SLOPE)
            x = norm(convolution(x))
            collect(outputs, x)
        return F.leaky_relu(x, SLOPE).flatten(1)
