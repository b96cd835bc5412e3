"""Labels that stand in a table, one for each image of the data set: what clusters and parts share."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from everymode.draws import Draws
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
