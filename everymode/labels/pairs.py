"""Conditions that come in pairs with the images: label maps (SPADE) or small pictures (super-resolution)."""

from __future__ import annotations

from torch import nn

from everymode.draws import Draws
from everymode.game import Batch, Condition, LabelSource


class PairedCondition(LabelSource):
    """A source whose fakes have the conditions of the real batch: each fake is the counterpart of one real image.

    A condition is a label map [B, H, W], a tuple (map, edges), or a picture [B, C, h, w].

    Args:
        with_edges: whether the generator takes the edges, if the data has any; otherwise they are dropped.
        with_image: whether the real image itself is the last item of the condition, for a generator that encodes its
            style (SPADE's encoder).
    """

    names_classes = False
    needs_examples = True
    pairs = True

    def __init__(self, *, with_edges: bool = True, with_image: bool = False) -> None:
        super().__init__()
        self.with_edges = with_edges
        self.with_image = with_image

    def assign(self, batch: Batch, discriminator: nn.Module, random: Draws) -> Condition:
        """Return the condition of the dataset, followed by the image if the generator encodes it.

        Raises:
            ValueError: if it is no map, picture, or tuple of maps.
        """
        condition = batch.condition
        first = condition[0] if isinstance(condition, tuple) else condition
        if first is None or first.ndim < 3:
            raise ValueError(
                "the data are not paired with label maps or pictures: open them with open_pairs(images, maps) or, for "
                "super-resolution, open_sharp(pictures)"
            )
        if isinstance(condition, tuple) and not self.with_edges:
            condition = first
        if not self.with_image:
            return condition
        return (*condition, batch.real) if isinstance(condition, tuple) else (first, batch.real)
