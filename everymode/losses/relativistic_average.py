"""Relativistic average loss: each side's scores are compared with the mean score of the other side.

The Relativistic Discriminator: A Key Element Missing from Standard GAN (Jolicoeur-Martineau, ICLR 2019), section 4.3;
ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks (Wang et al., 2018), section 3.2. Both of the
discriminator's sides, and both of the generator's, are halved, as in the training code of ESRGAN
(`xinntao/BasicSR`); the equations of the papers add them.
"""

from __future__ import annotations

from torch import Tensor

from everymode.game import AdversarialLoss, Condition
from everymode.losses.across_ranks import rows_of_all_ranks
from everymode.losses.adversarial import mean_score, one_score, softplus_of_minus


def relativistic_average(*, full_graph: bool = False) -> AdversarialLoss:
    """Return the relativistic average loss of scores r of reals and f of fakes.

    D: (mean softplus(-(r - mean f)) + mean softplus(f - mean r)) / 2;
    G: (mean softplus(r - mean f) + mean softplus(-(f - mean r))) / 2.
    Means are over the batch and positions. In D's cost the means mean f and mean r carry no gradient; in G's cost r and
    mean r carry none.

    Scores are [B], [B, 1] or [B, 1, H, W]; numbers of reals and fakes may differ. Under `torch.distributed`, all means
    are over the scores of all processes, and every process computes the cost of the whole batch; each must have equally
    many rows. With gradient accumulation, each micro-batch is compared by itself.

    The generator's cost needs the real scores: it is `paired_generator`, and calling `generator` raises ValueError.
    Only differences of these scores are meaningful, so realness, the mean over positions, has no natural zero.

    Args:
        full_graph: let the gradient of D's cost flow through both means, and that of G's cost through the real scores
            (which carry none in a game), as the papers' equations do. Values are unchanged.
    """

    def discriminator(
        real: Tensor, fake: Tensor, real_condition: Condition, fake_condition: Condition
    ) -> Tensor:
        real, fake = _all_scores(real), _all_scores(fake)
        real_mean, fake_mean = real.mean(), fake.mean()
        if not full_graph:
            real_mean, fake_mean = real_mean.detach(), fake_mean.detach()
        return _halves(real - fake_mean, real_mean - fake)

    def paired_generator(
        real: Tensor, fake: Tensor, real_condition: Condition, fake_condition: Condition
    ) -> Tensor:
        real, fake = _all_scores(real if full_graph else real.detach()), _all_scores(fake)
        return _halves(fake.mean() - real, fake - real.mean())

    def generator(fake: Tensor, fake_condition: Condition) -> Tensor:
        raise ValueError(
            "a relativistic generator is judged against the reals: call paired_generator instead"
        )

    return AdversarialLoss(discriminator, generator, mean_score, paired_generator)


def _all_scores(scores: Tensor) -> Tensor:
    return rows_of_all_ranks(one_score(scores))


def _halves(first: Tensor, second: Tensor) -> Tensor:
    return (softplus_of_minus(first).mean() + softplus_of_minus(second).mean()) / 2
