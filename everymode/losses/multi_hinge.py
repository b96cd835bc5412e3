"""The multi-hinge loss: the hinge loss of class scores, in all forms of its papers and codes.

cGANs with Multi-Hinge Loss (Kavalerov, Czaja, Chellappa, WACV 2021; arXiv 1912.04216), equations 4 and 5, which are
Crammer and Singer's (2001): one maximum over the wrong classes, not a sum. Released code: `ilyakava/gan`
(the auxiliary form beside projection), `ilyakava/BigGAN-PyTorch` (K + 1 scores, the fake class last).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.game import UNLABELED, AdversarialLoss, Condition
from everymode.losses.adversarial import sum_of
from everymode.losses.label_blocks import check_labels, label_blocks, one_block, whole_labels
from everymode.losses.reduction import reduced
from everymode.precision import at_least_float32

RowCost = Callable[[Tensor, Tensor], Tensor]
"""(class scores [B, K], labels [B]) -> [B]."""


def multi_hinge_loss(
    scores: Tensor, labels: Tensor, *, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """Compute max(0, m + highest score of a wrong class - score of the label's class); equation 4.

    Args:
        scores: [B, K], or maps [B, K, H, W] with labels [B, H, W].
        labels: int64, 0..K - 1. An unlabeled row (UNLABELED, -1) costs 0 and counts in the mean.
        margin: m, by which the right class must lead.
        reduction: "mean" or "sum" over rows (and positions), or "none".

    Returns:
        A scalar; with "none", [B] or [B, H, W].

    Raises:
        ValueError: for fewer than two classes, shapes that don't fit, labels outside the range (checked on the CPU
            only: elsewhere the host would wait), or an unknown reduction.
    """
    scores, labels, known = _checked(scores, labels)
    own = labels.clamp(min=0).unsqueeze(1)
    highest_other = scores.scatter(1, own, -torch.inf).amax(1)
    cost = F.relu(margin + highest_other - scores.gather(1, own).squeeze(1))
    return reduced(cost * known, reduction)


def complement_multi_hinge_loss(
    scores: Tensor, labels: Tensor, *, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """Compute max(0, m - highest score of another class + score of the label's class): any class but this one.

    For unlabeled reals, with the fake class as the label, it means "any real class"; likewise as the generator's cost
    of fakes. Arguments, result and errors are those of `multi_hinge_loss`.
    """
    scores, labels, known = _checked(scores, labels)
    own = labels.clamp(min=0).unsqueeze(1)
    highest_other = scores.scatter(1, own, -torch.inf).amax(1)
    cost = F.relu(margin - highest_other + scores.gather(1, own).squeeze(1))
    return reduced(cost * known, reduction)


def any_real_class(scores: Tensor, labels: Tensor, *, margin: float = 1.0) -> Tensor:
    """Compute a generator's cost [B] on K + 1 scores: the complement form, "any class but fake"; labels are ignored."""
    fake_class = torch.full_like(labels, scores.shape[1] - 1)
    return complement_multi_hinge_loss(scores, fake_class, margin=margin, reduction="none")


def fake_class_score(scores: Tensor, labels: Tensor) -> Tensor:
    """Return a generator's cost [B] on K + 1 scores: the score of the fake class; labels are ignored."""
    return scores[:, -1]


def fake_class_log_probability(scores: Tensor, labels: Tensor) -> Tensor:
    """Compute a generator's cost [B] on K + 1 scores: the log of the fake class's softmax; labels are ignored."""
    return scores.log_softmax(1)[:, -1]


def activation_maximization(scores: Tensor, labels: Tensor) -> Tensor:
    """Compute a generator's cost [B] on K + 1 scores: -log softmax of its highest real class (Zhou et al. 2018)."""
    return -scores.log_softmax(1)[:, :-1].amax(1)


def confusion(scores: Tensor, labels: Tensor, *, margin: float = 0.1) -> Tensor:
    """Compute a generator's cost [B] on K + 1 scores: max(0, highest real class - second highest - margin)."""
    highest = scores[:, :-1].topk(2, dim=1).values
    return F.relu(highest[:, 0] - highest[:, 1] - margin)


def multi_hinge(
    num_classes: int,
    *,
    margin: float = 1.0,
    generator_margin: float | None = None,
    generator_weight: float = 1.0,
    generator_cost: RowCost | None = None,
) -> AdversarialLoss:
    """Return the K + 1 form, for a discriminator with one score per class and a last one for "fake": [B, K + 1].

    D: the multi-hinge loss of reals at their label plus that of fakes at the fake class; an unlabeled real takes the
    complement form at the fake class. G: `generator_weight` times the multi-hinge loss of fakes at their label. The
    released recipe gives G 0.05 of it beside feature matching of weight 1. This is what Omni-GAN's tables call
    Multi-hinge GAN; the paper's main form is an auxiliary head beside projection (`classification` with
    `multi_hinge_loss`).

    Realness is the highest score of a class minus that of "fake".

    Args:
        margin: D's margin.
        generator_margin: G's margin; None = D's.
        generator_weight: weight of G's cost.
        generator_cost: another cost of G, (scores [B, K + 1], labels [B]) -> [B]: `any_real_class`,
            `fake_class_score`, `fake_class_log_probability`, `activation_maximization`, `confusion`, or a custom one.

    Returns:
        An AdversarialLoss. Its functions raise ValueError if the scores don't have K + 1 slots or there are no labels.

    Raises:
        ValueError: for fewer than two classes.
    """
    num_classes = one_block(num_classes, "the multi-hinge loss")
    at_label = partial(multi_hinge_loss, margin=margin, reduction="none")
    own_margin = margin if generator_margin is None else generator_margin
    of_generator = generator_cost or partial(multi_hinge_loss, margin=own_margin, reduction="none")

    def parts(
        real: Tensor, fake: Tensor, real_condition: Condition, fake_condition: Condition
    ) -> tuple[Tensor, Tensor]:
        real, fake = _with_slots(real, num_classes), _with_slots(fake, num_classes)
        (labels,) = label_blocks(real_condition, num_classes)
        check_labels(labels, num_classes)  # K, the slot of fakes, is no label
        unlabeled = labels == UNLABELED
        on_real = torch.where(unlabeled, any_real_class(real, labels, margin=margin), at_label(real, labels))
        fake_class = torch.full((len(fake),), num_classes, device=fake.device)
        return on_real.mean(), at_label(fake, fake_class).mean()

    def generator(fake: Tensor, fake_condition: Condition) -> Tensor:
        fake = _with_slots(fake, num_classes)
        (labels,) = label_blocks(fake_condition, num_classes)
        check_labels(labels, num_classes)
        return generator_weight * of_generator(fake, labels).mean()

    def realness(scores: Tensor, condition: Condition) -> Tensor:
        scores = _with_slots(scores, num_classes)
        return scores[:, :-1].amax(1) - scores[:, -1]

    return AdversarialLoss(sum_of(parts), generator, realness, parts=parts)


def _checked(scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the scores in float32 or higher precision, int64 labels, and a mask of labeled rows."""
    if scores.dim() < 2 or scores.shape[1] < 2 or labels.shape != scores[:, 0].shape:
        raise ValueError(
            "the multi-hinge loss needs scores [B, K] of two or more classes, and labels [B] (or [B, K, H, W] and "
            f"[B, H, W]); got {list(scores.shape)} and {list(labels.shape)}"
        )
    labels = whole_labels(labels)
    check_labels(labels, scores.shape[1])
    scores = at_least_float32(scores)
    return scores, labels, (labels != UNLABELED).to(scores.dtype)


def _with_slots(scores: Tensor, num_classes: int) -> Tensor:
    """Return the scores in float32 or higher precision, if there are K + 1."""
    if scores.dim() != 2 or scores.shape[1] != num_classes + 1:
        raise ValueError(
            f"the K + 1 multi-hinge loss needs one score per class, then one for fake: [B, {num_classes + 1}], not "
            f"{list(scores.shape)}; give the discriminator {num_classes + 1} outputs"
        )
    return at_least_float32(scores)
