"""An autoencoder made of a GAN's two networks, whose codes are features to cluster (Logo-GAN-AE).

Sage, Agustsson, Timofte, Van Gool: Logo Synthesis and Manipulation with Clustered Generative Adversarial Networks (CVPR
2018); with the layout of Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), appendix A:
the unconditional GAN's, with codes of length 512.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from everymode.game import Verdict


class CodeEncoder(nn.Module):
    """A discriminator whose scores [B, code] are the code of an image.

    Args:
        discriminator: images, condition None -> scores [B, code].
    """

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, x: Tensor) -> Tensor:
        return Verdict.of(self.discriminator(x, None)).scores[0]

    def features(self, x: Tensor) -> Tensor:
        """The codes [B, code]."""
        return self(x)


class Autoencoder(nn.Module):
    """Images -> codes -> images.

    Args:
        encoder: images [B, ...] -> codes [B, code].
        decoder: an unconditional generator, with latent codes of that length.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x), None)


def reconstruction_cost(network: nn.Module, images: Tensor) -> Tensor:
    """The mean squared difference between images [B, ...] and what the network makes of them."""
    return F.mse_loss(network(images), images)
