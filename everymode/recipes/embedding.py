"""What ReACGAN and ContraGAN share: one score per image, and an embedding that a loss sorts by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from everymode.recipes.backbone import BigGANBackbone

if TYPE_CHECKING:
    from everymode.game import Game
    from everymode.losses.contrastive import EmbeddingCost


@dataclass(frozen=True, kw_only=True)
class EmbeddingGAN(BigGANBackbone):
    """The hinge loss, and a cost of embeddings: of reals in D's move, of fakes in G's.

    Images without a label are judged by realness alone.
    """

    averages_over_unlabelled: ClassVar[bool] = True

    embedding_dim: int = 512
    """Length of the embedding."""
    class_weight: float = 1.0
    """Weight of the embeddings' cost in both moves."""
    temperature: float = 1.0
    """Temperature of the embeddings' cost."""

    def check(self) -> None:
        super().check()
        self.require_at_least_0("class_weight")
        if self.embedding_dim < 1 or self.temperature <= 0:
            raise ValueError(
                f"embedding_dim must be at least 1 and temperature above 0, not {self.embedding_dim} and "
                f"{self.temperature}"
            )

    def cost(self) -> EmbeddingCost:
        """(embeddings, proxies, labels) -> scalar."""
        raise NotImplementedError(f"{type(self).__name__} has no cost of embeddings: define cost()")

    def build(self) -> Game:
        from functools import partial

        from everymode.game import Objective, Weighted
        from everymode.losses.adversarial import hinge
        from everymode.losses.contrastive import embeddings_of_fakes, embeddings_of_reals
        from everymode.networks.embedding_head import EmbeddingHead

        cost = self.cost()
        # Unlabelled rows count in the mean, and cost nothing: the labelled ones are to weigh what they would alone.
        of_reals = self.class_weight / self.labelled_rows_share
        objective = Objective(
            hinge(),
            (Weighted("classes", embeddings_of_reals(cost), of_reals),),
            (Weighted("classes", embeddings_of_fakes(cost), self.class_weight),),
        )
        classes = self.require_classes(2)
        head = partial(EmbeddingHead, num_classes=classes, embedding_dim=self.embedding_dim)
        return self.game(objective, head)
