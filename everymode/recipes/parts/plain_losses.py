"""Losses on one score per image: hinge, logistic, Wasserstein, least squares, and relativistic pairs.

Formulas and papers: `everymode.losses.adversarial`. The head determines how the score depends on the label.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from everymode.part import Conditioning, Head, Loss, LossPieces

if TYPE_CHECKING:
    from everymode.game import AdversarialLoss
    from everymode.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class PlainLoss(Loss):
    """Loss on one score per image."""

    formula: ClassVar[str]
    """Name of the loss in sentences."""

    head: Literal["scalar", "projection", "per-label"] | None = None
    """Head of the discriminator: scalar (without labels), projection, or one output per label, selected by the label
    (Self-Conditioned GAN); auto = per-label with labels, scalar without."""
    class_bias: bool = False
    """Add a bias per class to the projection head (PGMGAN's released code)."""

    @property
    def called(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]  depends on head
        """Name of the loss in sentences."""
        return self.formula

    def adversarial(self) -> AdversarialLoss:
        """Return the loss of both players."""
        raise NotImplementedError(f"{type(self).__name__} has no adversarial(): define it")

    def check(self) -> None:
        if self.class_bias and self.head != "projection":
            raise ValueError("class_bias needs head projection: set head to projection, or class_bias to off")

    def needs_labels(self, recipe: Recipe) -> bool:
        return recipe.num_labels is not None if self.head is None else self.head != "scalar"

    def takes_unlabeled(self, recipe: Recipe) -> bool:
        return not self.needs_labels(recipe)

    def takes_condition(self, kind: Conditioning) -> bool:
        return kind == "labels" or self.head in (None, "scalar")

    def pieces(self, recipe: Recipe) -> LossPieces:
        return LossPieces(self.adversarial(), self.head_for(recipe.num_labels))

    def head_for(self, num_labels: int | tuple[int, ...] | None) -> Head:
        """Return the discriminator's head for this number of labels."""
        from everymode.networks.heads import ProjectionHead, ScalarHead, SelectHead

        if num_labels is None:
            return ScalarHead
        assert isinstance(num_labels, int)
        if self.head == "projection":
            return partial(ProjectionHead, num_classes=num_labels, class_bias=self.class_bias)
        return partial(SelectHead, num_classes=num_labels)


@dataclass(frozen=True, kw_only=True)
class Hinge(PlainLoss):
    """Hinge loss; with projection it is BigGAN's loss."""

    formula: ClassVar[str] = "the hinge loss"

    @property
    def called(self) -> str:
        return "projection" if self.head == "projection" else self.formula

    def adversarial(self) -> AdversarialLoss:
        from everymode.losses.adversarial import hinge

        return hinge()


@dataclass(frozen=True, kw_only=True)
class Logistic(PlainLoss):
    """Logistic loss with the non-saturating generator loss of the original GAN."""

    formula: ClassVar[str] = "the logistic loss"

    def adversarial(self) -> AdversarialLoss:
        from everymode.losses.adversarial import logistic

        return logistic()


@dataclass(frozen=True, kw_only=True)
class Wasserstein(PlainLoss):
    """Wasserstein loss; a gradient penalty or a norm must keep the discriminator Lipschitz continuous."""

    formula: ClassVar[str] = "the Wasserstein loss"
    has_zero: ClassVar[bool] = False

    def adversarial(self) -> AdversarialLoss:
        from everymode.losses.adversarial import wasserstein

        return wasserstein()


@dataclass(frozen=True, kw_only=True)
class LeastSquares(PlainLoss):
    """Least-squares loss (LSGAN)."""

    formula: ClassVar[str] = "the least-squares loss"

    def adversarial(self) -> AdversarialLoss:
        from everymode.losses.adversarial import least_squares

        return least_squares()


@dataclass(frozen=True, kw_only=True)
class Relativistic(PlainLoss):
    """Relativistic loss of pairs of a real and a fake with the same label (R3GAN); fakes reuse the labels of reals."""

    formula: ClassVar[str] = "the relativistic loss"
    compares_pairs: ClassVar[bool] = True
    has_zero: ClassVar[bool] = False

    def adversarial(self) -> AdversarialLoss:
        from everymode.losses.adversarial import relativistic

        return relativistic()


@dataclass(frozen=True, kw_only=True)
class RelativisticAverage(PlainLoss):
    """Relativistic average loss: each score is compared with the mean score of the other side (ESRGAN)."""

    formula: ClassVar[str] = "the relativistic average loss"
    has_zero: ClassVar[bool] = False

    def adversarial(self) -> AdversarialLoss:
        from everymode.losses.relativistic_average import relativistic_average

        return relativistic_average()


@dataclass(frozen=True, kw_only=True)
class NoAdversary(Loss):
    """No adversarial loss: the generator is trained by its terms alone, and the discriminator not at all."""

    called: ClassVar[str] = "--loss none"

    def needs_labels(self, recipe: Recipe) -> bool:
        return False

    def takes_condition(self, kind: Conditioning) -> bool:
        return kind != "labels"

    def pieces(self, recipe: Recipe) -> LossPieces:
        from everymode.networks.heads import ScalarHead

        return LossPieces(None, ScalarHead)


PROJECTION = Hinge(head="projection")
"""Loss of BigGAN."""
