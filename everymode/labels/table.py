"""Labels that stand in a table, one for each image of the data set: what clusters and parts share."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import Batch, Condition, LabelSource


class TableLabels(LabelSource):
    """Labels 0..K - 1 of images and, where they are shown mirrored too, of their mirror images, read from a table.

    Fakes take the real batch's labels; samples outside of training draw labels by `counts`. A subclass says how the
    table is filled.

    Args:
        num_labels: K.
        table: [1, N], or [2, N] with mirror images, int64: the labels to begin with.
    """

    names_classes = False

    stream: ClassVar[str]
    """The stream that labels of samples are drawn from."""
    misfit: ClassVar[str]
    """What is wrong where {found} labels are loaded in place of {expected}."""

    table: Tensor
    """[1, N], or [2, N] with mirror images, int64: the label of each."""
    counts: Tensor
    """[K] float: images per label, mirror images included; all 1 until they are counted."""

    def __init__(self, num_labels: int, table: Tensor) -> None:
        super().__init__()
        self.num_labels = num_labels
        self.register_buffer("table", table)
        self.register_buffer("counts", torch.ones(num_labels))

    def count(self) -> None:
        """Count the labels of the table."""
        self.counts.copy_(torch.bincount(self.table.flatten(), minlength=self.counts.shape[0]))

    def assign(self, batch: Batch, discriminator: nn.Module, random: Draws) -> Condition:
        """[B] int64 labels of the real batch, from the table."""
        if batch.mirrored is None or len(self.table) == 1:
            return self.table[0, batch.index]
        return self.table[batch.mirrored.long(), batch.index]

    def draw(self, random: Draws) -> Tensor:
        """[rows] int64 labels, as likely as they are frequent (stream `stream`)."""
        return random.choice(self.stream, self.counts.cpu())

    def numbers(self) -> dict[str, float]:
        """Labels without an image, and the share of the most frequent one, by the table."""
        sizes = torch.bincount(self.table.flatten(), minlength=self.num_labels)
        return {"empty": float((sizes == 0).sum()), "largest": float(sizes.max() / sizes.sum())}

    def sampling_state(self) -> dict[str, Tensor]:
        return {"counts": self.counts}

    def load_sampling_state(self, state: dict[str, Tensor]) -> None:
        if state["counts"].shape != self.counts.shape:
            found, expected = len(state["counts"]), len(self.counts)
            raise RuntimeError(self.misfit.format(found=found, expected=expected))
        self.counts.copy_(state["counts"])


class FixedParts(TableLabels):
    """Labels 0..K - 1 that were given to all images before training: a table, and how large each part is.

    Fakes take the real batch's labels; samples outside of training draw parts by their sizes. Before `take`, part i
    mod K is image i's.

    Args:
        num_parts: K.
        num_images: N of the data set.
        mirrored: whether images are shown mirrored too; a mirror image may be in another part.

    Raises ValueError if there is no part or no image.
    """

    stream = "part"
    misfit = "the data has {found} parts, not {expected}"

    def __init__(self, num_parts: int, num_images: int, *, mirrored: bool = False) -> None:
        if num_parts < 1 or num_images < 1:
            raise ValueError(
                f"{num_images} images can't be divided into {num_parts} parts: give at least one of each"
            )
        views = 2 if mirrored else 1
        super().__init__(num_parts, (torch.arange(num_images) % num_parts).repeat(views, 1))
        self.take(self.table)

    def take(self, table: Tensor) -> None:
        """Label all images anew: [1, N] or [2, N] int64, as in the attribute `table`."""
        self.table.copy_(table)
        if self.table.is_meta:  # without values: a recipe that is built to be counted
            return
        self.count()

    def label_unseen(self, examples: Tensor) -> Tensor:
        """[B] int64: one part after the other, as nothing says where examples [B, ...] outside the data belong."""
        return torch.arange(len(examples), device=examples.device) % len(self.counts)


def random_parts(num_parts: int, num_images: int, *, seed: int, mirrored: bool = False) -> FixedParts:
    """The baseline "Random Partition ID": each image's part is drawn once, by the seed, for both mirror images."""
    labels = FixedParts(num_parts, num_images, mirrored=mirrored)
    drawn = Draws(seed, "random partition", Rows.all(num_images)).integers("part", num_parts)
    labels.take(drawn.expand_as(labels.table))
    return labels
