"""Terms of image-to-image games: distance to the paired picture, cycle consistency, and the divergence of an encoder.

Cycle: Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks (Zhu et al., ICCV 2017), in
StarGAN's form (Choi et al., CVPR 2018, equation 4; published weight 10). Divergence: Auto-Encoding Variational Bayes
(Kingma and Welling, 2014), appendix B, as SPADE's optional encoder uses it (Park et al., CVPR 2019; published weight
0.05).
"""

from __future__ import annotations

from typing import cast

from torch import Tensor

from everymode.game import Condition, Term, Turn
from everymode.losses.reduction import reduced
from everymode.precision import at_least_float32


def pixel(*, squared: bool = False) -> Term:
    """Return the generator's term: mean |fake - real|, over rows, channels and positions; no gradient goes to reals.

    Pixels are in [-1, 1], so that the mean absolute difference is twice, and the mean squared difference four times,
    that of pixels in [0, 1], for which published weights of super-resolution are stated. The term compares the images
    before augmentation, and raises ValueError if fakes and reals differ in shape.

    Args:
        squared: mean (fake - real)^2 instead.
    """

    def term(turn: Turn) -> Tensor:
        return _mean_difference(turn.fake, turn.batch.real, "pixel distance", squared=squared)

    return term


def cycle() -> Term:
    """Return the generator's term: mean |G(fake, labels of the source) - source picture| of an attribute transfer.

    The condition of the reals is (source picture [B, C, H, W], its labels), and fakes are generated from the same
    pictures under other labels. The generator is called a second time as generator(None, (fake, labels)), so gradients
    flow through both passes. The term raises ValueError for other conditions, or if shapes differ.
    """

    def term(turn: Turn) -> Tensor:
        picture, labels = _source(turn.batch.condition)
        back = turn.game.generator(None, (turn.fake, labels))
        return _mean_difference(back, picture, "cycle")

    return term


def encoder_divergence(mean: Tensor, log_variance: Tensor, *, reduction: str = "sum") -> Tensor:
    """Compute the Kullback-Leibler divergence of N(mean, exp(log_variance)) from N(0, 1), summed over dimensions.

    It is the sum over dimensions of (mean^2 + exp(log_variance) - 1 - log_variance) / 2. SPADE's released code sums
    over the batch too, so that its weight of 0.05 depends on the batch size. Where gradients are averaged over
    micro-batches or processes, that sum is averaged too: use "mean" there, with the weight times the batch size.

    Args:
        mean: [B, F].
        log_variance: natural logarithm of the variance, [B, F].
        reduction: "sum" or "mean" over rows, or "none" for [B].

    Returns:
        A scalar; with "none", [B].

    Raises:
        ValueError: if the shapes differ, the reduction is unknown, or the mean of an empty batch is requested.
    """
    if mean.shape != log_variance.shape or mean.dim() < 1:
        raise ValueError(
            f"the divergence needs a mean and a log variance of one shape, [B, F]; got {list(mean.shape)} and "
            f"{list(log_variance.shape)}"
        )
    mean, log_variance = at_least_float32(mean), at_least_float32(log_variance)
    # Near log variance 0 the difference exp(v) - 1 would cancel.
    costs = (mean.square() + log_variance.expm1() - log_variance) / 2
    return reduced(costs.reshape(len(costs), -1).sum(1), reduction)


def divergence() -> Term:
    """Return the generator's term `encoder_divergence` of the real images, by the generator's `encode`.

    It is summed over the batch, as in SPADE's released code. The term raises ValueError if the generator has no
    encoder.
    """

    def term(turn: Turn) -> Tensor:
        encode = getattr(turn.game.generator, "encode", None)
        if encode is None:
            raise ValueError(
                "the divergence needs a generator with an encoder, and this one has no method encode"
            )
        return encoder_divergence(*encode(turn.batch.real))

    return term


def _source(condition: Condition) -> tuple[Tensor, Tensor]:
    if not isinstance(condition, tuple) or len(condition) != 2 or condition[0].dim() != 4:
        kind = tuple(list(each.shape) for each in condition) if isinstance(condition, tuple) else condition
        shown = list(kind.shape) if isinstance(kind, Tensor) else kind
        raise ValueError(
            "the cycle needs reals whose condition is (source picture [B, C, H, W], labels), as label sources for "
            "attribute "
            f"transfer give; got {shown}"
        )
    return cast("tuple[Tensor, Tensor]", condition)


def _mean_difference(fake: Tensor, real: Tensor, name: str, *, squared: bool = False) -> Tensor:
    if fake.shape != real.shape or not fake.numel():
        raise ValueError(
            f"the {name} compares pairs of images, which must have one shape and not be empty; got {list(fake.shape)} "
            "of the "
            f"fakes and {list(real.shape)} of the reals: fakes must be generated under the conditions of the reals, at "
            "their size"
        )
    difference = at_least_float32(fake) - at_least_float32(real).detach()
    return (difference.square() if squared else difference.abs()).mean()
