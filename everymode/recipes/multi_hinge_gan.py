"""Multi-hinge GAN: a multi-hinge loss of class scores, in addition to projection, shared with it, or instead of it.

Paper: Kavalerov, Czaja, Chellappa: cGANs with Multi-Hinge Loss, WACV 2021. Released code: `ilyakava/gan` (TensorFlow),
`ilyakava/BigGAN-PyTorch` (the K + 1 form).

- multi-hinge-gan: SAGAN with a class head in addition to projection (equation 5). The discriminator classifies reals
  only, as in the paper; the released code of its results also classifies fakes (`aux_on_fake`).
- multi-hinge-ssl: one image in ten labeled; the others get the class that the class head predicts (equation 8).
- multi-hinge-shared-gan: the class scores are those of projection, and their loss is switched on during training
  (section 3.2): fidelity rises, diversity falls.
- multi-hinge-k1-gan: one head of K + 1 classes, the last one "fake", with feature matching; called Multi-hinge GAN in
  the Omni-GAN paper.

On digits, hyper-parameters are those of omni-gan-digits, including the weight decay of both networks; all but the
shared form also have momentum (beta1 0.5), the main form and the one with few labels orthogonal initial weights, and
K + 1 a class weight of 0.3 instead of 0.05.
Command and expected result (paper: 50,000 images):
  everymode train multi-hinge-gan-digits      (multi-hinge-ssl-digits, multi-hinge-shared-gan-digits, ...)
      two minutes on two cores (multi-hinge-ssl-digits: five); measured: docs/results/class_margin.md; with 130 labels,
      multi-hinge-ssl-digits (one seed, normal weights): agreement 99.6 %, variety 0.83, fd 0.39
  torchrun --nproc-per-node 8 -m everymode train multi-hinge-gan-imagenet64 --data imagenet/train
      1 million steps of 1,024 images; paper IS 22.16, FID 13.29; measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train multi-hinge-gan-imagenet128 --data imagenet/train
      1 million steps of 1,024 images; paper IS 61.98, FID 13.27; measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train multi-hinge-shared-gan-imagenet128 --data imagenet/train
      580,000 steps and 5,000 more; paper IS 169.68, FID 8.87; measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train multi-hinge-ssl-imagenet128 --data imagenet/train
      one image in ten labeled; paper IS 32.40, FID 26.12; measured here: not yet
  everymode train multi-hinge-k1-gan-cifar10 --data cifar10-train.parquet
      Omni-GAN's Table 1, without weight decay: FID 6.22, IS 9.55; CIFAR-100 14.62, 13.35, where weight decay prevents
      its collapse (figures 16 and 17); measured here: not yet
  everymode train multi-hinge-k1-gan-stl10 --data stl10_binary
      48 pixels, half of each batch from the 5,000 labeled images, half from the 100,000 others (--labeled-share 0 for
      train_X.bin alone); "competitive" in section 3.2, without a score; hyper-parameters: a guess, those of CIFAR-10
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from everymode.part import Loss, LossPieces
from everymode.recipes import omni_gan, sagan
from everymode.recipes.biggan import NO_DECAY

if TYPE_CHECKING:
    from everymode.game import Weighted
    from everymode.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class MultiHinge(Loss):
    """Hinge loss on a projection head, and multi-hinge loss on an additional class head.

    Images without a label get the class that the class head predicts.
    """

    called: ClassVar[str] = "multi-hinge"
    tells_apart: ClassVar[bool] = True
    averages_over_unlabeled: ClassVar[bool] = True

    margin: float = 1.0
    """Margin of the score of the right class over all others, in the discriminator's loss."""
    generator_margin: float = 1.0
    """Margin of the score of the right class over all others, in the generator's loss."""
    class_weight: float = 0.1
    """Weight of the multi-hinge loss in the generator's loss."""
    aux_on_fake: bool = False
    """Classify fakes too in the discriminator's loss (as in the released code, not in the paper's equations)."""

    def check(self) -> None:
        self.require_at_least_0("margin", "generator_margin", "class_weight")

    def pieces(self, recipe: Recipe) -> LossPieces:
        from everymode.losses.adversarial import hinge
        from everymode.networks.heads import ProjectionClassifierHead

        head = partial(ProjectionClassifierHead, num_classes=self.num_classes(recipe))
        return LossPieces(hinge(), head, None, *self.margin_terms(recipe))

    def margin_terms(
        self, recipe: Recipe, *, start: int = 0
    ) -> tuple[tuple[Weighted, ...], tuple[Weighted, ...]]:
        """Return the multi-hinge terms of both players, which are 0 before step `start`."""
        from everymode.game import Weighted
        from everymode.losses.classification import classification, classification_of_fakes
        from everymode.losses.multi_hinge import multi_hinge_loss
        from everymode.training.schedules import switched_on

        classes = self.num_classes(recipe)
        discriminator_term = classification(
            partial(multi_hinge_loss, margin=self.margin),
            num_classes=classes,
            on_fake=self.aux_on_fake,
            labeled_share=recipe.labeled_rows_share(),
        )
        generator_term = classification_of_fakes(
            partial(multi_hinge_loss, margin=self.generator_margin), num_classes=classes
        )
        return (
            (Weighted("classes", discriminator_term, switched_on(1.0, at=start)),),
            (Weighted("classes", generator_term, switched_on(self.class_weight, at=start)),),
        )


