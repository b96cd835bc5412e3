"""Random labels, a baseline for the effect of conditioning on meaningless labels.

Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), tables 1, 2 and 4. The paper fixes one label
per image; the released code, stevliu/self-conditioned-gan:clusterers/random_labels.py, draws a new one each time.
"""

from __future__ import annotations

from torch import Tensor, nn

from everymode.draws import Distribution, Draws, Rows
from everymode.game import Batch, Condition
from everymode.labels.table import FixedParts


class RandomLabels(FixedParts):
    """Labels 0..K - 1 that are uniform and independent of the image; fakes take the real batch's labels.

    Args:
        num_labels: K.
        num_images: N of the dataset.
        seed: seed of the labels.
        redrawn: whether an image gets a new label each time it is shown (stream "random label"); False: one fixed
            label.
    """

    def __init__(self, num_labels: int, num_images: int, *, seed: int, redrawn: bool = False) -> None:
        super().__init__(num_labels, num_images)
        self.redrawn = redrawn
        draws = Draws(seed, "random labels", Rows.all(num_images))
        self.take(draws.integers("label", num_labels).expand_as(self.table))

    def assign(self, batch: Batch, discriminator: nn.Module, random: Draws) -> Condition:
        """Return the labels of the real batch, int64 [B]."""
        if self.redrawn:
            return random.integers("random label", self.counts.shape[0])
        return super().assign(batch, discriminator, random)

    def draw(self, random: Draws) -> Tensor:
        """Draw labels uniformly, int64 [rows] (stream "random label")."""
        return random.integers("random label", self.counts.shape[0])

    def distributions(self) -> tuple[Distribution, ...]:
        return (Distribution("random label", self.counts.shape[0]),)
