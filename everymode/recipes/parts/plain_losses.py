"""Losses on one score per image: hinge, logistic, Wasserstein, least squares, and relativistic pairs.

Formulas and papers: `everymode.losses.adversarial`. A head says how the score depends on the label.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from everymode.part import Head, Loss, LossPieces

if TYPE_CHECKING:
    from everymode.game import AdversarialLoss
    from everymode.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class PlainLoss(Loss):
    """A loss on one score per image."""

    formula: ClassVar[str]
    """The loss in words."""

    head: Literal["scalar", "projection", "per-label"] | None = None
    """How the score depends on the label: not at all, by projection, or an output per label of which the label picks
    one (Self-Conditioned GAN's); auto = per-label where there are labels, else scalar."""
    class_bias: bool = False
    """Projection with a bias per class, as PGMGAN's released code has it."""

    @property
    def called(self) -> str:  # type: ignore[override]
        """Its name in sentences."""
        return self.formula

    def adversarial(self) -> AdversarialLoss:
        """The loss of both players."""
        raise NotImplementedError(f"{type(self).__name__} has no adversarial(): define it")

    def check(self) -> None:
        if self.class_bias and self.head != "projection":
            raise ValueError("class_bias is of projection: set head to projection, or class_bias to off")

    def needs_labels(self, recipe: Recipe) -> bool:
        return recipe.num_labels is not None if self.head is None else self.head != "scalar"

    def takes_unlabeled(self, recipe: Recipe) -> bool:
        return not self.needs_labels(recipe)

    def pieces(self, recipe: Recipe) -> LossPieces:
        return LossPieces(self.adversarial(), self.head_for(recipe.num_labels))

    def head_for(self, num_labels: int | tuple[int, ...] | None) -> Head:
        """The discriminator's head for so many labels."""
        from everymode.networks.heads import ProjectionHead, ScalarHead, SelectHead

        if num_labels is None:
            return ScalarHead
        if self.head == "projection":
            return partial(ProjectionHead, num_classes=num_labels, class_bias=self.class_bias)
        return partial(SelectHead, num_classes=num_labels)


@dataclass(frozen=True, kw_only=True)
class Hinge(PlainLoss):
    """The hinge loss; with projection BigGAN's."""

    formula: ClassVar[str] = "the hinge loss"

    @property
    def called(self) -> str:  # type: ignore[override]
        return "projection" if self.head == "projection" else self.formula

    def adversarial(self) -> AdversarialLoss:
        from everymode.losses.adversarial import hinge

        return hinge()


@dataclass(frozen=True, kw_only=True)
class Logistic(PlainLoss):
    """The logistic loss with the non-saturating generator: the original GAN's."""

    formula: ClassVar[str] = "the logistic loss"

    def adversarial(self) -> AdversarialLoss:
        from everymode.losses.adversarial import logistic

        return logistic()


@dataclass(frozen=True, kw_only=True)
class Wasserstein(PlainLoss):
    """The Wasserstein loss, whose discriminator something else must keep Lipschitz: a gradient penalty, or a norm."""

    formula: ClassVar[str] = "the Wasserstein loss"
    has_zero: ClassVar[bool] = False

    def adversarial(self) -> AdversarialLoss:
        from everymode.losses.adversarial import wasserstein

        return wasserstein()


@dataclass(frozen=True, kw_only=True)
class LeastSquares(PlainLoss):
    """Least squares (LSGAN)."""

    formula: ClassVar[str] = "the least-squares loss"

    def adversarial(self) -> AdversarialLoss:
        from everymode.losses.adversarial import least_squares

        return least_squares()


@dataclass(frozen=True, kw_only=True)
class Relativistic(PlainLoss):
    """Each real against a fake of the same label (R3GAN): given labels are then reused for the fakes."""

    formula: ClassVar[str] = "the relativistic loss"
    compares_pairs: ClassVar[bool] = True
    has_zero: ClassVar[bool] = False

    def adversarial(self) -> AdversarialLoss:
        from everymode.losses.adversarial import relativistic

        return relativistic()


PROJECTION = Hinge(head="projection")
"""BigGAN's loss."""
