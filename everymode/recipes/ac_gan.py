"""AC-GAN and ImAC-GAN: a discriminator with an auxiliary classifier.

Paper: Odena, Olah, Shlens: Conditional Image Synthesis with Auxiliary Classifier GANs (ICML 2017). There are two forms:
- as in the comparison of Omni-GAN (Zhou et al., ICCV 2021, equations 1 and 2): no projection, logistic loss,
  cross-entropy on reals and fakes, weight 1; and its ImAC-GAN (appendix C), whose classifier has a class for fakes. No
  code of them was released; the non-saturating logistic loss is our interpretation. Hyper-parameters: Omni-GAN's;
- as in the comparison of Multi-hinge GAN (Kavalerov et al., WACV 2021, equations 9 and 10): with projection, hinge
  loss, two discriminator steps, and weight 0.1 of the generator's cross-entropy. (The paper prints "+ log C" in a loss
  that is minimized; it means minus.)

Cross-entropy on fakes in the discriminator's loss (`aux_on_fake`) is on in the first form, as in Omni-GAN's equation 1,
and off in the second, as in Multi-hinge's equation 10 (in its released code it is on). The released learning rate of D
with few labels, 5e-4, and the latent dimension of 120 are for ImageNet; ac-gan-ssl-cifar10 keeps those of SAGAN.
Command and expected result (Omni-GAN's Table 1: with weight decay; TensorFlow Inception, 50,000 images):
  everymode train ac-gan-digits               (imac-gan-digits, ac-gan-ssl-digits)
      two minutes on two cores
  everymode train ac-gan-cifar10 --data cifar10-train.parquet
      paper 8.03 and 9.58; without decay 7.11, 9.43 and a collapse; measured here: not yet
  everymode train ac-gan-cifar100 --data cifar100-train.parquet
      paper 16.41 and 9.74; without decay 34.19, 9.31 and a collapse; measured here: not yet
  everymode train imac-gan-cifar10 --data cifar10-train.parquet
      paper 5.63 and 9.72; measured here: not yet
  everymode train imac-gan-cifar100 --data cifar100-train.parquet
      paper 8.11 and 13.38; measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train ac-gan-imagenet128 --data imagenet/train
      paper (Multi-hinge's Table 1) FID 24.72, IS 48.94; measured here: not yet
  torchrun --nproc-per-node 8 -m everymode train ac-gan-ssl-imagenet128 --data imagenet/train
      one image in ten labeled; paper FID 26.12, IS 32.38; measured here: not yet
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from everymode.part import Loss, LossPieces
from everymode.recipes import omni_gan, sagan

if TYPE_CHECKING:
    from everymode.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class AuxiliaryClassifier(Loss):
    """Cross-entropy of a class head, in addition to a scalar or projection head.

    Images without a label only have the adversarial loss; projection uses the class that the class head predicts.
    """

    called: ClassVar[str] = "the auxiliary classifier"
    tells_apart: ClassVar[bool] = True
    averages_over_unlabeled: ClassVar[bool] = True

    improved: bool = False
    """ImAC-GAN: add a class for fakes to the classifier, which the discriminator's loss assigns to them."""
    projection: bool = False
    """Use a projection instead of a scalar head, in addition to the classifier."""
    hinge: bool | None = None
    """Use the hinge instead of the logistic loss; auto = only with projection."""
    aux_on_fake: bool = True
    """Classify fakes too in the discriminator's loss."""
    class_weight: float = 1.0
    """Weight of the cross-entropy in the generator's loss."""

    def check(self) -> None:
        self.require_at_least_0("class_weight")
        if self.improved and self.projection:
            raise ValueError("improved and projection exclude each other: set one of them to off")
        if self.improved and not self.aux_on_fake:
            raise ValueError(
                "improved needs aux_on_fake, as its class for fakes is learned from fakes: set it to on"
            )

    def pieces(self, recipe: Recipe) -> LossPieces:
        from everymode.game import Weighted
        from everymode.losses.adversarial import hinge, logistic
        from everymode.losses.classification import (
            class_cross_entropy,
            classification,
            classification_of_fakes,
        )
        from everymode.networks.heads import ClassifierHead, ProjectionClassifierHead, ScalarHead

        classes = self.num_classes(recipe)
        discriminator_term = classification(
            class_cross_entropy,
            num_classes=classes,
            on_fake=self.aux_on_fake,
            fake_class=classes if self.improved else None,
            labeled_share=recipe.labeled_rows_share(),
        )
        generator_term = classification_of_fakes(class_cross_entropy, num_classes=classes)
        adversarial = hinge() if (self.projection if self.hinge is None else self.hinge) else logistic()
        terms = (
            (Weighted("classes", discriminator_term),),
            (Weighted("classes", generator_term, self.class_weight),),
        )
        if self.projection:
            head = partial(ProjectionClassifierHead, num_classes=classes)
            return LossPieces(adversarial, head, None, *terms)
        logits = classes + 1 if self.improved else classes
        return LossPieces(adversarial, ScalarHead, partial(ClassifierHead, num_outputs=logits), *terms)


