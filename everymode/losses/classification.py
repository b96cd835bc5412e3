"""An auxiliary classifier as terms of an objective: any class cost on a Verdict's `classes`.

cGANs with Multi-Hinge Loss (Kavalerov et al., WACV 2021), equations 5 and 8 to 10, with `multi_hinge_loss` or
`class_cross_entropy`; Conditional Image Synthesis with Auxiliary Classifier GANs (Odena et al., ICML 2017); ImAC-GAN,
which has an extra class for fakes: Omni-GAN (Zhou et al., ICCV 2021), appendix C.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.game import UNLABELED, Condition, Term, Turn, Verdict
from everymode.losses.label_blocks import check_labels, label_blocks, one_block, whole_labels
from everymode.losses.reduction import reduced
from everymode.old_names import renamed_keywords
from everymode.precision import at_least_float32

ClassCost = Callable[[Tensor, Tensor], Tensor]
"""(class logits [B, K], labels [B]) -> scalar: the mean over rows, where unlabeled rows (-1) cost 0 and count."""

Classified = tuple[Tensor, Condition]
"""Class logits [B, K], and the condition that holds the rows' labels."""


def class_cross_entropy(logits: Tensor, labels: Tensor, *, reduction: str = "mean") -> Tensor:
    """Compute the cross-entropy of the softmax of [B, K] logits at int64 labels [B].

    An unlabeled row (UNLABELED, -1) costs 0 and counts in the mean, so that the mean over equal micro-batches is
    the mean over the batch.

    Args:
        reduction: "mean" or "sum" over rows, or "none" for [B].

    Raises:
        ValueError: for fewer than two classes, shapes that don't fit or, on the CPU, labels outside the range.
    """
    if logits.dim() != 2 or logits.shape[1] < 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            "a classifier's cross-entropy needs logits [B, K] of two or more classes and labels [B]; got "
            f"{list(logits.shape)} and {list(labels.shape)}"
        )
    labels = whole_labels(labels)
    check_labels(labels, logits.shape[1])
    logits = at_least_float32(logits)
    costs = F.cross_entropy(logits, labels, ignore_index=UNLABELED, reduction="none")
    return reduced(costs, reduction)


def classification_loss(
    real_logits: Tensor,
    real_labels: Tensor,
    fake_logits: Tensor | None = None,
    fake_labels: Tensor | None = None,
    *,
    cost: ClassCost = class_cross_entropy,
    fake_class: int | None = None,
    labeled_share: float = 1.0,
) -> Tensor:
    """Compute a discriminator's class cost from plain tensors; `classification` is the same as a term.

    Args:
        real_logits: [B, K], or [B, K + 1] with a class for fakes.
        real_labels: int64 [B]; -1 = unlabeled, which costs 0.
        fake_logits: as `real_logits`; None leaves fakes out of the cost.
        fake_labels: int64 [B], the labels under which the fakes were generated. None only with `fake_class`.
        cost: mean cost of rows: `class_cross_entropy`, `multi_hinge_loss`, or a custom function.
        fake_class: class of all fakes in place of `fake_labels` (K, for K + 1 logits: ImAC-GAN).
        labeled_share: fraction of the reals that have labels; the cost of the reals is divided by it.

    Returns:
        A scalar: cost of the reals / labeled_share + cost of the fakes. For the generator's cost of fakes, call `cost`.

    Raises:
        ValueError: if labels and logits don't fit (see `cost`), the share is outside (0, 1], or fakes have neither
            labels nor a class.
    """
    _check_share(labeled_share)
    total = cost(real_logits, real_labels) / labeled_share
    if fake_logits is None:
        return total
    if fake_class is not None:
        fake_labels = torch.full((len(fake_logits),), fake_class, device=fake_logits.device)
    if fake_labels is None:
        raise ValueError(
            "fake_logits need fake_labels, the labels under which they were generated, or a fake_class"
        )
    return total + cost(fake_logits, fake_labels)


@renamed_keywords(labelled_share="labeled_share")
def classification(
    cost: ClassCost,
    *,
    num_classes: int,
    on_fake: bool = True,
    fake_class: int | None = None,
    labeled_share: float = 1.0,
) -> Term:
    """Return the discriminator's classification term: the class loss of reals at their labels, and of fakes.

    The term raises ValueError if the discriminator has no class head.

    Args:
        cost: `class_cross_entropy`, `multi_hinge_loss`, or a custom function.
        num_classes: K.
        on_fake: whether fakes are classified too, at the label under which they were generated: AC-GAN as Omni-GAN
            writes it and as the released Multi-hinge code has it. Multi-hinge's equations 4 and 10 have reals only.
        fake_class: the class of all fakes (K, for K + 1 logits: ImAC-GAN).
        labeled_share: fraction of the reals in a batch that have labels. The cost of reals is divided by it. If
            every batch has the same number of labeled rows, the quotient is the mean over labeled rows.

    Raises:
        ValueError: for a fraction outside (0, 1], fewer than two classes, or several label blocks.
    """
    num_classes = one_block(num_classes, "an auxiliary classifier")
    _check_share(labeled_share)

    def term(turn: Turn) -> Tensor:
        real: Classified = (_classes(turn.real_verdict), turn.batch.condition)
        fake: Classified | None = None
        if on_fake or fake_class is not None:
            fake = (_classes(turn.fake_verdict), turn.fake_condition)
        return cost_of_both(cost, num_classes, real, fake, fake_class=fake_class, labeled_share=labeled_share)

    return term


def classification_of_fakes(cost: ClassCost, *, num_classes: int) -> Term:
    """Return the class head's cost of fakes, at the label under which they were generated, as a term of the generator.

    Raises:
        ValueError: for fewer than two classes, or several label blocks.
    """
    num_classes = one_block(num_classes, "an auxiliary classifier")

    def term(turn: Turn) -> Tensor:
        return cost_at_labels(cost, num_classes, (_classes(turn.fake_verdict), turn.fake_condition))

    return term


@renamed_keywords(labelled_share="labeled_share")
def cost_of_both(
    cost: ClassCost,
    num_classes: int,
    real: Classified,
    fake: Classified | None,
    *,
    fake_class: int | None = None,
    labeled_share: float = 1.0,
) -> Tensor:
    """Compute a discriminator's class cost: that of the reals / `labeled_share`, plus that of the fakes unless None.

    With `fake_class`, all fakes have that class.

    Raises:
        ValueError: as `cost_at_labels`.
    """
    total = cost_at_labels(cost, num_classes, real) / labeled_share
    return total if fake is None else total + cost_at_labels(cost, num_classes, fake, instead=fake_class)


def cost_at_labels(
    cost: ClassCost, num_classes: int, rows: Classified, *, instead: int | None = None
) -> Tensor:
    """Compute the class cost of rows at the labels of their condition, or all at the class `instead`.

    Raises:
        ValueError: if there are no labels, several per row or, on the CPU, any outside the range.
    """
    logits, condition = rows
    (labels,) = label_blocks(condition, num_classes)
    check_labels(labels, num_classes)  # the class of fakes is no label
    return cost(logits, labels if instead is None else torch.full_like(labels, instead))


def _check_share(labeled_share: float) -> None:
    if not 0 < labeled_share <= 1:
        raise ValueError(f"labeled_share is above 0 and at most 1, not {labeled_share}")


def _classes(verdict: Verdict) -> Tensor:
    if verdict.classes is None:
        raise ValueError(
            "this objective classifies, and the discriminator has no class head: build it with class_head=..., or with "
            "a head that gives classes, such as ProjectionClassifierHead"
        )
    return verdict.classes
