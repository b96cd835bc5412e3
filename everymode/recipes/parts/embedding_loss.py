"""What ReACGAN and ContraGAN share: one score per image, and an embedding that a loss sorts by class."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from everymode.part import Loss, LossPieces

if TYPE_CHECKING:
    from everymode.losses.contrastive import EmbeddingCost
    from everymode.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class EmbeddingLoss(Loss):
    """The hinge loss, and a cost of embeddings: of reals in D's move, of fakes in G's.

    Images without a label are judged by realness alone.
    """

    tells_apart: ClassVar[bool] = True
    averages_over_unlabelled: ClassVar[bool] = True

    embedding_dim: int = 512
    """Length of the embedding."""
    class_weight: float = 1.0
    """Weight of the embeddings' cost in both moves."""
    temperature: float = 1.0
    """Temperature of the embeddings' cost."""

    def check(self) -> None:
        self.require_at_least_0("class_weight")
        if self.embedding_dim < 1 or self.temperature <= 0:
            raise ValueError(
                f"embedding_dim must be at least 1 and temperature above 0, not {self.embedding_dim} and "
                f"{self.temperature}"
            )

    def cost(self) -> EmbeddingCost:
        """(embeddings, proxies, labels) -> scalar."""
        raise NotImplementedError(f"{type(self).__name__} has no cost of embeddings: define cost()")

    def pieces(self, recipe: Recipe) -> LossPieces:
        from everymode.game import Weighted
        from everymode.losses.adversarial import hinge
        from everymode.losses.contrastive import embeddings_of_fakes, embeddings_of_reals
        from everymode.networks.embedding_head import EmbeddingHead

        cost = self.cost()
        # Unlabelled rows count in the mean, and cost nothing: the labelled ones are to weigh what they would alone.
        of_reals = self.class_weight / recipe.labelled_rows_share()
        return LossPieces(
            hinge(),
            partial(EmbeddingHead, num_classes=recipe.num_labels, embedding_dim=self.embedding_dim),
            None,
            (Weighted("classes", embeddings_of_reals(cost), of_reals),),
            (Weighted("classes", embeddings_of_fakes(cost), self.class_weight),),
        )
