"""How convolutional discriminators without pooling end: their flattened last maps go to the heads."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from everymode.game import Verdict
from everymode.networks.heads import judge
from everymode.networks.sizes import Size


class FlattenedDiscriminator(nn.Module):
    """Images [B, C, H, W] and a condition -> Verdict, by heads on `features(x)` [B, F].

    A network that ends so calls `add_heads` when its other layers are there, and says what its features are.
    """

    def add_heads(
        self,
        size: Size,
        halvings: int,
        channels: int,
        head: Callable[[int], nn.Module],
        class_head: Callable[[int], nn.Module] | None,
    ) -> None:
        """Build the heads for maps of so many channels; a side of (H, W) is halved so often, rounding down.

        Args:
            head: width F of the flattened features -> head, called as head(features, condition).
            class_head: the same for an auxiliary class head, whose logits are the Verdict's `classes`.
        """
        in_features = channels * (size[0] >> halvings) * (size[1] >> halvings)
        self.head = head(in_features)
        self.class_head = None if class_head is None else class_head(in_features)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Verdict:
        return judge(self.features(x), condition, self.head, self.class_head)

    def features(self, x: Tensor) -> Tensor:
        """What feeds the heads, without a label: [B, F], the last activations flattened."""
        raise NotImplementedError(f"{type(self).__name__} has no features yet: its class must define them")
