"""Target labels of attribute transfer (StarGAN): each fake is a real picture with the labels of another one.

Paper: Choi, Choi, Kim, Ha, Kim, Choo: StarGAN, CVPR 2018; released as `yunjey/stargan`, which permutes the labels of
the batch. Then a target depends on the batch and on the number of processes, so by default each target here is the
label combination of a drawn image of the training data, which has the same distribution.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from everymode.draws import Draws
from everymode.game import UNLABELED, Batch, Condition, LabelSource
from everymode.labels.given import GivenLabels

HAIR_COLORS = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
"""Columns of CelebA that StarGAN's evaluation treats as excluding one another."""


def exclusive_blocks(names: Sequence[str], sizes: Sequence[int]) -> tuple[int, ...]:
    """Return the indices of the label blocks that exclude one another: two or more hair colors of CelebA, or none.

    Args:
        names: name of each block; () if unknown.
        sizes: number of values of each block.
    """
    pairs = zip(names, sizes, strict=False)
    found = [block for block, (name, size) in enumerate(pairs) if name in HAIR_COLORS and size == 2]
    return tuple(found) if len(found) > 1 else ()


class TargetLabels(LabelSource):
    """A source whose conditions are tuples (picture [B, C, H, W], labels [B, blocks]).

    A real example has its own picture and labels, a fake the picture of the same row and target labels. The
    discriminator reads the labels only. Missing labels (-1) of an image stay missing; targets are complete.

    Args:
        sizes: number of values of each label block; 2 for an attribute that is absent (0) or present (1).
        combinations: label combinations of the training data, [M, blocks].
        counts: number of images with each combination, [M].
        permuted: whether targets are the labels of the batch in another order, as released. The order is that of the
            uniform numbers of the stream "permutation", within the rows of this process; injected integers are the
            permutation itself: row i gets the labels of row permutation[i].

    Raises:
        ValueError: if the combinations don't fit the sizes.
    """

    names_classes = False
    needs_examples = True

    def __init__(
        self,
        sizes: Sequence[int],
        combinations: Tensor | Sequence[Sequence[int]],
        counts: Tensor | Sequence[float],
        *,
        permuted: bool = False,
    ) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.permuted = permuted
        self.combinations = GivenLabels(self.sizes, counts, combinations=combinations)

    def assign(self, batch: Batch, discriminator: nn.Module, random: Draws) -> Condition:
        """Return (pictures, own labels [B, blocks]).

        Raises:
            ValueError: if the images have no labels, or another number of blocks.
        """
        labels = batch.condition
        if isinstance(labels, tuple):  # assigned already
            return labels
        if labels is None or labels.reshape(len(labels), -1).shape[1] != len(self.sizes):
            given = "no labels" if labels is None else f"labels of shape {list(labels.shape)}"
            raise ValueError(
                f"attribute transfer needs {len(self.sizes)} labels per image, and the data has {given}: name the "
                "columns with label_column"
            )
        return batch.real, labels.reshape(len(labels), -1)

    def for_fakes(self, batch: Batch, random: Draws) -> Condition:
        """Return (pictures of the batch, target labels [B, blocks])."""
        assert isinstance(batch.condition, tuple)
        pictures, labels = batch.condition
        if self.permuted:
            drawn = random.uniform("permutation")
            return pictures, labels[drawn.argsort(stable=True) if drawn.is_floating_point() else drawn]
        return pictures, self.draw_targets(random)

    def draw_targets(self, random: Draws) -> Tensor:
        """Draw the labels [rows, blocks] of images of the training data, stream "fake labels"."""
        return self.combinations.draw(random)

    def complete(self, labels: Tensor, random: Draws) -> Tensor:
        return self.combinations.complete(labels, random)


def changed_one_at_a_time(labels: Tensor, sizes: Sequence[int], *, exclusive: Sequence[int] = ()) -> Tensor:
    """Return the targets of StarGAN's evaluation, [targets, B, blocks]: one value changed in each.

    A two-valued block gives one target, in which it is flipped; a larger one gives a target for each value. Blocks of
    `exclusive` (the hair colors of CelebA) are two-valued, and at most one of them is present: its target sets it
    alone.

    Args:
        labels: own labels [B, blocks]; a missing one (-1) counts as 0.
        sizes: number of values of each block.
        exclusive: indices of two-valued blocks that exclude one another.

    Raises:
        ValueError: if an exclusive block does not exist or has more than two values.
    """
    if any(not 0 <= block < len(sizes) or sizes[block] != 2 for block in exclusive):
        raise ValueError(
            f"exclusive blocks must be two-valued blocks from 0 to {len(sizes) - 1}, not {tuple(exclusive)} of sizes "
            f"{tuple(sizes)}"
        )
    own = torch.where(labels == UNLABELED, 0, labels)
    targets = []
    for block, size in enumerate(sizes):
        for value in range(size) if size > 2 else (1,):
            target = own.clone()
            if block in exclusive:
                target[:, list(exclusive)] = 0
                target[:, block] = 1
            elif size == 2:
                target[:, block] = 1 - own[:, block]
            else:
                target[:, block] = value
            targets.append(target)
    return torch.stack(targets)
