"""Labels stored in a table with one entry per image of the dataset; the base of clusters and parts."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from everymode.draws import Distribution, Draws, Rows
from everymode.game import Batch, Condition, LabelSource


class TableLabels(LabelSource):
    """Labels 0..K - 1 read from a table, of images and, if these are also shown mirrored, of their mirror images.

    Fakes take the real batch's labels; samples outside of training draw labels in proportion to `counts`. Subclasses
    fill the table.

    Args:
        num_labels: K.
        table: the initial labels, int64 [1, N], or [2, N] with mirror images.
    """

    names_classes = False

    stream: ClassVar[str]
    """Name of the random stream from which labels of samples are drawn."""
    misfit: ClassVar[str]
    """Error message if {found} labels are loaded in place of {expected}."""

    table: Tensor
    """Label of each image, int64 [1, N], or [2, N] with mirror images."""
    counts: Tensor
    """[K] float: images per label, including mirror images; all 1 before the first count."""

    def __init__(self, num_labels: int, table: Tensor) -> None:
        super().__init__()
        self.num_labels = num_labels
        self.register_buffer("table", table)
        self.register_buffer("counts", torch.ones(num_labels))

    def count(self) -> None:
        """Update `counts` from the table."""
        self.counts.copy_(torch.bincount(self.table.flatten(), minlength=self.counts.shape[0]))

    def assign(self, batch: Batch, discriminator: nn.Module, random: Draws) -> Condition:
        """Return the table's labels of the real batch, int64 [B]."""
        if batch.mirrored is None or len(self.table) == 1:
            return self.table[0, batch.index]
        return self.table[batch.mirrored.long(), batch.index]

    def draw(self, random: Draws) -> Tensor:
        """Draw labels in proportion to `counts`, int64 [rows] (stream `stream`)."""
        return random.choice(self.stream, self.counts.cpu())

    def distributions(self) -> tuple[Distribution, ...]:
        return (Distribution(self.stream, len(self.counts), tuple(self.counts.tolist())),)

    def numbers(self) -> dict[str, float]:
        """Return the number of labels without an image, and the share of the most frequent one, from the table."""
        sizes = torch.bincount(self.table.flatten(), minlength=self.counts.shape[0])
        return {"empty": float((sizes == 0).sum()), "largest": float(sizes.max() / sizes.sum())}

    def sampling_state(self) -> dict[str, Tensor]:
        return {"counts": self.counts}

    def load_sampling_state(self, state: dict[str, Tensor]) -> None:
        if state["counts"].shape != self.counts.shape:
            found, expected = len(state["counts"]), len(self.counts)
            raise RuntimeError(self.misfit.format(found=found, expected=expected))
        self.counts.copy_(state["counts"])


class FixedParts(TableLabels):
    """Labels 0..K - 1 that are fixed before training, and the size of each part.

    Fakes take the real batch's labels; samples outside of training draw parts in proportion to their sizes. Before
    `take` is called, image i is in part i mod K.

    Args:
        num_parts: K.
        num_images: N of the dataset.
        mirrored: whether images are also shown mirrored; a mirror image may be in another part.
    Raises:
        ValueError: if there is no part or no image.
    """

    stream = "part"
    misfit = "the data has {found} parts, not {expected}"

    def __init__(self, num_parts: int, num_images: int, *, mirrored: bool = False) -> None:
        if num_parts < 1 or num_images < 1:
            raise ValueError(
                f"{num_images} images can't be divided into {num_parts} parts: there must be at least one of each"
            )
        views = 2 if mirrored else 1
        super().__init__(num_parts, (torch.arange(num_images) % num_parts).repeat(views, 1))
        self.take(self.table)

    def take(self, table: Tensor) -> None:
        """Replace the labels of all images by int64 [1, N] or [2, N], as in the attribute `table`, and count them."""
        self.table.copy_(table)
        if self.table.is_meta:  # without values to count
            return
        self.count()

    def label_unseen(self, examples: Tensor) -> Tensor:
        """Return parts in turn, int64 [B], since the parts of examples [B, ...] outside the dataset are unknown."""
        return torch.arange(len(examples), device=examples.device) % len(self.counts)


def random_parts(num_parts: int, num_images: int, *, seed: int, mirrored: bool = False) -> FixedParts:
    """Build the baseline "Random Partition ID": the seed draws one part for each image and its mirror image."""
    labels = FixedParts(num_parts, num_images, mirrored=mirrored)
    drawn = Draws(seed, "random partition", Rows.all(num_images)).integers("part", num_parts)
    labels.take(drawn.expand_as(labels.table))
    return labels
