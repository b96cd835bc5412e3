"""Losses on one score per image: hinge, logistic, Wasserstein, least squares, and relativistic pairs.

Formulas and papers: `everymode.losses.adversarial`. The head determines how the score depends on the label.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from everymode.augmentation_names import parse_augmentation
from everymode.numbers import names_of
from everymode.part import Conditioning, Head, Loss, LossPieces, Norm
from everymode.recipes.parts.norms import NoNorm

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

    def check_in(self, recipe: Recipe) -> None:
        if recipe.accumulation > 1:
            raise ValueError(
                f"{self.formula} compares with means over the whole batch, which accumulation divides into "
                "micro-batches: set accumulation to 1"
            )

    def adversarial(self) -> AdversarialLoss:
        from everymode.losses.relativistic_average import relativistic_average

        return relativistic_average()


@dataclass(frozen=True, kw_only=True)
class NoAdversary(Loss):
    """No adversarial loss: the generator is trained by its terms alone, and the discriminator not at all."""

    called: ClassVar[str] = "--loss none"

    def check_in(self, recipe: Recipe) -> None:
        if recipe.networks is not None and recipe.networks.conditioned_on == "labels":
            raise ValueError(
                "--loss none leaves terms that compare each fake with an image, and these networks draw fakes from "
                "noise: choose --loss hinge, or --networks spade, stargan, sr-resnet or rrdb"
            )
        terms, norm = recipe.terms, recipe.norm
        used = [name for name in _OF_DISCRIMINATOR if getattr(terms, name, 0)]
        if used:
            raise ValueError(
                f"{used[0]} needs a trained discriminator, and --loss none trains none: set {used[0]} to 0, or choose "
                "--loss hinge"
            )
        if norm is not None and type(norm).terms is not Norm.terms:
            raise ValueError(
                f"{norm.display_name} is a term of the discriminator, and --loss none trains none: set norm to none"
            )
        names = [name for name in _OF_GENERATOR if getattr(terms, name, 0)]
        if getattr(terms, "perceptual", None) == "none":
            names = [name for name in names if name != "perceptual_weight"]
        if not names and (terms is None or set(names_of(terms)) & {"r1_weight"}):
            raise ValueError(
                "--loss none leaves the generator without a loss: set pixel_weight, perceptual_weight or cycle_weight "
                "above 0, or choose --loss hinge"
            )

    def notes(self, recipe: Recipe) -> list[str]:
        without_effect = [] if type(recipe.norm) in (type(None), NoNorm) else ["norm"]
        without_effect += ["augmentation"] if parse_augmentation(recipe.augmentation) else []
        names = " and ".join(without_effect)
        return [f"{names} has no effect: --loss none trains no discriminator"] if names else []

    def needs_labels(self, recipe: Recipe) -> bool:
        return False

    def takes_condition(self, kind: Conditioning) -> bool:
        return kind != "labels"

    def pieces(self, recipe: Recipe) -> LossPieces:
        from everymode.networks.heads import ScalarHead

        return LossPieces(None, ScalarHead)


_OF_DISCRIMINATOR = (
    *("r1_weight", "r2_weight", "gamma", "penalty_weight", "lecam_weight", "consistency_weight"),
    *("fake_consistency_weight", "matching_weight", "paired_matching_weight", "classification_weight"),
)
"""Weights of terms that train the discriminator, or need its features or attribute logits."""
_OF_GENERATOR = ("pixel_weight", "perceptual_weight", "cycle_weight")
"""Weights of terms that train a generator alone."""
PROJECTION = Hinge(head="projection")
"""Loss of BigGAN."""
