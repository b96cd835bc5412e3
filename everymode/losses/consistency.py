"""Consistency: the discriminator should say the same of an image and of its augmented copy.

CR: Consistency Regularization for Generative Adversarial Networks (Zhang et al., ICLR 2020), on reals, at
a weight of 10. bCR: Improved Consistency Regularization for GANs (Zhao et al., AAAI 2021), on fakes too.

What is compared are scores, of all scales: the mean over the batch of the sum of squared differences. (Realness would
leave class scores free.) The untransformed side is the verdict that the move has anyway, on images as judged; the
transformation acts on those, so it comes after the game's own augmentation where there is one. The gradient goes
through both sides. Each side costs one more pass of the discriminator, by itself.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from everymode.draws import Draws
from everymode.game import Condition, Term, Turn, Verdict

Augmentation = Callable[[Tensor, Draws], Tensor]
"""(images [B, C, H, W], draws) -> images of the same rows."""


def consistency(augmentation: Augmentation, *, factor: float = 1.0) -> Term:
    """factor * mean over reals of ||D(T(x)) - D(x)||^2 (CR): for the discriminator's move.

    Args:
        augmentation: T, called with draws of its own (prefix "consistency real/").
    """

    def term(turn: Turn) -> Tensor:
        return factor * _on_reals(turn, augmentation)

    return term


def balanced_consistency(
    augmentation: Augmentation, *, real_factor: float = 1.0, fake_factor: float = 1.0
) -> Term:
    """`consistency` on reals plus the same on fakes (bCR): for the discriminator's move.

    Args:
        augmentation: T, called with draws of its own for each side (prefixes "consistency real/" and "consistency
            fake/").
        real_factor, fake_factor: a side with 0 costs no pass.
    """

    def term(turn: Turn) -> Tensor:
        costs = []
        if real_factor:
            costs.append(real_factor * _on_reals(turn, augmentation))
        if fake_factor:
            fakes = augmentation(turn.judged_fake.detach(), turn.random.named("consistency fake"))
            costs.append(fake_factor * _distance(turn, turn.fake_verdict, fakes, turn.fake_condition))
        return torch.stack(costs).sum() if costs else turn.fake.new_zeros(())

    return term


def _on_reals(turn: Turn, augmentation: Augmentation) -> Tensor:
    images = augmentation(turn.judged_real, turn.random.named("consistency real"))
    return _distance(turn, turn.real_verdict, images, turn.batch.condition)


def _distance(turn: Turn, verdict: Verdict, images: Tensor, condition: Condition) -> Tensor:
    """The mean over rows of the squared differences between a verdict's scores and those of images."""
    changed = Verdict.of(turn.game.discriminator(images, condition))
    scales = [
        _sum_of_squares(before, after) for before, after in zip(verdict.scores, changed.scores, strict=True)
    ]
    return torch.stack(scales).sum(0).mean()


def _sum_of_squares(before: Tensor, after: Tensor) -> Tensor:
    if before.shape != after.shape:
        raise ValueError(
            f"the discriminator gives scores {list(before.shape)} for images and {list(after.shape)} for their "
            "augmented copies: the augmentation must keep the number and the size of the images"
        )
    return (after - before).square().reshape(len(before), -1).sum(1)
