"""The networks of super-resolution: a residual generator, and a critic of crops.

Kligvasser and Michaeli, Sparsity Aware Normalization for GANs (AAAI 2021), Table 8. The generator is
xinntao/BasicSR:basicsr/models/archs/srresnet_arch.py; it has no skip connection around the residual blocks.
"""

from __future__ import annotations

import itertools

import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks.circular import CircularConv2d
from everymode.networks.crop_critic import CropCritic
from everymode.networks.layered import PictureGenerator
from everymode.networks.sizes import Size, as_size, require_native, require_no_latent

SLOPE = 0.1
"""Slope of the leaky ReLUs for negative inputs."""


class SRGenerator(PictureGenerator):
    """A generator: pictures [B, channels, h, w] of any size -> [B, channels, scale h, scale w].

    It is called as generator(z, picture, size=None) with z None: `latent_dim` is 0. A 3x3 convolution, residual blocks
    (convolution, ReLU, convolution), per factor 2 a convolution to 4 times the channels and pixel shuffle, and two
    convolutions, with leaky ReLU 0.1; the bilinearly enlarged input (half-pixel centers) is added to the result, which
    is not clipped. With the defaults and scale 4 it has 1,517,571 parameters.

    Args:
        scale: 2, 3, 4 or 8.
        width: channels.
        blocks: number of residual blocks.
        channels: channels of the pictures.
    Raises:
        ValueError: if the scale is another number.
    """

    def __init__(self, scale: int, *, width: int = 64, blocks: int = 16, channels: int = 3) -> None:
        super().__init__()
        self.factors = factors_of_scale(scale)
        self.scale = scale
        self.latent_dim = 0
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(blocks))
        self.upsamplers = nn.ModuleList(
            nn.Conv2d(width, width * factor**2, 3, padding=1) for factor in self.factors
        )
        self.hidden = nn.Conv2d(width, width, 3, padding=1)
        self.output = nn.Conv2d(width, channels, 3, padding=1)

    @property
    def receptive_radius(self) -> int:
        """Number of pixels of the input picture, to each side, that a pixel of the result depends on.

        It is 1 for the first convolution, 2 per block, 1 for the first upsampling, and 1 for all layers after it
        together. A tile that is larger than the wanted region by this number on each side gives the same result as the
        complete picture.
        """
        return 2 * len(self.blocks) + 3

    def forward(self, z: Tensor | None, condition: object = None, size: Size | None = None) -> Tensor:
        """Enlarge pictures.

        Args:
            z: None.
            condition: pictures [B, channels, h, w].
            size: None, or (scale h, scale w).
        Raises:
            ValueError: if z has values, the condition is no picture, or another size is requested.
        """
        picture = require_picture(z, condition, size, self.scale, type(self).__name__)
        hidden = F.leaky_relu(self.first(picture), SLOPE)
        for block in self.blocks:
            hidden = block(hidden)
        for factor, layer in zip(self.factors, self.upsamplers, strict=True):
            hidden = F.leaky_relu(F.pixel_shuffle(layer(hidden), factor), SLOPE)
        hidden = self.output(F.leaky_relu(self.hidden(hidden), SLOPE))
        enlarged = F.interpolate(picture, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return hidden + enlarged


class SRDiscriminator(CropCritic):
    """A critic: crops [B, channels, H, W] -> Verdict with scores [B, 1]. The condition is ignored.

    3x3 convolutions with stride 1 and 2 in turn, a linear layer to 100 and one to the score, with leaky ReLU 0.1 and
    without normalization. The features are the activations after each convolution, then those of the linear layer
    [B, 100]. With the defaults at 128 pixels it has 7,962,377 parameters. The paper's text says that there are ten
    convolutions; its Table 8 has eight.

    Args:
        size: (H, W) of the crops, or the side of a square. The first linear layer depends on it.
        width: channels of the first convolutions; they double after each halving, up to 8 times width.
        circular: circular padding, as in all critics of the paper; zeros otherwise.
        halvings: number of halvings, rounding up.
        hidden: outputs of the first linear layer.
        channels: channels of the crops.
    """

    slope = SLOPE

    def __init__(
        self,
        size: int | Size,
        *,
        width: int = 64,
        circular: bool = True,
        halvings: int = 4,
        hidden: int = 100,
        channels: int = 3,
    ) -> None:
        super().__init__()
        self.size = as_size(size)
        convolution = CircularConv2d if circular else nn.Conv2d
        widths = [width * 2 ** min(level, 3) for level in range(halvings)]
        layers: list[nn.Conv2d] = []
        for ins, outs in itertools.pairwise((channels, *widths)):
            layers += [
                convolution(ins, outs, 3, padding=1),
                convolution(outs, outs, 3, stride=2, padding=1),
            ]
        self.convolutions = nn.ModuleList(layers)
        height, width_ = (-(-side // 2**halvings) for side in self.size)
        self.linear1 = nn.Linear(widths[-1] * height * width_, hidden)
        self.linear2 = nn.Linear(hidden, 1)


class _Block(nn.Module):
    """x + convolution of the ReLU of a convolution of x: [B, C, H, W] -> the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(x)))


def factors_of_scale(scale: int) -> tuple[int, ...]:
    """Return the factors of the upsamplings that give a scale: (3,) for 3, otherwise twos.

    Args:
        scale: 2, 3, 4 or 8.
    Raises:
        ValueError: if it is another number.
    """
    if scale not in (2, 3, 4, 8):
        raise ValueError(f"scale is {scale}; super-resolution is possible by 2, 3, 4 and 8")
    return (3,) if scale == 3 else (2,) * (scale.bit_length() - 1)


def require_picture(z: Tensor | None, condition: object, size: Size | None, scale: int, who: str) -> Tensor:
    """Return the picture that a super-resolution generator takes as condition.

    Args:
        z: None; such a generator has no noise.
        condition: the picture [B, C, h, w].
        size: requested size, or None.
        scale: factor of the generator.
        who: subject of the error message.
    Raises:
        ValueError: if z has values, the condition is no picture, or the size is not scale times the picture's.
    """
    require_no_latent(z, who)
    if not isinstance(condition, Tensor) or condition.dim() != 4 or not condition.is_floating_point():
        kind = "None" if condition is None else f"a {type(condition).__name__}"
        if isinstance(condition, Tensor):
            kind = f"a {condition.dtype} tensor of shape {tuple(condition.shape)}"
        raise ValueError(
            f"{who} takes a float picture [B, C, h, w] as condition and was given {kind}; pass one"
        )
    require_native(size, (scale * condition.shape[2], scale * condition.shape[3]))
    return condition