@dataclass(frozen=True, kw_only=True)
class SharedMultiHinge(MultiHinge):
    """Hinge loss on a projection head, and from `hinge_start` on, multi-hinge loss on its class scores."""

    called: ClassVar[str] = "shared multi-hinge"

    hinge_start: int = 0
    """Step at which the multi-hinge loss starts; 0 = from the beginning."""

    def check(self) -> None:
        super().check()
        if self.hinge_start < 0:
            raise ValueError(f"hinge_start must be a step, at least 0, not {self.hinge_start}")

    def notes(self, recipe: Recipe) -> list[str]:
        if self.hinge_start < recipe.steps:
            return []
        return [
            f"the multi-hinge loss starts at step {self.hinge_start:,}, but training ends at {recipe.steps:,}, so this "
            "is only projection: set hinge_start to less"
        ]

    def takes_unlabeled(self, recipe: Recipe) -> bool:
        """Return False: before the class scores are trained, they can't predict missing labels."""
        return False

    def pieces(self, recipe: Recipe) -> LossPieces:
        from everymode.losses.adversarial import hinge
        from everymode.networks.heads import SharedProjectionHead

        head = partial(SharedProjectionHead, num_classes=self.num_classes(recipe))
        return LossPieces(hinge(), head, None, *self.margin_terms(recipe, start=self.hinge_start))


@dataclass(frozen=True, kw_only=True)
class FakeClass(Loss):
    """Multi-hinge loss on one head of K + 1 classes, the last one "fake". Published with feature matching
    (matching_weight 1).

    For images without a label, any class but "fake" is right.
    """

    called: ClassVar[str] = "K + 1 classes"
    tells_apart: ClassVar[bool] = True
    averages_over_unlabeled: ClassVar[bool] = True

    margin: float = 1.0
    """Margin of the score of the right class over all others."""
    class_weight: float = 0.05
    """Weight of the multi-hinge loss in the generator's loss."""
    complement: bool = False
    """Accept any class but "fake" in the generator's loss, not only the label (as released: with matching_weight 0 and
    class_weight 1)."""

    def check(self) -> None:
        self.require_at_least_0("margin", "class_weight")

    def pieces(self, recipe: Recipe) -> LossPieces:
        from everymode.losses.multi_hinge import any_real_class, multi_hinge
        from everymode.networks.heads import ClassifierHead

        classes = self.num_classes(recipe)
        adversarial = multi_hinge(
            classes,
            margin=self.margin,
            generator_weight=self.class_weight,
            generator_cost=partial(any_real_class, margin=self.margin) if self.complement else None,
        )
        return LossPieces(adversarial, partial(ClassifierHead, num_outputs=classes + 1))


