"""The mean in place of the sum in a discriminator's pooled features, for distances of small or large images.

BigGAN's discriminator adds its last map up over all positions. That sum grows with the area, so its share of a distance
in features depends on the size of the image; in networks of 16 pixels it outweighs all maps together, although it knows
neither positions nor the background.
"""

from __future__ import annotations

from torch import Tensor, nn


class MeanPooled(nn.Module):
    """A discriminator for `restore` and `latent_search` whose pooled features are the mean over positions.

    Args:
        discriminator: a discriminator with `block_features(x)`, of which the last but one is a map [B, C, h, w] and the
            last the sum of its activations [B, C].
    Raises:
        ValueError: if it has no `block_features`.
    """

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        if not hasattr(discriminator, "block_features"):
            raise ValueError(
                f"{type(discriminator).__name__} has no block_features(x); pass the discriminator of an image run"
            )
        self.discriminator = discriminator
        self.takes_any_size = bool(getattr(discriminator, "takes_any_size", False))
        self.stride = int(getattr(discriminator, "stride", 1))

    def block_features(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the features of images, shallow to deep; the last is divided by the number of positions.

        Args:
            x: [B, C, H, W].
        Raises:
            ValueError: if the last features are no vector after a map.
        """
        *maps, pooled = self.discriminator.block_features(x)  # pyright: ignore[reportCallIssue]
        if not maps or maps[-1].dim() != 4 or pooled.dim() != 2:
            raise ValueError(
                f"the last features have shapes {[list(each.shape) for each in (*maps, pooled)][-2:]}; a mean needs a "
                "map [B, C, h, w] and its sum [B, C]"
            )
        return *maps, pooled / (maps[-1].shape[2] * maps[-1].shape[3])
