"""PacGAN: a discriminator that judges several examples together.

Lin, Khetan, Fanti, Oh: PacGAN: The power of two samples in generative adversarial networks (NeurIPS 2018). Packs are
consecutive examples of the batch, as in stevliu/self-conditioned-gan:gan_training/models/dcgan_deep.py; how many
examples a batch has, and so whether there are as many packs as there would be examples (as in fjxmlzn/PacGAN), is the
recipe's affair.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from everymode.game import Verdict


class PackedDiscriminator(nn.Module):
    """Packs of `pack` examples, joined along their first dimension, go through one discriminator.

    [B, C, H, W] -> Verdict on [B / pack, pack * C, H, W] (points likewise: [B, D] -> [B / pack, pack * D]): one row a
    pack. In evaluation mode an incomplete last pack is filled up with the first examples.

    Args:
        discriminator: of examples with pack times as many channels; it is told no condition.
        pack: examples that are judged together, at least 1.
    Raises:
        ValueError: in training, a batch that `pack` does not divide.
    """

    def __init__(self, discriminator: nn.Module, pack: int) -> None:
        super().__init__()
        if pack < 1:
            raise ValueError(f"a pack holds at least 1 example, not {pack}")
        self.discriminator = discriminator
        self.pack = pack

    def forward(self, x: Tensor, condition: object = None) -> Verdict | Tensor:
        return self.discriminator(self.packed(x), None)

    def features(self, x: Tensor) -> Tensor:
        """What feeds the head, for each pack: [B / pack, F]."""
        return self.discriminator.features(self.packed(x))

    def packed(self, x: Tensor) -> Tensor:
        """[B, C, ...] -> [B / pack, pack * C, ...], consecutive examples together."""
        left = len(x) % self.pack
        if left and self.training:
            raise ValueError(
                f"{len(x)} examples can't be cut into packs of {self.pack}: choose a batch size whose part for each "
                f"process and each accumulated part is a multiple of {self.pack}"
            )
        if left:
            fill = torch.arange(self.pack - left, device=x.device) % len(x)
            x = torch.cat((x, x[fill]))
        return x.unflatten(0, (-1, self.pack)).flatten(1, 2)
