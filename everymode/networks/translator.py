"""The networks of StarGAN, which transfer attributes between pictures.

Choi et al. 2018, StarGAN; layouts as in yunjey/stargan, and the critic of Kligvasser and Michaeli, Sparsity Aware
Normalization for GANs (AAAI 2021), Table 7.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.game import Verdict
from everymode.networks.attributes import attribute_planes, num_planes
from everymode.networks.circular import CircularConv2d
from everymode.networks.layered import PictureGenerator
from everymode.networks.sizes import (
    Size,
    as_size,
    require_native,
    require_no_latent,
    require_shape,
    starting_grid,
)
from everymode.norms.weight import prepared_weights


class StarGenerator(PictureGenerator):
    """A generator: (pictures [B, channels, H, W], attributes) -> pictures in [-1, 1] of the same size.

    It is called as generator(z, (picture, attributes), size=None) with z None: `latent_dim` is 0. The attributes are
    repeated over the picture as planes. A 7x7 convolution, 4x4 convolutions with stride 2, residual blocks, 4x4
    transposed convolutions, a 7x7 convolution and tanh; all without bias, and all but the last with instance
    normalization (affine) and ReLU. A residual block has no activation after its sum. Padding is with zeros: reflected
    padding would leave a constant plane constant, and the normalization would erase it.

    Instance normalization uses each picture's statistics in training and eval mode. The released generator uses running
    averages in eval mode, with far other outputs. With the defaults and 5 attributes it has 8,430,528 parameters.

    Args:
        num_attributes: n, number of attribute planes.
        width: channels of the first convolution; each downsampling doubles them.
        downsamplings: number of convolutions with stride 2.
        blocks: number of residual blocks.
        sizes: number of values of each label block; the second item of the condition is then int64 labels [B, blocks],
            see `attribute_planes`. None: it is [B, n] already.
        channels: channels of the pictures.
        normalize_first: whether the first convolution is followed by instance normalization, as published. It erases
            what a constant plane adds to a feature, except near the borders, where the padding is zero; so the
            attributes reach the middle of a picture only through the receptive fields of later layers.
    Raises:
        ValueError: if the sizes need another number of planes.
    """

    def __init__(
        self,
        num_attributes: int,
        *,
        width: int = 64,
        downsamplings: int = 2,
        blocks: int = 6,
        sizes: Sequence[int] | None = None,
        channels: int = 3,
        normalize_first: bool = True,
    ) -> None:
        super().__init__()
        if sizes is not None and num_planes(sizes) != num_attributes:
            raise ValueError(
                f"label blocks of {tuple(sizes)} values have {num_planes(sizes)} attribute planes, but num_attributes "
                f"is {num_attributes}; pass num_planes(sizes)"
            )
        self.num_attributes = num_attributes
        self.sizes = None if sizes is None else tuple(sizes)
        self.latent_dim = 0
        widths = [width * 2**level for level in range(downsamplings + 1)]
        self.first = nn.Conv2d(channels + num_attributes, width, 7, padding=3, bias=False)
        self.first_norm = _norm(width) if normalize_first else nn.Identity()
        self.down = nn.ModuleList(
            nn.Conv2d(ins, outs, 4, stride=2, padding=1, bias=False)
            for ins, outs in itertools.pairwise(widths)
        )
        self.down_norms = nn.ModuleList(_norm(outs) for outs in widths[1:])
        self.blocks = nn.ModuleList(_Block(widths[-1]) for _ in range(blocks))
        widths.reverse()
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(ins, outs, 4, stride=2, padding=1, bias=False)
            for ins, outs in itertools.pairwise(widths)
        )
        self.up_norms = nn.ModuleList(_norm(outs) for outs in widths[1:])
        self.output = nn.Conv2d(width, channels, 7, padding=3, bias=False)

    def forward(self, z: Tensor | None, condition: object = None, size: Size | None = None) -> Tensor:
        """Change the pictures' attributes.

        Args:
            z: None.
            condition: (picture [B, channels, H, W], attributes [B, n] or labels [B, blocks]).
            size: None, or the pictures' (H, W).
        Raises:
            ValueError: if the condition has another form, or a side is not a multiple of 2 ** downsamplings.
        """
        require_no_latent(z, type(self).__name__)
        picture, attributes = self._read(condition)
        native = (picture.shape[2], picture.shape[3])
        require_native(size, native)
        starting_grid(native, len(self.down))
        planes = attributes.to(picture.dtype)[:, :, None, None].expand(-1, -1, *native)
        hidden = F.relu(self.first_norm(self.first(torch.cat((picture, planes), dim=1))))
        for layer, norm in zip(self.down, self.down_norms, strict=True):
            hidden = F.relu(norm(layer(hidden)))
        for block in self.blocks:
            hidden = block(hidden)
        for layer, norm in zip(self.up, self.up_norms, strict=True):
            hidden = F.relu(norm(layer(hidden)))
        return torch.tanh(self.output(hidden))

    def _read(self, condition: object) -> tuple[Tensor, Tensor]:
        """Return the pictures and their attributes [B, n]."""
        if not isinstance(condition, tuple) or len(condition) != 2:
            kind = "None" if condition is None else f"a {type(condition).__name__}"
            raise ValueError(
                f"StarGenerator was given {kind} as condition; pass (picture [B, C, H, W], attributes [B, n])"
            )
        picture, attributes = condition
        if self.sizes is not None:
            attributes = attribute_planes(attributes, self.sizes, dtype=picture.dtype)
        if attributes.shape != (picture.shape[0], self.num_attributes):
            raise ValueError(
                f"StarGenerator was given attributes of shape {tuple(attributes.shape)} for {len(picture)} pictures; "
                f"it takes [B, {self.num_attributes}], or labels [B, blocks] if it was built with their sizes"
            )
        return picture, attributes


class StarDiscriminator(nn.Module):
    """A critic: pictures [B, channels, H, W] -> Verdict with a map of scores [B, 1, h, w] and logits [B, n].

    Convolutions with stride 2 and leaky ReLU 0.01, without normalization; then two heads without bias: a 3x3
    convolution to the scores of patches, and one of the last map's size to the logits of the attributes (`classes`).
    The features are the activations after each convolution, then their last means over positions [B, F]. The condition
    is ignored: labels enter by the loss.

    With the defaults at 128 pixels and 5 attributes it has 44,762,048 parameters, as the released one; with `kernel=3`
    and `circular=True`, Table 7 of Sparsity-Aware Normalization, 25,206,400.

    Args:
        num_attributes: n, number of logits.
        size: (H, W) of the pictures, or the side of a square.
        width: channels of the first convolution; each further one doubles them.
        layers: number of convolutions.
        kernel: their kernel size, 4 or 3.
        circular: circular padding in all convolutions but the one to the logits, which has none; zeros otherwise.
        channels: channels of the pictures.
    Raises:
        ValueError: if the kernel has another size, or the pictures are too small for the number of layers.
    """

    def __init__(
        self,
        num_attributes: int,
        size: int | Size,
        *,
        width: int = 64,
        layers: int = 6,
        kernel: int = 4,
        circular: bool = False,
        channels: int = 3,
    ) -> None:
        super().__init__()
        if kernel not in (3, 4):
            raise ValueError(
                f"kernel is {kernel}; pass 4 (released) or 3 (Sparsity-Aware Normalization, Table 7)"
            )
        self.size = as_size(size)
        grid = self.size
        for _ in range(layers):
            grid = tuple((side + 2 - kernel) // 2 + 1 for side in grid)
        if min(grid) < 1:
            raise ValueError(
                f"pictures of {self.size} can't be halved {layers} times; pass at most "
                f"{min(self.size).bit_length() - 1} layers"
            )
        convolution = CircularConv2d if circular else nn.Conv2d
        widths = [channels, *(width * 2**level for level in range(layers))]
        self.convolutions = nn.ModuleList(
            convolution(ins, outs, kernel, stride=2, padding=1) for ins, outs in itertools.pairwise(widths)
        )
        self.score_head = convolution(widths[-1], 1, 3, padding=1, bias=False)
        self.class_head = nn.Conv2d(widths[-1], num_attributes, (grid[0], grid[1]), bias=False)

    def forward(self, x: Tensor, condition: object = None) -> Verdict:
        activations = self._activations(x)
        last = activations[-1]
        classes = self.class_head(last).flatten(1)
        return Verdict((self.score_head(last),), classes, (*activations, last.mean((2, 3))))

    def features(self, x: Tensor) -> Tensor:
        """Return [B, F], the means over positions of the last activations."""
        return self._activations(x)[-1].mean((2, 3))

    def block_features(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the activations of every convolution, then `features(x)`.

        Args:
            x: [B, channels, H, W].
        """
        with prepared_weights(self):
            activations = self._activations(x)
            return (*activations, activations[-1].mean((2, 3)))

    def _activations(self, x: Tensor) -> list[Tensor]:
        require_shape(x, self.size, type(self).__name__)
        activations: list[Tensor] = []
        for layer in self.convolutions:
            x = F.leaky_relu(layer(x), 0.01)
            activations.append(x)
        return activations


class _Block(nn.Module):
    """x + normalized 3x3 convolution of the ReLU of a normalized 3x3 convolution of x: [B, C, H, W] -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = _norm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = _norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))


def _norm(channels: int) -> nn.InstanceNorm2d:
    return nn.InstanceNorm2d(channels, affine=True)