IMAGENET128 = sagan.IMAGENET128.with_numbers(name="multi-hinge-gan-imagenet128", loss=MultiHinge())
IMAGENET64 = IMAGENET128.with_numbers(name="multi-hinge-gan-imagenet64", resolution=64)
CIFAR10 = sagan.CIFAR10.with_numbers(name="multi-hinge-gan-cifar10", loss=MultiHinge())
# With normal initial weights or without momentum, training stalls for hundreds of steps, and forever in one of 6 seeds.
DIGITS = omni_gan.DIGITS.with_numbers(
    name="multi-hinge-gan-digits", loss=MultiHinge(), beta1=0.5, initialization="orthogonal"
)
IMAGES32 = omni_gan.IMAGES32.with_numbers(name="multi-hinge-gan-32", loss=MultiHinge(), **NO_DECAY)
IMAGES64 = omni_gan.IMAGES64.with_numbers(name="multi-hinge-gan-64", loss=MultiHinge(), **NO_DECAY)
IMAGES128 = omni_gan.IMAGES128.with_numbers(name="multi-hinge-gan-128", loss=MultiHinge(), **NO_DECAY)

# ---- shared: after SAGAN's 580,000 steps, 5,000 more

SHARED_IMAGENET128 = sagan.IMAGENET128.with_numbers(
    name="multi-hinge-shared-gan-imagenet128", loss=SharedMultiHinge(hinge_start=580_000), steps=585_000
)
SHARED_IMAGENET64 = sagan.IMAGENET64.with_numbers(
    name="multi-hinge-shared-gan-imagenet64", loss=SharedMultiHinge(hinge_start=1_000_000), steps=1_015_000
)
SHARED_CIFAR10 = sagan.CIFAR10.with_numbers(
    name="multi-hinge-shared-gan-cifar10", loss=SharedMultiHinge(hinge_start=580_000), steps=585_000
)
SHARED_IMAGES32 = IMAGES32.with_numbers(
    name="multi-hinge-shared-gan-32", loss=SharedMultiHinge(hinge_start=95_000)
)
SHARED_IMAGES64 = IMAGES64.with_numbers(
    name="multi-hinge-shared-gan-64", loss=SharedMultiHinge(hinge_start=95_000)
)
SHARED_DIGITS = omni_gan.DIGITS.with_numbers(
    name="multi-hinge-shared-gan-digits", loss=SharedMultiHinge(hinge_start=600)
)

# ---- K + 1 classes

# According to the paper, weight decay makes it worse on CIFAR-10, and prevents its collapse on CIFAR-100 (figures 16,
# 17); with few images per class, weight decay prevents the collapse.
K1_CIFAR10 = omni_gan.CIFAR10.with_numbers(
    name="multi-hinge-k1-gan-cifar10", loss=FakeClass(), matching_weight=1.0, **NO_DECAY
)
K1_CIFAR100 = omni_gan.CIFAR100.with_numbers(
    name="multi-hinge-k1-gan-cifar100", loss=FakeClass(), matching_weight=1.0
)
K1_STL10 = K1_CIFAR10.with_numbers(
    name="multi-hinge-k1-gan-stl10", resolution=48, doublings=4, labeled_share=0.5
)
K1_IMAGES32 = omni_gan.IMAGES32.with_numbers(
    name="multi-hinge-k1-gan-32", loss=FakeClass(), matching_weight=1.0
)
K1_IMAGES64 = omni_gan.IMAGES64.with_numbers(
    name="multi-hinge-k1-gan-64", loss=FakeClass(), matching_weight=1.0
)
# With the released weight, and without momentum, the requested class is still ignored after 500 steps.
K1_DIGITS = omni_gan.DIGITS.with_numbers(
    name="multi-hinge-k1-gan-digits", loss=FakeClass(class_weight=0.3), matching_weight=1.0, beta1=0.5
)

# ---- one image in ten labeled

SSL_IMAGENET128 = IMAGENET128.with_numbers(
    name="multi-hinge-ssl-imagenet128", labeled_fraction=0.1, labeled_share=0.5
)
SSL_CIFAR10 = CIFAR10.with_numbers(name="multi-hinge-ssl-cifar10", labeled_fraction=0.1, labeled_share=0.5)
SSL_IMAGES32 = IMAGES32.with_numbers(name="multi-hinge-ssl-32")
SSL_IMAGES64 = IMAGES64.with_numbers(name="multi-hinge-ssl-64")
SSL_DIGITS = DIGITS.with_numbers(
    name="multi-hinge-ssl-digits", steps=2500, labeled_fraction=0.1, labeled_share=0.5
)
