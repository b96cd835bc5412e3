"""Feature matching: the generator's fakes should have the reals' mean features.

Improved Techniques for Training GANs (Salimans et al., NeurIPS 2016), section 3.1, with the mean absolute difference
that `ilyakava/BigGAN-PyTorch` uses beside its K + 1 multi-hinge loss.
"""

from __future__ import annotations

from torch import Tensor

from everymode.game import Term, Turn
from everymode.losses.across_ranks import mean_of_all_ranks
from everymode.precision import at_least_float32


def feature_matching() -> Term:
    """mean over features of |mean over reals - mean over fakes| of D's last features: for the generator's move.

    The means are over the whole batch of all processes. Where a batch is cut into accumulated parts, each part is
    matched on its own, which is another cost.

    The term raises ValueError where the discriminator gives no features.
    """

    def term(turn: Turn) -> Tensor:
        fake, real = turn.fake_verdict.features, turn.real_verdict.features
        if not fake or not real:
            raise ValueError(
                "feature matching needs a discriminator whose Verdict holds features, and this one's has none"
            )
        gap = _mean_of_all(fake[-1]) - _mean_of_all(real[-1]).detach()
        return gap.abs().mean()

    return term


def _mean_of_all(features: Tensor) -> Tensor:
    """The mean [F] over the rows of all processes, with the gradient of this process's own mean.

    Gradients are averaged over processes afterward, and the average of own means' gradients is the whole's.
    """
    own = at_least_float32(features).mean(0)
    return own + (mean_of_all_ranks(own) - own.detach())
