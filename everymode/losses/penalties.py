"""Penalties on the discriminator's gradient with respect to its input.

R1 and R2: Which Training Methods for GANs do actually Converge? (Mescheder et al., 2018), equation 9. The
paper and most codes weight them by gamma / 2; the terms here carry no 1/2, so give half of a published gamma
as the weight. WGAN-GP: Improved Training of Wasserstein GANs (Gulrajani et al., 2017), equation 3. WGAN-div:
Wasserstein Divergence for GANs (Wu et al., 2018). DRAGAN: On Convergence and Stability of GANs (Kodali et
al., 2017). Zero-centered penalty between reals and fakes: Improving Generalization and Stability of
Generative Adversarial Networks (Thanh-Tung et al., 2019).

All are terms of the discriminator's update. Each makes its own forward pass, on images after augmentation. The
differentiated quantity is the adversarial loss's realness, averaged over scales, so that a discriminator with
many class scores has one well-defined gradient per image. Realness is a mean over the positions of score maps; WGAN-GP
differentiates their sum.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.game import Condition, Term, Turn, Verdict
from everymode.losses.across_ranks import mean_of_all_ranks
from everymode.precision import at_least_float32, full_precision

Cost = Callable[[Tensor], Tensor]


def gradient_norm_squared(scores: Tensor, inputs: Tensor) -> Tensor:
    """Compute the squared L2 norm of the gradient of each row's scores with respect to that row's input.

    The gradient of the sum of all scores is taken, so rows must not influence each other (batch normalization breaks
    this). The result is itself differentiable.

    Args:
        scores: [B] or [B, ...], computed from `inputs`; several scores of one row are summed.
        inputs: [B, C, H, W] images, [B, 2] points or any [B, ...]; must require gradients.

    Returns:
        [B] squared norms.

    Raises:
        ValueError: if the numbers of rows differ, or `scores` has no gradient with respect to `inputs`.
    """
    if scores.dim() == 0 or inputs.dim() == 0 or len(scores) != len(inputs):
        raise ValueError(
            f"scores and inputs must have one row per example; got shapes {list(scores.shape)} and "
            f"{list(inputs.shape)}"
        )
    return _row_gradients(scores, inputs).square().sum(1)


def r1(*, factor: float = 1.0) -> Term:
    """Return the discriminator's term factor * mean over the reals of ||gradient of D's realness||^2."""

    def term(turn: Turn) -> Tensor:
        return factor * _mean_cost(turn, turn.judged_real, turn.judged_real_condition, _squared_norm)

    return term


def r2(*, factor: float = 1.0) -> Term:
    """Return the discriminator's term factor * mean over the fakes of ||gradient of D's realness||^2."""

    def term(turn: Turn) -> Tensor:
        return factor * _mean_cost(turn, turn.judged_fake, turn.judged_fake_condition, _squared_norm)

    return term


def wgan_gp(*, factor: float = 1.0, one_sided: bool = False) -> Term:
    """Return the term factor * mean of (||gradient|| - 1)^2 at random points between reals and fakes.

    Each point lies between real i and fake i: share * real + (1 - share) * fake, with one uniform share per row (stream
    "gradient penalty/share") and the real's condition. The term raises ValueError if reals and fakes differ in shape or
    number.

    On a patch discriminator, whose scores are maps, the gradient is that of the sum over positions, as in StarGAN's
    released code (`yunjey/stargan`), so that the norm grows with the number of positions; scales are averaged.

    Args:
        factor: published: 10.
        one_sided: penalize only norms above 1: max(0, ||gradient|| - 1)^2.
    """

    def cost(gradients: Tensor) -> Tensor:
        excess = _norm(gradients) - 1
        return (F.relu(excess) if one_sided else excess).square()

    return _on_interpolates(cost, "gradient penalty", factor, positions_summed=True)


def wgan_div(*, factor: float = 2.0, power: float = 6.0) -> Term:
    """Return the term factor * mean of ||gradient||^power at random points between reals and fakes.

    It belongs to the Wasserstein loss, whose cost it turns into a divergence. Points (stream "divergence/share"),
    condition and the term's errors are those of `wgan_gp`.

    Args:
        factor: k in the paper.
        power: p in the paper, above 1.

    Raises:
        ValueError: if the power isn't above 1.
    """
    if power <= 1:
        raise ValueError(
            f"the power of the Wasserstein divergence must be above 1 (published: 6), not {power}"
        )
    return _on_interpolates(lambda gradients: _norm(gradients).pow(power), "divergence", factor)


def zero_centered(*, factor: float = 1.0) -> Term:
    """Return the term factor * mean of ||gradient||^2 at random points between reals and fakes (Thanh-Tung et al.).

    Points (stream "zero-centered penalty/share"), condition and the term's errors are those of `wgan_gp`.
    """
    return _on_interpolates(_squared_norm, "zero-centered penalty", factor)


def dragan(*, factor: float = 1.0, spread: float = 0.5) -> Term:
    """Return the term factor * mean of (||gradient|| - 1)^2 between reals and perturbed reals.

    Each point is x + share * spread * std * U, with one uniform share per row (stream "dragan/share"). U is uniform in
    [0, 1) for every entry (stream "dragan/noise"). std is the population standard deviation of all entries of the
    augmented reals, over the whole batch of all processes (with gradient accumulation: of each micro-batch). This is
    the form of the authors' code, `kodalinaveen3/DRAGAN`; the paper has normal noise.

    Args:
        factor: published: 10.
        spread: size of the perturbation in standard deviations.
    """

    def term(turn: Turn) -> Tensor:
        real = at_least_float32(turn.judged_real.detach())
        mean = mean_of_all_ranks(real.mean())
        std = mean_of_all_ranks((real - mean).square().mean()).sqrt()
        noise = turn.random.named("dragan").uniform("noise", *real.shape[1:]).to(real)
        share = turn.random.named("dragan").uniform("share").to(real).view(-1, *[1] * (real.dim() - 1))
        images = real + share * spread * std * noise
        return factor * _mean_cost(turn, images, turn.judged_real_condition, _distance_from_one)

    return term


def _on_interpolates(cost: Cost, stream: str, factor: float, *, positions_summed: bool = False) -> Term:
    """Return the term factor * mean cost of the gradients [B, N] at points between reals and fakes."""

    def term(turn: Turn) -> Tensor:
        real, fake = turn.judged_real, turn.judged_fake
        if real.shape != fake.shape:
            raise ValueError(
                "a penalty between reals and fakes needs as many fakes as reals, of one shape; got "
                f"{list(real.shape)} and {list(fake.shape)}: use r1() or r2(), which take either side alone"
            )
        real, fake = at_least_float32(real.detach()), at_least_float32(fake.detach())
        share = turn.random.named(stream).uniform("share").to(real).view(-1, *[1] * (real.dim() - 1))
        images = fake + share * (real - fake)
        condition = turn.judged_real_condition
        return factor * _mean_cost(turn, images, condition, cost, positions_summed=positions_summed)

    return term


def _mean_cost(
    turn: Turn, images: Tensor, condition: Condition, cost: Cost, *, positions_summed: bool = False
) -> Tensor:
    """Return the mean cost of D's gradients [B, N] at images, in float32 or higher precision.

    `forward` is called directly because a network compiled in place can't be differentiated twice.
    """
    with full_precision(images):
        images = at_least_float32(images.detach()).requires_grad_()
        verdict = Verdict.of(turn.game.discriminator.forward(images, condition))
        realness = turn.game.objective.realness
        scales = [realness((scores,), condition) for scores in verdict.scores]
        if positions_summed:
            positions = (math.prod(scores.shape[2:]) for scores in verdict.scores)
            scales = [scale * number for scale, number in zip(scales, positions, strict=True)]
        scores = scales[0] if len(scales) == 1 else torch.stack(scales).mean(0)
        return cost(_row_gradients(scores, images)).mean()


def _row_gradients(scores: Tensor, inputs: Tensor) -> Tensor:
    """Return the gradients [B, N] of the scores' sum with respect to the N inputs of each example.

    A discriminator of packs has fewer scores than examples: each example's gradient is then that of its pack's score
    (as stevliu/self-conditioned-gan takes R1 of packs).
    """
    gradient = None
    if inputs.requires_grad and scores.requires_grad:
        (gradient,) = torch.autograd.grad(scores.sum(), inputs, create_graph=True, allow_unused=True)
    if gradient is None:
        raise ValueError(
            "scores have no gradient with respect to inputs: call inputs.requires_grad_() first, then "
            "compute the scores from that same tensor, outside torch.no_grad()"
        )
    return gradient.reshape(len(inputs), -1)


def _norm(gradients: Tensor) -> Tensor:
    # Unlike a square root of the sum, its gradient at 0 is 0.
    return torch.linalg.vector_norm(gradients, dim=1)


def _squared_norm(gradients: Tensor) -> Tensor:
    return gradients.square().sum(1)


def _distance_from_one(gradients: Tensor) -> Tensor:
    return (_norm(gradients) - 1).square()