BESIDE_PROJECTION = AuxiliaryClassifier(projection=True, aux_on_fake=False, class_weight=0.1)
"""The form in the comparison of Multi-hinge GAN."""

CIFAR10 = omni_gan.CIFAR10.with_numbers(name="ac-gan-cifar10", loss=AuxiliaryClassifier())
CIFAR100 = omni_gan.CIFAR100.with_numbers(name="ac-gan-cifar100", loss=AuxiliaryClassifier())
IMAGENET128 = sagan.IMAGENET128.with_numbers(
    name="ac-gan-imagenet128", loss=BESIDE_PROJECTION, discriminator_steps=2
)
IMAGENET64 = IMAGENET128.with_numbers(name="ac-gan-imagenet64", resolution=64)
DIGITS = omni_gan.DIGITS.with_numbers(name="ac-gan-digits", loss=AuxiliaryClassifier())
IMAGES32 = omni_gan.IMAGES32.with_numbers(name="ac-gan-32", loss=AuxiliaryClassifier())
IMAGES64 = omni_gan.IMAGES64.with_numbers(name="ac-gan-64", loss=AuxiliaryClassifier())

IMPROVED_CIFAR10 = CIFAR10.with_numbers(name="imac-gan-cifar10", improved=True)
IMPROVED_CIFAR100 = CIFAR100.with_numbers(name="imac-gan-cifar100", improved=True)
IMPROVED_DIGITS = DIGITS.with_numbers(name="imac-gan-digits", improved=True)
IMPROVED_IMAGES32 = IMAGES32.with_numbers(name="imac-gan-32", improved=True)
IMPROVED_IMAGES64 = IMAGES64.with_numbers(name="imac-gan-64", improved=True)

# ---- one image in ten labeled; with your own images, those that have labels

SSL_IMAGENET128 = IMAGENET128.with_numbers(
    name="ac-gan-ssl-imagenet128",
    labeled_fraction=0.1,
    labeled_share=0.5,
    discriminator_lr=5e-4,
    latent_dim=120,
)
SSL_CIFAR10 = sagan.CIFAR10.with_numbers(
    name="ac-gan-ssl-cifar10",
    loss=BESIDE_PROJECTION,
    discriminator_steps=2,
    labeled_fraction=0.1,
    labeled_share=0.5,
)
SSL_IMAGES32 = IMAGES32.with_numbers(name="ac-gan-ssl-32", loss=BESIDE_PROJECTION)
SSL_IMAGES64 = IMAGES64.with_numbers(name="ac-gan-ssl-64", loss=BESIDE_PROJECTION)
SSL_DIGITS = DIGITS.with_numbers(
    name="ac-gan-ssl-digits",
    loss=BESIDE_PROJECTION,
    steps=2500,
    beta1=0.5,
    labeled_fraction=0.1,
    labeled_share=0.5,
)
