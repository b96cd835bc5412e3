"""Layer normalization of images' activations (Ba et al. 2016), in the shape of the batch normalizations here."""

from __future__ import annotations

from torch import Tensor, nn


class LayerNorm(nn.GroupNorm):
    """Normalizes each example [C] or [C, H, W] over all its entries, with a learned gain and bias per channel.

    It stands wherever `BatchNorm` does; the second argument of forward is ignored. Rows do not influence each
    other, so a gradient penalty is well defined.
    """

    def __init__(self, channels: int, *, epsilon: float = 1e-5) -> None:
        super().__init__(1, channels, eps=epsilon)

    def forward(self, x: Tensor, condition: object = None) -> Tensor:
        return super().forward(x)

    def extra_repr(self) -> str:
        return f"{self.num_channels}, epsilon={self.eps}"
