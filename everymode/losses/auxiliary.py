"""AC-GAN and ImAC-GAN as one adversarial loss, for a discriminator whose scores are classes and realness side by side.

Conditional Image Synthesis with Auxiliary Classifier GANs (Odena et al., ICML 2017), as Omni-GAN (Zhou et al., ICCV
2021) writes it in equations 1 and 2, with the non-saturating generator; ImAC-GAN: its appendix C. For a discriminator
with a class head beside its scores, use the terms of `classification` instead: the same costs, logged separately.
"""

from __future__ import annotations

from torch import Tensor

from everymode.game import AdversarialLoss, Condition
from everymode.losses.adversarial import logistic
from everymode.losses.classification import ClassCost, class_cross_entropy, cost_at_labels, cost_of_both
from everymode.losses.label_blocks import one_block


def auxiliary(
    num_classes: int,
    *,
    adversarial: AdversarialLoss | None = None,
    cost: ClassCost = class_cross_entropy,
    on_fake: bool = True,
    discriminator_weight: float = 1.0,
    generator_weight: float = 1.0,
) -> AdversarialLoss:
    """Return AC-GAN's loss on scores [B, K + 1]: K class logits, then the realness score.

    D: the adversarial cost of the last column plus the class cost of reals and of fakes at their labels. G: the same
    on fakes. Realness is the adversarial loss's, of the last column.

    Args:
        num_classes: K.
        adversarial: `logistic()` if None (equation 1), or `hinge()`.
        cost: of the class logits; `multi_hinge_loss` gives Multi-hinge GAN's auxiliary form without projection.
        on_fake: whether D's class cost has fakes too (both papers' codes), or reals only.
        discriminator_weight: weight of D's class cost.
        generator_weight: weight of G's class cost: 1 in AC-GAN, 0.1 in Multi-hinge GAN.

    Returns:
        An AdversarialLoss. Its functions raise ValueError for scores of another width, or without labels.

    Raises:
        ValueError: for fewer than two classes.
    """
    base = logistic() if adversarial is None else adversarial
    weights = (discriminator_weight, generator_weight)
    return _with_classifier(num_classes, base, cost, weights, on_fake=on_fake)


def improved_auxiliary(
    num_classes: int,
    *,
    adversarial: AdversarialLoss | None = None,
    cost: ClassCost = class_cross_entropy,
    discriminator_weight: float = 1.0,
    generator_weight: float = 1.0,
) -> AdversarialLoss:
    """Return ImAC-GAN's loss on scores [B, K + 2]: K + 1 class logits (last: "fake"), then the realness score.

    It is `auxiliary`, except that the class of all fakes in D's class cost is "fake"; G still targets the label.
    """
    base = logistic() if adversarial is None else adversarial
    return _with_classifier(
        num_classes, base, cost, (discriminator_weight, generator_weight), class_of_fakes=True
    )


def _with_classifier(
    num_classes: int,
    base: AdversarialLoss,
    cost: ClassCost,
    weights: tuple[float, float],
    *,
    on_fake: bool = True,
    class_of_fakes: bool = False,
) -> AdversarialLoss:
    """Return the cost of the last column by `base`, plus that of the others times D's and G's weight."""
    num_classes = one_block(num_classes, "an auxiliary classifier")
    num_logits = num_classes + class_of_fakes
    discriminator_weight, generator_weight = weights
    fake_class = num_classes if class_of_fakes else None

    def columns(scores: Tensor) -> tuple[Tensor, Tensor]:
        if scores.dim() != 2 or scores.shape[1] != num_logits + 1:
            raise ValueError(
                f"this loss needs {num_logits} class logits and then the realness score, [B, {num_logits + 1}], not "
                f"{list(scores.shape)}; give the discriminator {num_logits + 1} outputs"
            )
        return scores[:, :-1], scores[:, -1]

    def discriminator(
        real: Tensor, fake: Tensor, real_condition: Condition, fake_condition: Condition
    ) -> Tensor:
        (real_classes, real), (fake_classes, fake) = columns(real), columns(fake)
        classified = (fake_classes, fake_condition) if on_fake else None
        total = cost_of_both(
            cost, num_classes, (real_classes, real_condition), classified, fake_class=fake_class
        )
        return base.discriminator(real, fake, real_condition, fake_condition) + discriminator_weight * total

    def generator(fake: Tensor, fake_condition: Condition) -> Tensor:
        classes, fake = columns(fake)
        asked = cost_at_labels(cost, num_classes, (classes, fake_condition))
        return base.generator(fake, fake_condition) + generator_weight * asked

    def realness(scores: Tensor, condition: Condition) -> Tensor:
        return base.realness(columns(scores)[1], condition)

    base_parts = base.parts
    if base_parts is None:
        return AdversarialLoss(discriminator, generator, realness)

    def parts(
        real: Tensor, fake: Tensor, real_condition: Condition, fake_condition: Condition
    ) -> tuple[Tensor, Tensor]:
        (real_classes, real), (fake_classes, fake) = columns(real), columns(fake)
        of_real, of_fake = base_parts(real, fake, real_condition, fake_condition)
        class_cost = cost_at_labels(cost, num_classes, (real_classes, real_condition))
        of_real = of_real + discriminator_weight * class_cost
        if on_fake:
            class_cost = cost_at_labels(cost, num_classes, (fake_classes, fake_condition), instead=fake_class)
            of_fake = of_fake + discriminator_weight * class_cost
        return of_real, of_fake

    return AdversarialLoss(discriminator, generator, realness, parts=parts)
