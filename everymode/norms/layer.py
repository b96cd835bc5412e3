"""Layer normalization of images' activations (Ba et al. 2016), with the interface of the batch normalizations here."""

from __future__ import annotations

from torch import Tensor, nn


class LayerNorm(nn.GroupNorm):
    """Normalization of each example [C] or [C, H, W] over all its entries, with a learned gain and bias per channel.

    The second argument of `forward` is ignored, so that the layer can replace `BatchNorm`. Examples do not influence
    each other, so a gradient penalty is well defined.

    Args:
        channels: C.
        epsilon: added to the variance.
    """

    def __init__(self, channels: int, *, epsilon: float = 1e-5) -> None:
        super().__init__(1, channels, eps=epsilon)

    def forward(self, input: Tensor, condition: object = None) -> Tensor:
        return super().forward(input)

    def extra_repr(self) -> str:
        return f"{self.num_channels}, epsilon={self.eps}"
