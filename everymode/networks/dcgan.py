"""DCGAN networks of Self-Conditioned GAN: a generator, and a shallow and a deep discriminator, for any size.

At 32 pixels they are those of stevliu/self-conditioned-gan:gan_training/models/dcgan_shallow.py (Stacked-MNIST) and
dcgan_deep.py (CIFAR; the discriminator is the convolutional one of Miyato et al. 2018, without normalization).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks.first_grid import FirstGridGenerator
from everymode.networks.flattened import FlattenedDiscriminator
from everymode.networks.layered import collect
from everymode.networks.sizes import Size, default_doublings
from everymode.norms.conditional import BatchNorm


class DCGANGenerator(FirstGridGenerator):
    """A generator: z [B, latent_dim], condition [B] int64 -> images [B, channels, H, W] in [-1, 1].

    A linear layer to the first grid (without activation), then per doubling a 4x4 transposed convolution, batch
    normalization and ReLU, then a 3x3 convolution and tanh. The input is z and the label's embedding of unit length.

    Args:
        size: (H, W) of the images.
        num_classes: number of classes; None for an unconditional generator, which ignores the condition.
        latent_dim: length of z.
        embedding_dim: length of the label's embedding.
        channels: channels of the images.
        base: channels at full size; they double toward the first grid, up to 8 times base.
        doublings: number of doublings; default: as many as keep the shorter side of the first grid at 4 or more.
        output: (feature channels, image channels) -> head, called as head(features, size) -> images, which replaces
            the final 3x3 convolution. The `size` passed to `forward` may then be any that the head supports.
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
        latent_dim: int = 128,
        embedding_dim: int = 256,
        channels: int = 3,
        base: int = 64,
        doublings: int | None = None,
        output: Callable[[int, int], nn.Module] | None = None,
        first: Callable[[int, int], nn.Module] | None = None,
    ) -> None:
        doublings = default_doublings(size) if doublings is None else doublings
        widths = [base * 2 ** min(level, 3) for level in range(doublings, -1, -1)]
        super().__init__(
            size,
            doublings,
            widths,
            num_classes=num_classes,
            latent_dim=latent_dim,
            embedding_dim=embedding_dim,
            first=first,
        )
        self.convolutions = nn.ModuleList(
            nn.ConvTranspose2d(widths[i], widths[i + 1], 4, stride=2, padding=1) for i in range(doublings)
        )
        self.norms = nn.ModuleList(BatchNorm(width) for width in widths[1:])
        self.output_head = None if output is None else output(base, channels)
        if self.output_head is None:
            self.output = nn.Conv2d(base, channels, 3, padding=1)

    def _block(self, index: int, hidden: Tensor, code: None) -> Tensor:
        return F.relu(self.norms[index](self.convolutions[index](hidden)))

    def _block_modules(self, index: int) -> list[nn.Module]:
        return [self.convolutions[index], self.norms[index]]

    def _head(self, hidden: Tensor, size: Size | None) -> Tensor:
        if self.output_head is not None:
            return self.output_head(hidden, size)
        return torch.tanh(self.output(hidden))


class ShallowDiscriminator(FlattenedDiscriminator):
    """A discriminator: images [B, channels, H, W] and condition -> Verdict, with batch normalization.

    4x4 convolutions with stride 2, each followed by batch normalization and leaky ReLU 0.2; the result is flattened.

    Args:
        size: (H, W) of the images, any; odd grids are halved with rounding down.
        head: width F of the flattened features (2048 at 32 pixels) -> head, called as head(features, condition).
        class_head: the same as `head` for an auxiliary class head, whose logits are the Verdict's `classes`.
        channels: channels of the images.
        base: channels of the first convolution; they double up to 8 times base.
        halvings: number of halvings; default: as many as keep the shorter side at 2 or more.
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
        halvings = default_doublings(size, 2) if halvings is None else halvings
        widths = [base * 2 ** min(level, 3) for level in range(halvings)]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(ins, outs, 4, stride=2, padding=1)
            for ins, outs in zip((channels, *widths[:-1]), widths, strict=True)
        )
        self.norms = nn.ModuleList(BatchNorm(width) for width in widths)
        self.add_heads(size, halvings, widths[-1], head, class_head)

    def features(self, x: Tensor, outputs: list[Tensor] | None = None) -> Tensor:
        """Return the input of the heads: [B, F], the last activations, flattened; it depends on no label.

        Args:
            x: [B, channels, H, W].
            outputs: receives the output of every convolution, activated, unless None.
        """
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.leaky_relu(norm(convolution(x)), 0.2)
            collect(outputs, x)
        return x.flatten(1)


class DeepDiscriminator(FlattenedDiscriminator):
    """A discriminator: images [B, channels, H, W] and condition -> Verdict, without normalization.

    3x3 and 4x4 stride-2 convolutions in turn, then a 3x3 one, each followed by leaky ReLU 0.1; the result is flattened.

    Args:
        size: (H, W) of the images, any; odd grids are halved with rounding down.
        head: width F of the flattened features (8192 at 32 pixels) -> head, called as head(features, condition).
        class_head: the same as `head` for an auxiliary class head, whose logits are the Verdict's `classes`.
        channels: channels of the images.
        base: channels of the first convolutions; they double after each halving, up to 8 times base.
        halvings: number of halvings; default: as many as keep the shorter side at 4 or more.
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
        widths = [base * 2 ** min(level, 3) for level in range(halvings + 1)]
        convolutions: list[nn.Conv2d] = []
        for ins, outs in zip((channels, *widths[:-2]), widths[:-1], strict=True):
            convolutions += [
                nn.Conv2d(ins, outs, 3, padding=1),
                nn.Conv2d(outs, outs, 4, stride=2, padding=1),
            ]
        convolutions.append(nn.Conv2d(widths[-2], widths[-1], 3, padding=1))
        self.convolutions = nn.ModuleList(convolutions)
        self.add_heads(size, halvings, widths[-1], head, class_head)

    def features(self, x: Tensor, outputs: list[Tensor] | None = None) -> Tensor:
        """Return the input of the heads: [B, F], the last activations, flattened; it depends on no label.

        Args:
            x: [B, channels, H, W].
            outputs: receives the output of every convolution, activated, unless None.
        """
        for convolution in self.convolutions:
            x = F.leaky_relu(convolution(x), 0.1)
            collect(outputs, x)
        return x.flatten(1)
