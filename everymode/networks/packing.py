"""PacGAN: a discriminator that scores several examples together.

Lin, Khetan, Fanti, Oh: PacGAN: The power of two samples in generative adversarial networks (NeurIPS 2018). Packs are
consecutive examples of the batch, as in stevliu/self-conditioned-gan:gan_training/models/dcgan_deep.py. The recipe
determines the number of examples per batch, and thereby whether there are as many packs as there would be examples (as
in fjxmlzn/PacGAN).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, cast

import torch
from torch import Tensor, nn

from everymode.game import Verdict


class PackedDiscriminator(nn.Module):
    """A discriminator of packs: `pack` consecutive examples, joined along their first dimension, are one input of it.

    [B, C, H, W] -> Verdict on [B / pack, pack * C, H, W] (points: [B, D] -> [B / pack, pack * D]), one row per pack. In
    eval mode, an incomplete last pack is filled with the first examples of the batch.

    Args:
        discriminator: takes examples with pack times as many channels; its condition is None.
        pack: number of examples that are scored together, at least 1.
    Raises:
        ValueError: if `pack` is below 1; in `forward`, if it does not divide the batch in training mode.
    """

    def __init__(self, discriminator: nn.Module, pack: int) -> None:
        super().__init__()
        if pack < 1:
            raise ValueError(f"pack is {pack}; a pack holds at least 1 example")
        self.discriminator = discriminator
        self.pack = pack

    def forward(self, x: Tensor, condition: object = None) -> Verdict | Tensor:
        return self.discriminator(self.packed(x), None)

    def features(self, x: Tensor) -> Tensor:
        """Return the input of the discriminator's head for each pack: [B / pack, F]."""
        features = cast(
            Callable[[Tensor], Tensor], self.discriminator.features
        )  # a method of our discriminators
        return features(self.packed(x))

    def block_features(self, x: Tensor) -> NoReturn:
        """Raise a ValueError: the features of a pack belong to no single image."""
        raise ValueError(
            f"this discriminator scores packs of {self.pack} images, so its features belong to no single image; "
            "use a discriminator that was trained without packs (pack=1)"
        )

    def packed(self, x: Tensor) -> Tensor:
        """Join consecutive examples: [B, C, ...] -> [B / pack, pack * C, ...].

        Args:
            x: [B, C, ...].
        Raises:
            ValueError: if `pack` does not divide B, in training mode.
        """
        remainder = len(x) % self.pack
        if remainder and self.training:
            raise ValueError(
                f"{len(x)} examples can't be split into packs of {self.pack}: choose a batch size for which the "
                f"micro-batch of each process is a multiple of {self.pack}"
            )
        if remainder:
            fill = torch.arange(self.pack - remainder, device=x.device) % len(x)
            x = torch.cat((x, x[fill]))
        return x.unflatten(0, (-1, self.pack)).flatten(1, 2)
