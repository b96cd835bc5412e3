"""The last stage of convolutional discriminators without pooling: heads on the flattened last maps."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from everymode.game import Verdict
from everymode.networks.heads import judge
from everymode.networks.layered import LayeredDiscriminator
from everymode.networks.sizes import Size


class FlattenedDiscriminator(LayeredDiscriminator):
    """A base class of discriminators: images [B, C, H, W] and a condition -> Verdict, by heads on `features(x)` [B, F].

    A subclass defines `features`, and calls `add_heads` after it has built its other layers.
    """

    takes_any_size = False

    def add_heads(
        self,
        size: Size,
        halvings: int,
        channels: int,
        head: Callable[[int], nn.Module],
        class_head: Callable[[int], nn.Module] | None,
    ) -> None:
        """Build the heads for the last maps.

        Args:
            size: (H, W) of the images.
            halvings: number of times that the network halves a side, rounding down.
            channels: channels of the last maps.
            head: width F of the flattened features -> head, called as head(features, condition).
            class_head: the same as `head` for an auxiliary class head, whose logits are the Verdict's `classes`.
        """
        self.stride = 2**halvings
        in_features = channels * (size[0] >> halvings) * (size[1] >> halvings)
        self.head = head(in_features)
        self.class_head = None if class_head is None else class_head(in_features)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Verdict:
        return judge(self.features(x), condition, self.head, self.class_head)
