"""The omni-loss: one loss over all class scores, with several positives and several negatives at once.

Omni-GAN: On the Secrets of cGANs and Beyond (Zhou et al., ICCV 2021; arXiv 2011.13074), equations 5-13,
appendices E (several labels) and H (one label per pixel). Released code, the same in both:
`PeterouZh/Omni-GAN-PyTorch:exp/omni_loss/omni_loss.py`, `PeterouZh/Omni-GAN-DGP:exp/omniGAN/omni_loss.py`.

Departures from the released code: signs are the paper's (+1, -1, 0 = ignored; the code has 1, 0, -1 =
ignored); the margin is symmetric unless `shift_threshold` is set; a label map gives every pixel its own
label, where the code repeats one label per image over all pixels (labels [B] with score maps still do that
here).
"""

from __future__ import annotations

from functools import partial
from numbers import Integral

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.game import UNLABELED, AdversarialLoss, Condition
from everymode.losses.adversarial import sum_of
from everymode.losses.label_blocks import (
    at_positions,
    block_sizes,
    check_labels,
    label_blocks,
    without_edges,
)
from everymode.precision import at_least_float32


def omni_loss(
    scores: Tensor,
    signs: Tensor,
    *,
    scale: float = 1.0,
    margin: float = 0.0,
    shift_threshold: bool = False,
    reduction: str = "mean",
    count_ignored: bool = True,
) -> Tensor:
    """Compute the omni-loss, which raises the positive scores and lowers the negative ones.

    log(1 + sum over negatives of exp(g (s + m))) + log(1 + sum over positives of exp(g (m - s))),
    where g is the scale and m the margin; equation 5 at g = 1, m = 0.

    An empty set costs exactly 0, and an ignored score has a gradient of exactly 0. Half precision is computed
    in float32, float64 stays float64.

    Args:
        scores: [B, N] or [B, N, H, W] (any number of position dimensions).
        signs: same shape, of a signed integer or a float type: +1 positive, -1 negative, 0 ignored. Other
            values give wrong costs; they are not checked, since that would make the host wait for the device.
        scale: g > 0, the sharpness.
        margin: distance from 0 that a score needs to count as right, on both sides.
        shift_threshold: use the released code's margin: it is added to every score, which moves the threshold
            to -margin for positives and negatives alike and opens no gap.
        reduction: "mean" or "sum" over rows (and positions), or "none" for [B] or [B, H, W].
        count_ignored: whether rows (or pixels) whose signs are all 0, which cost 0, count in the mean. If
            False, the mean is over the others, and 0 if there are none; each process then averages over its own
            count.

    Returns:
        A scalar; with "none", [B] or [B, H, W].

    Raises:
        ValueError: if shapes differ, the type of the signs can't hold -1, the reduction is unknown, or the mean of an
            empty batch is requested.
    """
    _check_loss_arguments(scores, signs, scale, reduction)
    scores = at_least_float32(scores)
    signs = signs.to(scores.dtype)
    excess = -signs * (scores + margin) if shift_threshold else margin - signs * scores
    excess = scale * excess
    # The fill is finite, so that an empty set lies far below the zero, yet no gradient sees an infinity.
    lowest = torch.finfo(scores.dtype).min
    positives, negatives = excess.masked_fill(signs <= 0, lowest), excess.masked_fill(signs >= 0, lowest)
    losses = _log_one_plus_exp(torch.stack((positives, negatives)).logsumexp(2)).sum(0)
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    if count_ignored:
        return losses.mean()
    counted = (signs != 0).any(1).sum()
    return losses.sum() / counted.clamp(min=1)


