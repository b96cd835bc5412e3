"""Adversarial losses on one score per image, or per position of a score map, conditional by projection or not.

hinge: Geometric GAN (Lim and Ye, 2017), as in `ajbrock/BigGAN-PyTorch:losses.py`; on a projection
discriminator's scores it is BigGAN's loss. logistic: Generative Adversarial Nets (Goodfellow et al., 2014)
with the non-saturating generator. least_squares: LSGAN (Mao et al., 2017). wasserstein: Wasserstein GAN
(Arjovsky et al., 2017). relativistic: the paired loss of R3GAN (Huang et al., 2024). The relativistic average loss is
in `relativistic_average.py`.

All average over the batch (and over positions), and the discriminator's two sides are added, not halved.
Scores are [B], [B, 1] or [B, 1, H, W]; other shapes raise ValueError. Conditions are ignored, since the scores
already contain them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.game import AdversarialLoss, Condition
from everymode.precision import at_least_float32

Cost = Callable[[Tensor], Tensor]
Parts = Callable[[Tensor, Tensor, Condition, Condition], tuple[Tensor, Tensor]]
"""(real scores, fake scores, real condition, fake condition) -> (cost of the reals, cost of the fakes)."""


def hinge() -> AdversarialLoss:
    """Return the hinge loss. D: mean max(0, 1 - r) + mean max(0, 1 + f); G: mean -f."""
    return _separate(lambda real: F.relu(1 - real), lambda fake: F.relu(1 + fake), torch.neg)


def logistic() -> AdversarialLoss:
    """Return the logistic loss. D: mean softplus(-r) + mean softplus(f); G (non-saturating): mean softplus(-f)."""
    return _separate(softplus_of_minus, lambda fake: softplus_of_minus(-fake), softplus_of_minus)


def least_squares(*, real_target: float = 1.0, fake_target: float = 0.0) -> AdversarialLoss:
    """Return the LSGAN loss. D: mean (r - real_target)^2 + mean (f - fake_target)^2; G: mean (f - real_target)^2.

    LSGAN has a factor 1/2 in front of each mean; no loss here has one. Realness is the score minus the midpoint of the
    targets.

    Raises:
        ValueError: if real_target isn't above fake_target.
    """
    if real_target <= fake_target:
        raise ValueError(f"real_target ({real_target}) must be above fake_target ({fake_target})")

    def toward_real(scores: Tensor) -> Tensor:
        return (scores - real_target).square()

    def toward_fake(scores: Tensor) -> Tensor:
        return (scores - fake_target).square()

    return _separate(toward_real, toward_fake, toward_real, undecided=(real_target + fake_target) / 2)


def wasserstein() -> AdversarialLoss:
    """Return the Wasserstein loss. D: mean -r + mean f; G: mean -f. Another part must keep the discriminator Lipschitz.

    Only differences of these scores are meaningful, so realness has no natural zero.
    """
    return _separate(torch.neg, lambda fake: fake, torch.neg)


def relativistic() -> AdversarialLoss:
    """Return the paired loss of real i and fake i. D: mean softplus(-(r - f)); G: mean softplus(-(f - r)).

    Both batches need the same shape, and the pairs should share their condition. The generator's cost needs
    the real scores: it is `paired_generator`, and calling `generator` raises ValueError. Only differences of
    these scores are meaningful, so realness has no natural zero.
    """

    def discriminator(
        real: Tensor, fake: Tensor, real_condition: Condition, fake_condition: Condition
    ) -> Tensor:
        return softplus_of_minus(_margin(real, fake)).mean()

    def paired_generator(
        real: Tensor, fake: Tensor, real_condition: Condition, fake_condition: Condition
    ) -> Tensor:
        return softplus_of_minus(-_margin(real, fake)).mean()

    def generator(fake: Tensor, fake_condition: Condition) -> Tensor:
        raise ValueError(
            "a relativistic generator is judged against the reals: call paired_generator instead"
        )

    return AdversarialLoss(discriminator, generator, mean_score, paired_generator)


def sum_of(parts: Parts) -> Callable[[Tensor, Tensor, Condition, Condition], Tensor]:
    """Return the discriminator's cost, a scalar, that is the sum of the cost of the reals and that of the fakes."""

    def discriminator(
        real: Tensor, fake: Tensor, real_condition: Condition, fake_condition: Condition
    ) -> Tensor:
        on_real, on_fake = parts(real, fake, real_condition, fake_condition)
        return on_real + on_fake

    return discriminator


def _separate(on_real: Cost, on_fake: Cost, of_generator: Cost, *, undecided: float = 0.0) -> AdversarialLoss:
    """Return a loss whose costs of reals and of fakes don't depend on each other."""

    def parts(
        real: Tensor, fake: Tensor, real_condition: Condition, fake_condition: Condition
    ) -> tuple[Tensor, Tensor]:
        return on_real(one_score(real)).mean(), on_fake(one_score(fake)).mean()

    def generator(fake: Tensor, fake_condition: Condition) -> Tensor:
        return of_generator(one_score(fake)).mean()

    def realness(scores: Tensor, condition: Condition) -> Tensor:
        return mean_score(scores, condition) - undecided

    return AdversarialLoss(sum_of(parts), generator, realness, parts=parts)


def softplus_of_minus(x: Tensor) -> Tensor:
    """Compute log(1 + exp(-x))."""
    # Unlike F.softplus, exact at every x in double precision.
    return -F.logsigmoid(x)


def _margin(real: Tensor, fake: Tensor) -> Tensor:
    real, fake = one_score(real), one_score(fake)
    if real.shape != fake.shape:
        raise ValueError(
            f"relativistic pairs need as many fakes as reals, and scores of one shape; got "
            f"{list(real.shape)} and {list(fake.shape)}"
        )
    return real - fake


def mean_score(scores: Tensor, condition: Condition) -> Tensor:
    """Return the score of each image [B], averaged over positions."""
    return one_score(scores).reshape(len(scores), -1).mean(1)


def one_score(scores: Tensor) -> Tensor:
    """Return the scores in float32 or higher precision, if there is one per image or position.

    Raises:
        ValueError: for other shapes than [B], [B, 1] and [B, 1, H, W], or an empty batch.
    """
    if scores.dim() == 0 or (scores.dim() > 1 and scores.shape[1] != 1):
        raise ValueError(
            f"this loss takes one score per image, [B], [B, 1] or [B, 1, H, W], not {list(scores.shape)}: "
            f"give the discriminator one output, or use a loss over class scores, such as omni(num_classes)"
        )
    if not len(scores):
        raise ValueError(f"there is no mean over an empty batch; scores have shape {list(scores.shape)}")
    return at_least_float32(scores)
