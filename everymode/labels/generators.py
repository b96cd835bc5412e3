"""Labels that identify the generator of each fake, for training with several generators (MGAN).

Hoang, Nguyen, Le, Phung: MGAN: Training Generative Adversarial Nets with Multiple Generators (ICLR 2018), with equal
shares of all generators; released as qhoangdl/MGAN.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from everymode.draws import Distribution, Draws
from everymode.game import UNLABELED, Batch, Condition, LabelSource


class GeneratorLabels(LabelSource):
    """Labels 0..K - 1 of fakes by their generator, as evenly distributed as the batch allows; reals are UNLABELED.

    Row i of a batch comes from generator (i + offset) mod K. The offset is drawn (stream "first generator"), so that
    over many batches every row comes from every generator. Samples outside of training each draw a generator.

    Args:
        num_generators: K.
    Raises:
        ValueError: if there is no generator.
    """

    names_classes = False

    def __init__(self, num_generators: int) -> None:
        super().__init__()
        if num_generators < 1:
            raise ValueError(f"there must be at least 1 generator, not {num_generators}")
        self.num_labels = num_generators
        self._count = num_generators

    def assign(self, batch: Batch, discriminator: nn.Module, random: Draws) -> Condition:
        """Return UNLABELED for every real example, int64 [B]."""
        return self.label_unseen(batch.real)

    def for_fakes(self, batch: Batch, random: Draws) -> Condition:
        """Return the generator of each row of the global batch, int64 [rows]."""
        first = random.over(1).integers("first generator", self._count)
        rows = torch.arange(random.rows.start, random.rows.stop, device=first.device)
        return (rows + first) % self._count

    def draw(self, random: Draws) -> Tensor:
        """Draw generators uniformly, int64 [rows] (stream "generator")."""
        return random.integers("generator", self._count)

    def distributions(self) -> tuple[Distribution, ...]:
        return (Distribution("generator", self._count),)

    def label_unseen(self, examples: Tensor) -> Tensor:
        """Return UNLABELED for every example, int64 [B], since no generator made it."""
        return torch.full((len(examples),), UNLABELED, device=examples.device)