def omni_signs(
    kind: str,
    labels: Condition,
    num_classes: int | tuple[int, ...],
    *,
    one_sided: bool = False,
    ignore_index: int | None = None,
) -> Tensor:
    """Return the int8 signs [B, K + 2] or [B, K + 2, H, W]: class slots first, then real, then fake.

    "d_real", "g_fake": +1 at the label and at real, -1 elsewhere (one-sided: 0 elsewhere); equations 6, 9, 11
    and 13. "d_fake": +1 at fake, -1 elsewhere (one-sided: -1 at the label and at real, 0 elsewhere);
    equations 7 and 12.

    A row without a label (UNLABELED, -1) has class slots of 0, so that only real and fake count. Two-sided
    "d_fake" needs no label and is unchanged. A pixel without a label (-1 in a label map) is all 0, so that it is
    ignored completely.

    A pixel (or row) with the label `ignore_index`, such as the void of a segmentation, has class slots of 0 in all
    three kinds, and keeps real and fake: the discriminator still scores whether it looks real. The paper does not state
    how void pixels count.

    Args:
        kind: "d_real", "d_fake" or "g_fake".
        labels: integers, [B] or [B, H, W]; with several label blocks [B, blocks] or [B, blocks, H, W], or a
            tuple with one such tensor per block. With one block, a tuple (label map, edges) too, whose edges [B, H, W],
            of a boolean or floating-point type, are not used.
        num_classes: K; or one number per label block, such as (10, 2): K is their sum, the blocks' slots come
            in order, and each block without a label is ignored on its own (a pixel is void where all are).
        one_sided: ignore the slots that the label doesn't name; the fake slot is then never used.
        ignore_index: label of void pixels, such as 255; None = there is none. It may be a class's index, which is then
            never a target. With several label blocks it applies to each block.

    Raises:
        ValueError: for an unknown kind, labels of the wrong shape or type, an ignore_index that is no whole number or
            is -1, or labels outside -1..num_classes - 1 other than ignore_index. The range is checked on the CPU only
            (elsewhere the host would wait for the device); there, such labels match no slot.
    """
    if kind not in ("d_real", "d_fake", "g_fake"):
        raise ValueError(f'kind must be one of "d_real", "d_fake" and "g_fake", not {kind!r}')
    sizes = block_sizes(num_classes)
    _check_ignore_index(ignore_index)
    class_signs = []
    blocks = label_blocks(without_edges(labels, num_classes), num_classes)
    for block, size in zip(blocks, sizes, strict=True):
        known = block if ignore_index is None else block.masked_fill(block == ignore_index, 0)
        check_labels(known, size)
        signs = _class_signs(kind, known, size, one_sided)
        class_signs.append(signs if ignore_index is None else signs * (block != ignore_index).unsqueeze(1))
    real = torch.full_like(class_signs[0][:, :1], -1 if kind == "d_fake" else 1)
    fake = torch.zeros_like(real) if one_sided else -real
    signs = torch.cat((*class_signs, real, fake), dim=1)
    if signs.dim() == 2:
        return signs
    return signs * (torch.stack(blocks, dim=1) != UNLABELED).any(1, keepdim=True)


