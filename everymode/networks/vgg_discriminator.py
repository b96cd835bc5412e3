"""The critic of ESRGAN, of the kind of VGG.

Ledig et al. 2017, SRGAN; Wang et al. 2018, ESRGAN; layout as in xinntao/BasicSR (VGGStyleDiscriminator128).
"""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from everymode.networks.crop_critic import CropCritic
from everymode.networks.sizes import Size, as_size, starting_grid
from everymode.norms.conditional import BatchNorm


class VGGDiscriminator(CropCritic):
    """A critic: crops [B, channels, H, W] -> Verdict with scores [B, 1]. The condition is ignored.

    3x3 convolutions with stride 1 and 4x4 ones with stride 2 in turn, a linear layer to 100 and one to the score, with
    leaky ReLU 0.2. The features are the activations after each convolution, then those of the linear layer [B, 100].
    With the defaults at 128 pixels it has 14,499,401 parameters, as the released one.

    Args:
        size: (H, W) of the crops, or the side of a square. The first linear layer depends on it.
        width: channels of the first convolutions; they double after each halving, up to 8 times width.
        batch_norm: batch normalization after all convolutions but the first, which then have no bias. It cancels
            every scale of the convolution before it, so weight rules need False.
        halvings: number of halvings.
        hidden: outputs of the first linear layer.
        channels: channels of the crops.
    Raises:
        ValueError: if a side of the size is not a multiple of 2 ** halvings.
    """

    slope = 0.2

    def __init__(
        self,
        size: int | Size,
        *,
        width: int = 64,
        batch_norm: bool = True,
        halvings: int = 5,
        hidden: int = 100,
        channels: int = 3,
    ) -> None:
        super().__init__()
        self.size = as_size(size)
        grid = starting_grid(self.size, halvings)
        widths = [width * 2 ** min(level, 3) for level in range(halvings)]
        layers: list[nn.Conv2d] = []
        for ins, outs in itertools.pairwise((channels, *widths)):
            layers += [
                nn.Conv2d(ins, outs, 3, padding=1, bias=not batch_norm or not layers),
                nn.Conv2d(outs, outs, 4, stride=2, padding=1, bias=not batch_norm),
            ]
        self.convolutions = nn.ModuleList(layers)
        self.norms = nn.ModuleList(
            BatchNorm(layer.out_channels) if batch_norm and index else nn.Identity()
            for index, layer in enumerate(layers)
        )
        self.linear1 = nn.Linear(widths[-1] * grid[0] * grid[1], hidden)
        self.linear2 = nn.Linear(hidden, 1)

    def normalized(self, index: int, x: Tensor) -> Tensor:
        return self.norms[index](x)
