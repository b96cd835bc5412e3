"""The generator of SPADE: label maps to pictures.

Park et al. 2019, Semantic Image Synthesis with Spatially-Adaptive Normalization; depths and widths as in NVlabs/SPADE.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks.layered import PictureGenerator
from everymode.networks.map_planes import MapPlanes
from everymode.networks.sizes import (
    Size,
    as_size,
    require_codes,
    require_native,
    require_no_latent,
    starting_grid,
)
from everymode.networks.spade_encoder import SpadeEncoder
from everymode.networks.spade_norm import SpatiallyAdaptiveNorm, StatisticsOf

_SPECTRAL = re.compile(r"(^|\.)(conv1|conv2|shortcut|convolutions\.\d+)$")


class SpadeGenerator(PictureGenerator):
    """A generator: label maps -> pictures [B, channels, H, W] in [-1, 1]. Called as generator(z, condition, size=None).

    The condition is an int64 map [B, h, w] of any size with the classes 0 to K - 1 and 255 (void), or (map, edges) with
    `extra_channels=1`; see `MapPlanes`. One-hot planes are made inside, once per resolution. A 3x3 convolution of the
    smallest map (with an encoder: a linear layer of z) is followed by residual blocks under spatially-adaptive
    normalization, most of which act after an upsampling by 2, leaky ReLU 0.2, a 3x3 convolution and tanh.

    Without an encoder there is no noise at all: `latent_dim` is 0 and z is None. With one, `encode` gives the mean and
    the log variance of z. No weight is normalized by the constructor; `spade_spectral_layers` names the convolutions
    that are spectrally normalized in the paper. Cityscapes at 256 x 512 (35 classes, edges) has 93,048,003 parameters.

    Args:
        num_classes: K.
        size: (H, W) of the pictures, or the side of a square.
        width: channels of the last block; the first ones have 16 times as many.
        doublings: number of doublings from the first grid; default: as many as keep the longer side of the first grid
            at 8 or more, which are the published 5 at 256 x 256 and 6 at 256 x 512.
        hidden: channels inside the normalization layers.
        norm: "batch" (over all ranks after `synchronize_batch_norm`) or "instance".
        encoder: whether z comes from a picture encoder.
        extra_channels: number of further maps; 1 for instance edges.
        dont_care: whether void pixels have a plane.
        widths: channels of the first grid, then of each block; default: `spade_widths(width, doublings)`. With more
            blocks than doublings + 1, those after the second block follow without upsampling.
        kernel: odd kernel size inside the normalization layers.
        latent_dim: length of z with an encoder.
        channels: channels of the pictures.
    Raises:
        ValueError: if a side of the size is not a multiple of 2 ** doublings, there are fewer blocks than doublings
            + 1, or the kernel, the norm or the number of classes is not allowed.
    """

    def __init__(
        self,
        num_classes: int,
        size: int | Size,
        *,
        width: int = 64,
        doublings: int | None = None,
        hidden: int = 128,
        norm: StatisticsOf = "batch",
        encoder: bool = False,
        extra_channels: int = 0,
        dont_care: bool = False,
        widths: Sequence[int] | None = None,
        kernel: int = 3,
        latent_dim: int = 256,
        channels: int = 3,
    ) -> None:
        super().__init__()
        self.size = as_size(size)
        self.doublings = spade_doublings(self.size) if doublings is None else doublings
        self.grid = starting_grid(self.size, self.doublings)
        self.maps = MapPlanes(num_classes, extra_channels, dont_care)
        self.latent_dim = latent_dim if encoder else 0
        widths = spade_widths(width, self.doublings) if widths is None else tuple(widths)
        self.doubles = _doubles(len(widths) - 1, self.doublings)
        planes = self.maps.channels
        self.first = (
            nn.Linear(latent_dim, widths[0] * self.grid[0] * self.grid[1])
            if encoder
            else nn.Conv2d(planes, widths[0], 3, padding=1)
        )
        layer = partial(SpatiallyAdaptiveNorm, planes=planes, hidden=hidden, kernel=kernel, norm=norm)
        self.blocks = nn.ModuleList(SpadeBlock(ins, outs, layer) for ins, outs in itertools.pairwise(widths))
        self.output = nn.Conv2d(widths[-1], channels, 3, padding=1)
        self.encoder = None
        if encoder:
            resolution = min(256, 1 << (max(*self.size, 8).bit_length() - 1))
            self.encoder = SpadeEncoder(latent_dim, width=width, resolution=resolution, channels=channels)

    def forward(self, z: Tensor | None, condition: object = None, size: Size | None = None) -> Tensor:
        """Generate pictures.

        Args:
            z: [B, latent_dim] with an encoder, otherwise None.
            condition: label maps, or (maps, edges). With an encoder an image [B, channels, H, W] may follow, whose
                encoded style is then drawn by means of z (reparametrization): mean + exp(log variance / 2) * z.
            size: (H, W); default: the native size. Without an encoder, any whose sides are multiples of
                2 ** doublings.
        Raises:
            ValueError: if z, the condition or the size has another form.
        """
        who = type(self).__name__
        maps, extras = self.maps.read(condition, who)
        grid = self.grid
        if self.encoder is not None:
            require_native(size, self.size)
        elif size is not None:
            grid = starting_grid(size, self.doublings)
        at = partial(self.maps.planes, maps, extras, dtype=self.output.weight.dtype)
        planes = at(grid)
        if self.encoder is None:
            require_no_latent(z, who)
            hidden = self.first(planes)
        else:
            codes = require_codes(z, self.latent_dim, who)
            image = self.maps.image_of(condition)
            if image is not None:
                mean, log_variance = self.encoder(image)
                codes = mean + (log_variance / 2).exp() * codes
            hidden = self.first(codes).unflatten(1, (-1, *grid))
        for block, doubles in zip(self.blocks, self.doubles, strict=True):
            if doubles:
                hidden = F.interpolate(hidden, scale_factor=2)
                planes = at((hidden.shape[2], hidden.shape[3]))
            hidden = block(hidden, planes)
        return torch.tanh(self.output(F.leaky_relu(hidden, 0.2)))

    def encode(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of z, [B, latent_dim] each.

        Args:
            picture: [B, channels, H, W] in [-1, 1].
        Raises:
            ValueError: if the generator has no encoder.
        """
        if self.encoder is None:
            raise ValueError("this SpadeGenerator has no encoder; build it with encoder=True")
        return self.encoder(picture)