def omni(
    num_classes: int | tuple[int, ...],
    one_sided: bool = False,
    ignore_index: int | None = None,
    *,
    scale: float = 1.0,
    margin: float = 0.0,
    shift_threshold: bool = False,
    count_ignored: bool = True,
) -> AdversarialLoss:
    """Return Omni-GAN's loss for a discriminator with K + 2 scores.

    The discriminator's cost is the mean over reals plus the mean over fakes (equation 8; the generator's is
    equation 10). Scores are [B, K + 2] or maps [B, K + 2, H, W]. With maps, the condition may be a label map of any
    size, taken at the nearest pixels (source row floor(i * H / h)), a tuple (label map, edges) whose edges are not
    used, or one label per image, used at every position. A discriminator with several scales has one such map per
    scale: the mean over positions is taken per scale, then the objective averages the scales. Unlabeled rows and
    pixels, and ignore_index: see `omni_signs`; the other arguments: see `omni_loss`.

    Realness is the score of "real" minus that of "fake" (one-sided: the score of "real", since "fake" isn't
    trained), averaged over positions: 0 is undecided.

    Returns:
        An AdversarialLoss. Its functions raise ValueError if the scores don't have K + 2 slots or there are no labels.

    Raises:
        ValueError: if num_classes is no positive number or tuple of them, or for an impossible ignore_index.
    """
    sizes = block_sizes(num_classes)
    _check_ignore_index(ignore_index)
    loss = partial(
        omni_loss, scale=scale, margin=margin, shift_threshold=shift_threshold, count_ignored=count_ignored
    )

    def cost(kind: str, scores: Tensor, condition: Condition) -> Tensor:
        _check_slots(scores, sizes)
        labels = label_blocks(without_edges(condition, num_classes), num_classes)
        blocks = tuple(at_positions(block, scores) for block in labels)
        signs = omni_signs(kind, blocks, num_classes, one_sided=one_sided, ignore_index=ignore_index)
        if signs.dim() == 2 and len(signs) == len(scores):
            signs = signs.view(*signs.shape, *[1] * (scores.dim() - 2)).expand_as(scores)
        return loss(scores, signs)

    def parts(
        real: Tensor, fake: Tensor, real_condition: Condition, fake_condition: Condition
    ) -> tuple[Tensor, Tensor]:
        return cost("d_real", real, real_condition), cost("d_fake", fake, fake_condition)

    def generator(fake: Tensor, fake_condition: Condition) -> Tensor:
        return cost("g_fake", fake, fake_condition)

    def realness(scores: Tensor, condition: Condition) -> Tensor:
        _check_slots(scores, sizes)
        scores = at_least_float32(scores)
        real, fake = scores[:, -2], scores[:, -1]
        return (real if one_sided else real - fake).reshape(len(scores), -1).mean(1)

    return AdversarialLoss(sum_of(parts), generator, realness, parts=parts)


def _log_one_plus_exp(x: Tensor) -> Tensor:
    # F.softplus drops the 1 above its threshold, which float64 would notice.
    return -F.logsigmoid(-x)


def _class_signs(kind: str, labels: Tensor, size: int, one_sided: bool) -> Tensor:
    labels = labels.unsqueeze(1)
    if kind == "d_fake" and not one_sided:
        return torch.full_like(labels, -1, dtype=torch.int8).expand(-1, size, *labels.shape[2:])
    slots = torch.arange(size, device=labels.device).view(-1, *[1] * (labels.dim() - 2))
    hit = (labels == slots).to(torch.int8)
    if one_sided:
        return -hit if kind == "d_fake" else hit
    return 2 * hit - (labels != UNLABELED).to(torch.int8)


def _check_loss_arguments(scores: Tensor, signs: Tensor, scale: float, reduction: str) -> None:
    if scores.shape != signs.shape or scores.dim() < 2:
        raise ValueError(
            f"scores and signs must have one shape, [B, N] or [B, N, H, W]; got {list(scores.shape)} and "
            f"{list(signs.shape)}"
        )
    if not scores.is_floating_point():
        raise ValueError(f"scores must be floating-point numbers, not {scores.dtype}")
    if signs.dtype in (torch.bool, torch.uint8):
        raise ValueError(f"signs are +1, -1 and 0, which {signs.dtype} can't hold: use torch.int8")
    if scale <= 0:
        raise ValueError(f"scale must be positive, not {scale}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'reduction must be "mean", "sum" or "none", not {reduction!r}')
    if reduction == "mean" and not scores.numel():
        raise ValueError(f"there is no mean over an empty batch; scores have shape {list(scores.shape)}")


def _check_ignore_index(ignore_index: int | None) -> None:
    if ignore_index is None:
        return
    if isinstance(ignore_index, bool) or not isinstance(ignore_index, Integral):
        raise ValueError(f"ignore_index must be a whole number, such as 255, or None, not {ignore_index!r}")
    if ignore_index == UNLABELED:
        raise ValueError(
            f"ignore_index can't be {UNLABELED}, which marks pixels that are ignored completely: give void pixels "
            "another "
            "label, such as 255, or omit ignore_index"
        )


def _check_slots(scores: Tensor, sizes: tuple[int, ...]) -> None:
    slots = sum(sizes) + 2
    if scores.dim() < 2 or scores.shape[1] != slots:
        raise ValueError(
            f"the omni-loss needs one score per class, then real, then fake: [B, {slots}] or "
            f"[B, {slots}, H, W], not {list(scores.shape)}; give the discriminator {slots} outputs"
        )
