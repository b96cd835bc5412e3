"""Consistency regularization: D's scores should not change when an image is augmented.

CR: Consistency Regularization for Generative Adversarial Networks (Zhang et al., ICLR 2020), on reals, at
a weight of 10. bCR: Improved Consistency Regularization for GANs (Zhao et al., AAAI 2021), on fakes too.

The cost compares the scores of all scales: the mean over the batch of the sum of squared differences. (Realness would
leave class scores unconstrained.) The scores of the original images are those of the update itself, on images after
the game's own augmentation, if any; the transformation is applied to those images. The gradient flows through both
sides. Each side costs one more forward pass of the discriminator.
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
    """Return the term factor * mean over reals of ||D(T(x)) - D(x)||^2 (CR), for the discriminator's update.

    Args:
        augmentation: T; its random streams have the prefix "consistency real/".
    """

    def term(turn: Turn) -> Tensor:
        return factor * _on_reals(turn, augmentation)

    return term


def balanced_consistency(
    augmentation: Augmentation, *, real_factor: float = 1.0, fake_factor: float = 1.0
) -> Term:
    """Return the term of `consistency` on reals and on fakes (bCR), for the discriminator's update.

    Args:
        augmentation: T; its random streams have the prefixes "consistency real/" and "consistency fake/".
        real_factor, fake_factor: weight of each side; a side with weight 0 costs no forward pass.
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
    """Return the mean over rows of the squared differences between a verdict's scores and those of augmented images."""
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
