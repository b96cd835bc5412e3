"""Feature matching: the generator's fakes should have the reals' mean features.

Improved Techniques for Training GANs (Salimans et al., NeurIPS 2016), section 3.1, with the mean absolute difference
that `ilyakava/BigGAN-PyTorch` uses beside its K + 1 multi-hinge loss.
"""

from __future__ import annotations

import torch
from torch import Tensor

from everymode.condition import Features
from everymode.game import Term, Turn
from everymode.losses.across_ranks import mean_of_all_ranks
from everymode.precision import at_least_float32


def feature_matching_loss(real_features: Tensor, fake_features: Tensor) -> Tensor:
    """Compute the mean over features of |mean over reals - mean over fakes|; `feature_matching` is the same as a term.

    Under `torch.distributed`, the means are over the rows of all processes.

    Args:
        real_features: [N, F]. No gradient goes to them.
        fake_features: [M, F].

    Returns:
        A scalar.

    Raises:
        ValueError: if the features are not two matrices of equal width with at least one row each.
    """
    shapes = [list(each.shape) for each in (real_features, fake_features)]
    if any(len(shape) != 2 or not shape[0] for shape in shapes) or shapes[0][1] != shapes[1][1]:
        raise ValueError(
            f"feature matching needs features [N, F] and [M, F] of at least one row each, not {shapes}"
        )
    return (_mean_of_all(fake_features) - _mean_of_all(real_features).detach()).abs().mean()


def feature_matching() -> Term:
    """Return the generator's term: mean over features of |mean over reals - mean over fakes| of D's last features.

    If D has features of several scales, these are the means over positions of the last layer of every scale.
    The means are over the whole batch of all processes. With gradient accumulation, each micro-batch is
    matched by itself, which is another cost. The term raises ValueError if the discriminator gives no features.
    """

    def term(turn: Turn) -> Tensor:
        fake, real = turn.fake_verdict.features, turn.real_verdict.features
        if not fake or not real:
            raise ValueError(
                "feature matching needs a discriminator whose Verdict holds features, and this one's has none"
            )
        return feature_matching_loss(_last(real), _last(fake))

    return term


def _last(features: Features) -> Tensor:
    """Return the last features [B, F]; of several scales, the means over positions of all last layers, concatenated."""
    last = features[-1]
    if isinstance(last, Tensor):
        return last
    return torch.cat([scale[-1].flatten(2).mean(2) for scale in features], 1)


def _mean_of_all(features: Tensor) -> Tensor:
    """Return the mean [F] over the rows of all processes, with the gradient of this process's own mean.

    Gradients are averaged over processes after the backward pass; the average of the own means' gradients is the
    gradient of the whole mean.
    """
    own = at_least_float32(features).mean(0)
    return own + (mean_of_all_ranks(own) - own.detach())
