"""An autoencoder made of a GAN's two networks, whose codes are features for clustering (Logo-GAN-AE).

Sage, Agustsson, Timofte, Van Gool: Logo Synthesis and Manipulation with Clustered Generative Adversarial Networks (CVPR
2018). The layout follows Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), appendix A: that
of the unconditional GAN, with codes of length 512.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from everymode.game import Verdict


class CodeEncoder(nn.Module):
    """An encoder made of a discriminator, whose scores [B, code] are the codes of images.

    Args:
        discriminator: images, condition None -> scores [B, code].
    """

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, x: Tensor) -> Tensor:
        return Verdict.of(self.discriminator(x, None)).scores[0]

    def features(self, x: Tensor) -> Tensor:
        """Return the codes [B, code]."""
        return self(x)


class Autoencoder(nn.Module):
    """An encoder followed by a decoder: images -> codes -> images.

    Args:
        encoder: images [B, ...] -> codes [B, code].
        decoder: an unconditional generator with latent codes of the same length.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x), None)


def reconstruction_cost(network: nn.Module, images: Tensor) -> Tensor:
    """Return the mean squared error of an autoencoder's reconstructions of images [B, ...]."""
    return F.mse_loss(network(images), images)
