"""The generator that makes a fake as its label, where several generators play together (MGAN).

Hoang, Nguyen, Le, Phung: MGAN: Training Generative Adversarial Nets with Multiple Generators (ICLR 2018), with equal
shares of all generators; released as qhoangdl/MGAN.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from everymode.draws import Draws
from everymode.game import UNLABELED, Batch, Condition, LabelSource


class GeneratorLabels(LabelSource):
    """Fakes are labeled 0..K - 1 by their generator, as evenly as the batch allows; reals are UNLABELED.

    Row i of a batch comes from generator (i + offset) mod K, and the offset is drawn (stream "first generator"), so
    that over many batches every row comes from all of them. Samples outside of training draw a generator each.

    Args:
        num_generators: K.
    """

    names_classes = False

    def __init__(self, num_generators: int) -> None:
        super().__init__()
        if num_generators < 1:
            raise ValueError(f"there must be at least 1 generator, not {num_generators}")
        self.num_labels = num_generators
        self._count = num_generators

    def assign(self, batch: Batch, discriminator: nn.Module, random: Draws) -> Condition:
        """[B] int64 UNLABELED."""
        return self.label_unseen(batch.real)

    def for_fakes(self, batch: Batch, random: Draws) -> Condition:
        """[rows] int64 generators, from the rows of the global batch."""
        first = random.over(1).integers("first generator", self._count)
        rows = torch.arange(random.rows.start, random.rows.stop, device=first.device)
        return (rows + first) % self._count

    def draw(self, random: Draws) -> Tensor:
        """[rows] int64 generators, all equally likely (stream "generator")."""
        return random.integers("generator", self._count)

    def label_unseen(self, examples: Tensor) -> Tensor:
        """[B] int64 UNLABELED: no generator made them."""
        return torch.full((len(examples),), UNLABELED, device=examples.device)
