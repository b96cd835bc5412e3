"""Penalties on the discriminator's gradient with respect to what it judges.

R1 and R2: Which Training Methods for GANs do actually Converge? (Mescheder et al., 2018), equation 9. The
paper and most codes weight them by gamma / 2; the terms here carry no 1/2, so give half of a published gamma
as the weight.
"""

from __future__ import annotations

import torch
from torch import Tensor

from everymode.game import Condition, Term, Turn, Verdict, full_precision


def gradient_norm_squared(scores: Tensor, inputs: Tensor) -> Tensor:
    """[B] squared L2 norms of the gradients of each row's scores with respect to that row's input.

    The rows must not influence each other (batch normalization breaks this), since the gradient of the sum of
    all scores is taken. The result can itself be differentiated.

    Args:
        scores: [B] or [B, ...], computed from `inputs`; several scores of one row are summed.
        inputs: [B, C, H, W] images, [B, 2] points or any [B, ...], which require gradients.

    Raises ValueError if the numbers of rows differ, or `scores` has no gradient with respect to `inputs`.
    """
    if scores.dim() == 0 or inputs.dim() == 0 or len(scores) != len(inputs):
        raise ValueError(
            f"scores and inputs must have one row per example; got shapes {list(scores.shape)} and "
            f"{list(inputs.shape)}"
        )
    gradient = None
    if inputs.requires_grad and scores.requires_grad:
        (gradient,) = torch.autograd.grad(scores.sum(), inputs, create_graph=True, allow_unused=True)
    if gradient is None:
        raise ValueError(
            "scores have no gradient with respect to inputs: call inputs.requires_grad_() first, then "
            "compute the scores from that same tensor, outside torch.no_grad()"
        )
    return gradient.reshape(len(inputs), -1).square().sum(1)


def r1(*, factor: float = 1.0) -> Term:
    """factor * mean over the reals of ||gradient of D's realness||^2: for the discriminator's move."""

    def term(turn: Turn) -> Tensor:
        return factor * _penalty(turn, turn.judged_real, turn.batch.condition)

    return term


def r2(*, factor: float = 1.0) -> Term:
    """factor * mean over the fakes of ||gradient of D's realness||^2: for the discriminator's move."""

    def term(turn: Turn) -> Tensor:
        return factor * _penalty(turn, turn.judged_fake, turn.fake_condition)

    return term


def _penalty(turn: Turn, images: Tensor, condition: Condition) -> Tensor:
    """The mean squared norm, by a pass of its own on the images as judged, in single precision at least.

    What is differentiated is the adversarial loss's realness, averaged over scales, so that a discriminator
    with many class scores has one well-defined gradient per image. `forward` is called directly, because a
    network compiled in place can't be differentiated twice.
    """
    with full_precision(images):
        images = images.detach()
        if images.dtype in (torch.float16, torch.bfloat16):
            images = images.float()
        images.requires_grad_()
        verdict = Verdict.of(turn.game.discriminator.forward(images, condition))
        realness = turn.game.objective.adversarial.realness
        scales = [realness(scores, condition) for scores in verdict.scores]
        scores = scales[0] if len(scales) == 1 else torch.stack(scales).mean(0)
        return gradient_norm_squared(scores, images).mean()
