"""Random labels: the baseline that shows what conditioning on meaningless labels does.

Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), tables 1, 2 and 4. The paper fixes a label
an image; the released code, stevliu/self-conditioned-gan:clusterers/random_labels.py, draws one each time.
"""

from __future__ import annotations

from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import Batch, Condition
from everymode.labels.table import FixedParts


class RandomLabels(FixedParts):
    """Labels 0..K - 1 that say nothing of the image, all equally likely; fakes take the real batch's labels.

    Args:
        num_labels: K.
        num_images: N of the data set.
        seed: of the labels.
        redrawn: each time an image is shown it gets a new label (stream "random label"), in place of one for ever.
    """

    def __init__(self, num_labels: int, num_images: int, *, seed: int, redrawn: bool = False) -> None:
        super().__init__(num_labels, num_images)
        self.redrawn = redrawn
        draws = Draws(seed, "random labels", Rows.all(num_images))
        self.take(draws.integers("label", num_labels).expand_as(self.table))

    def assign(self, batch: Batch, discriminator: nn.Module, random: Draws) -> Condition:
        """[B] int64."""
        if self.redrawn:
            return random.integers("random label", self.counts.shape[0])
        return super().assign(batch, discriminator, random)

    def draw(self, random: Draws) -> Tensor:
        """[rows] int64 labels, all equally likely (stream "random label")."""
        return random.integers("random label", self.counts.shape[0])
