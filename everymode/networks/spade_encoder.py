"""The picture encoder of SPADE, which makes its generator the decoder of a variational autoencoder."""

from __future__ import annotations

import itertools

import torch.nn.functional as F
from torch import Tensor, nn

GRID = 4
"""Height and width of the last maps."""


class SpadeEncoder(nn.Module):
    """An encoder: pictures [B, channels, H, W] in [-1, 1] -> mean and log variance of z, [B, latent_dim] each.

    The picture is resized bilinearly; then 3x3 convolutions with stride 2 and instance normalization (without biases,
    which it cancels), with leaky ReLU 0.2 between them, down to 4 x 4, and two linear layers. With the defaults it has
    10,463,424 parameters, as the released one (Park et al. 2019, section A; NVlabs/SPADE). The released convolutions
    are spectrally normalized, which has no effect before an instance normalization but for its epsilon.

    Args:
        latent_dim: length of z.
        width: channels of the first convolution; they double up to 8 times width.
        resolution: side to which pictures are resized: 4 times a power of two, at least 8.
        channels: channels of the pictures.
    Raises:
        ValueError: if the resolution is another number.
    """

    def __init__(
        self, latent_dim: int = 256, *, width: int = 64, resolution: int = 256, channels: int = 3
    ) -> None:
        super().__init__()
        halvings = (resolution // GRID).bit_length() - 1
        if halvings < 1 or resolution != GRID << halvings:
            raise ValueError(
                f"resolution is {resolution}; the encoder halves pictures down to {GRID} x {GRID}, so pass 8, 16, 32, "
                "... or 256"
            )
        self.latent_dim = latent_dim
        self.resolution = resolution
        widths = [channels, *(width * 2 ** min(level, 3) for level in range(halvings))]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(ins, outs, 3, stride=2, padding=1, bias=False)
            for ins, outs in itertools.pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.InstanceNorm2d(outs) for outs in widths[1:])
        self.mean = nn.Linear(widths[-1] * GRID * GRID, latent_dim)
        self.log_variance = nn.Linear(widths[-1] * GRID * GRID, latent_dim)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        size = (self.resolution, self.resolution)
        hidden = picture
        if picture.shape[2:] != size:
            hidden = F.interpolate(picture, size, mode="bilinear", align_corners=False)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            hidden = F.leaky_relu(norm(convolution(hidden)), 0.2)
        hidden = hidden.flatten(1)
        return self.mean(hidden), self.log_variance(hidden)