class SpadeBlock(nn.Module):
    """A residual block: normalization, leaky ReLU 0.2 and a 3x3 convolution, twice; [B, ins, H, W] -> [B, outs, H, W].

    If the channels change, the skip is a normalization and a 1x1 convolution without bias, and no activation.

    Args:
        ins: channels of the input.
        outs: channels of the output.
        layer: channels -> normalization layer, called as layer(x, planes).
    """

    def __init__(self, ins: int, outs: int, layer: partial[SpatiallyAdaptiveNorm]) -> None:
        super().__init__()
        middle = min(ins, outs)
        self.conv1 = nn.Conv2d(ins, middle, 3, padding=1)
        self.conv2 = nn.Conv2d(middle, outs, 3, padding=1)
        self.norm1 = layer(ins)
        self.norm2 = layer(middle)
        self.shortcut = self.norm_shortcut = None
        if ins != outs:
            self.shortcut = nn.Conv2d(ins, outs, 1, bias=False)
            self.norm_shortcut = layer(ins)

    def forward(self, x: Tensor, planes: Tensor) -> Tensor:
        skip = x
        if self.shortcut is not None and self.norm_shortcut is not None:
            skip = self.shortcut(self.norm_shortcut(x, planes))
        hidden = self.conv1(F.leaky_relu(self.norm1(x, planes), 0.2))
        return skip + self.conv2(F.leaky_relu(self.norm2(hidden, planes), 0.2))


def spade_doublings(size: Size) -> int:
    """Return the number of times that the longer side can be halved and stay at 8 or above; at least 1."""
    doublings = 1
    while max(size) // 2 ** (doublings + 1) >= 8:
        doublings += 1
    return doublings


def spade_widths(width: int, doublings: int) -> tuple[int, ...]:
    """Return the channels of the first grid and of each block.

    For 5 and 6 doublings these are the released 16, 16, 16, 16, 8, 4, 2 and 1 times width, and for 7 a further block
    of half the width ("normal", "more" and "most"). With fewer doublings d, the first grid has 2 ** d times width.

    Args:
        width: channels at full size (one doubling before it, with 7).
        doublings: 1 to 7.
    Raises:
        ValueError: if `doublings` has another value.
    """
    if not 1 <= doublings <= 7:
        raise ValueError(
            f"there are no default widths for {doublings} doublings, only for 1 to 7; pass the channels of the first "
            "grid and of each block as `widths`"
        )
    narrowing = min(doublings, 4)
    multiples = [2**level for level in range(narrowing, -1, -1)]
    wide = multiples[:1] * (3 if doublings > 4 else 1)
    widths = tuple(width * multiple for multiple in (*wide, *multiples))
    return (*widths, max(width // 2, 1)) if doublings == 7 else widths


def spade_spectral_layers(name: str, layer: nn.Module) -> bool:
    """Return whether a layer of the published generator or encoder is spectrally normalized: an `include` of
    `normalize_weights`.

    In the generator these are the convolutions of the residual blocks, without those of its normalization layers, the
    first and the last one. In a `SpadeEncoder`, which is normalized by a call of its own, they are all convolutions.

    Args:
        name: qualified name of the layer in its network.
        layer: the layer.
    """
    return not name.startswith("encoder.") and _SPECTRAL.search(name) is not None


def _doubles(blocks: int, doublings: int) -> tuple[bool, ...]:
    """Return for each block whether an upsampling precedes it: all but the first, and surplus ones from the third."""
    surplus = blocks - 1 - doublings
    if doublings < 1:
        raise ValueError(f"doublings is {doublings}; the generator doubles its first grid at least once")
    if surplus < 0:
        raise ValueError(
            f"{blocks} blocks can't double the grid {doublings} times, since the first block acts on the first grid; "
            f"pass at least {doublings + 2} widths"
        )
    return tuple(index > 0 and not 2 <= index < 2 + surplus for index in range(blocks))
