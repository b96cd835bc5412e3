"""Attribute classification: a discriminator's class head learns several attributes of an image, and scores fakes by
them.

StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image Translation (Choi et al., CVPR 2018),
equations 2 and 3: the discriminator learns the labels of real images, the generator is scored by the labels that it was
given. As in the released code (`yunjey/stargan`), the costs of attributes are summed and the mean is over the batch.
"""

from __future__ import annotations

from numbers import Integral

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.game import UNLABELED, Condition, Term, Turn
from everymode.losses.label_blocks import check_labels, whole_labels
from everymode.losses.reduction import reduced
from everymode.precision import at_least_float32


def attribute_classification(
    logits: Tensor,
    targets: Tensor,
    *,
    sizes: tuple[int, ...] | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Compute the cost of attributes, summed over attributes (or label blocks).

    Without sizes, every column is one attribute: binary cross-entropy of sigmoid(logit). With sizes, a label block of
    two classes is one attribute with one logit, and a block of k > 2 exclusive classes has k logits, whose cost is the
    cross-entropy of their softmax. The logits of the blocks come in order.

    A missing target (UNLABELED, -1) costs 0 and its row counts in the mean. Half precision is computed in float32,
    float64 stays float64.

    Args:
        logits: [B, n]; with sizes, n is the sum over blocks of 1 (two classes) or k.
        targets: [B, n] of 0 (absent), 1 (present) or -1 (missing), of any type; floats between 0 and 1 are
            probabilities. With sizes: integers [B, blocks], the class of each block, or -1.
        sizes: classes of each label block, such as (3, 2, 2).
        reduction: "mean" or "sum" over rows, or "none" for [B].

    Returns:
        A scalar; with "none", [B].

    Raises:
        ValueError: if shapes or types don't fit, a size is below 2, the reduction is unknown, the mean of an empty
            batch is requested, or a target is outside its range. The range is checked on the CPU only, since elsewhere
            the host would wait for the device.
    """
    if not logits.is_floating_point() or logits.dim() != 2:
        raise ValueError(
            f"attribute logits must be floating-point numbers [B, n], not {logits.dtype} {list(logits.shape)}"
        )
    logits = at_least_float32(logits)
    costs = _binary_costs(logits, targets) if sizes is None else _block_costs(logits, targets, sizes)
    return reduced(costs, reduction)


def attributes_of_reals(sizes: tuple[int, ...] | None = None) -> Term:
    """Return the discriminator's term: `attribute_classification` of reals at their labels.

    The labels are the condition of the reals, or its last tensor, as in (picture, labels). The term raises ValueError
    if the discriminator has no class head or there are no labels.

    Args:
        sizes: classes of each label block; None = every column is an attribute.
    """

    def term(turn: Turn) -> Tensor:
        labels = _labels(turn.batch.condition)
        return attribute_classification(_logits(turn.real_verdict.classes), labels, sizes=sizes)

    return term


def attributes_of_fakes(sizes: tuple[int, ...] | None = None) -> Term:
    """Return the generator's term: `attribute_classification` of fakes at the labels that they were generated for.

    The labels are the condition of the fakes, or its last tensor, as in (picture, target labels). Errors and the
    argument are those of `attributes_of_reals`.
    """

    def term(turn: Turn) -> Tensor:
        labels = _labels(turn.fake_condition)
        return attribute_classification(_logits(turn.fake_verdict.classes), labels, sizes=sizes)

    return term


def _labels(condition: Condition) -> Tensor:
    labels = condition[-1] if isinstance(condition, tuple) and condition else condition
    if not isinstance(labels, Tensor):
        raise ValueError(
            "attribute classification needs labels, and the condition has none: use a label source that gives "
            "(picture, labels) or labels"
        )
    return labels


def _logits(classes: Tensor | None) -> Tensor:
    if classes is None:
        raise ValueError(
            "attribute classification needs a discriminator whose Verdict holds class logits, and this one's has none: "
            "give it a class head with one output per attribute"
        )
    return classes


def _binary_costs(logits: Tensor, targets: Tensor) -> Tensor:
    if targets.shape != logits.shape:
        raise ValueError(
            f"attribute classification needs one target per logit, [B, n]; got logits {list(logits.shape)} and targets "
            f"{list(targets.shape)}: for label blocks, give their sizes"
        )
    targets = targets.to(logits)
    if targets.device.type == "cpu" and not torch.compiler.is_compiling():
        allowed = ((targets >= 0) & (targets <= 1)) | (targets == UNLABELED)
        if not bool(allowed.all()):
            raise ValueError(
                f"targets of attributes must be 0, 1 (or between them), or {UNLABELED} for missing, but they span "
                f"{float(targets.min()):g}..{float(targets.max()):g}: for label blocks, give their sizes"
            )
    known = targets != UNLABELED
    costs = F.binary_cross_entropy_with_logits(logits, targets.clamp(min=0), reduction="none")
    return costs.masked_fill(~known, 0).sum(1)


def _block_costs(logits: Tensor, targets: Tensor, sizes: tuple[int, ...]) -> Tensor:
    widths = [1 if size == 2 else size for size in _checked_sizes(sizes)]
    if logits.shape[1] != sum(widths) or targets.shape != (len(logits), len(sizes)):
        raise ValueError(
            f"label blocks of {tuple(sizes)} classes need logits [B, {sum(widths)}] (one for two classes, else one per "
            f"class) and targets [B, {len(sizes)}]; got {list(logits.shape)} and {list(targets.shape)}"
        )
    costs = []
    for block, labels, size in zip(logits.split(widths, 1), targets.unbind(1), sizes, strict=True):
        labels = whole_labels(labels)
        check_labels(labels, size)
        if size == 2:
            costs.append(_binary_costs(block, labels.unsqueeze(1)))
        else:
            costs.append(F.cross_entropy(block, labels, ignore_index=UNLABELED, reduction="none"))
    return torch.stack(costs).sum(0)


def _checked_sizes(sizes: tuple[int, ...]) -> tuple[int, ...]:
    if not sizes or any(
        isinstance(each, bool) or not isinstance(each, Integral) or each < 2 for each in sizes
    ):
        raise ValueError(
            f"sizes must be the numbers of classes of the label blocks, each a whole number of at least 2, such as "
            f"(3, 2), not {sizes!r}"
        )
    return tuple(sizes)
