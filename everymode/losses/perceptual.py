"""Perceptual loss: fakes have the features of their real images in a fixed network, such as VGG-19.

Perceptual Losses for Real-Time Style Transfer and Super-Resolution (Johnson et al., ECCV 2016); with absolute
differences, as in pix2pixHD, SPADE (Park et al., CVPR 2019; five layers, weights 1/32, 1/16, 1/8, 1/4, 1) and ESRGAN
(Wang et al., 2018; conv5_4 before activation). `everymode.extractors.vgg` has VGG-19.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from everymode.game import Term, Turn
from everymode.precision import at_least_float32

FeatureMaps = Callable[[Tensor], Sequence[Tensor]]
"""Images [B, C, H, W] in [-1, 1] -> feature maps [B, ...], differentiable."""


def perceptual_loss(
    real: Sequence[Tensor], fake: Sequence[Tensor], weights: Sequence[float] | None = None
) -> Tensor:
    """Compute the sum over layers of weight * mean |fake - real|.

    The mean of a layer is over rows, channels and positions. Half precision is computed in float32, float64 stays
    float64.

    Args:
        real: feature maps of the reals, of any shape [B, ...]. No gradient goes to them.
        fake: feature maps of the fakes, with the same shapes.
        weights: one factor per layer; None = 1 for all.

    Returns:
        A scalar.

    Raises:
        ValueError: if there is no layer, the numbers of layers and weights differ, shapes differ, or a weight is
            negative or not finite.
    """
    shapes = [[list(layer.shape) for layer in side] for side in (real, fake)]
    if not shapes[0] or shapes[0] != shapes[1] or not all(layer.numel() for layer in real):
        raise ValueError(
            "a perceptual loss needs at least one layer, and layers of reals and fakes of the same shapes; got "
            f"{shapes[0]} and {shapes[1]}: give pairs of images of one size"
        )
    factors = [1.0] * len(real) if weights is None else list(weights)
    _check_weights(factors)
    if len(factors) != len(real):
        raise ValueError(
            f"a perceptual loss needs one weight per layer: there are {len(real)} layers and {len(factors)} weights"
        )
    costs = [
        factor * (at_least_float32(mine) - at_least_float32(theirs).detach()).abs().mean()
        for factor, theirs, mine in zip(factors, real, fake, strict=True)
    ]
    return torch.stack(costs).sum()


def perceptual(features: FeatureMaps, weights: Sequence[float] | None = None) -> Term:
    """Return the generator's term `perceptual_loss` of the features of each fake and its real, before augmentation.

    A network is set to eval mode and its parameters to need no gradient, and moves to the device and the type of the
    fakes where it is not there already. The term is a plain function, so that the weights of the network are in no
    checkpoint and no copy of the game. Autocast, if active, applies to the network too.

    The term raises ValueError if fakes and reals differ in shape, or if there is not one weight per layer.

    Args:
        features: maps images [B, C, H, W] in [-1, 1] to a sequence of feature maps, such as
            `everymode.extractors.vgg.vgg19`; a network or any function. It must be differentiable.
        weights: one factor per layer; None = 1 for all.

    Raises:
        ValueError: if a weight is negative or not finite.
    """
    factors = None if weights is None else tuple(weights)
    if factors is not None:
        _check_weights(factors)
    if isinstance(features, nn.Module):
        features.eval().requires_grad_(False)

    def term(turn: Turn) -> Tensor:
        fake, real = at_least_float32(turn.fake), at_least_float32(turn.batch.real)
        if fake.shape != real.shape:
            raise ValueError(
                f"a perceptual term compares pairs of images of one shape; got {list(fake.shape)} of the fakes and "
                f"{list(real.shape)} of the reals: fakes must be generated under the conditions of the reals"
            )
        if isinstance(features, nn.Module):
            _move(features, fake)
        with torch.no_grad():
            of_real = features(real)
        return perceptual_loss(of_real, features(fake), factors)

    return term


def _move(network: nn.Module, like: Tensor) -> None:
    first = next(
        (each for each in (*network.parameters(), *network.buffers()) if each.is_floating_point()), None
    )
    if first is not None and (first.device != like.device or first.dtype != like.dtype):
        network.to(like.device, like.dtype)


def _check_weights(weights: Sequence[float]) -> None:
    if any(not math.isfinite(weight) or weight < 0 for weight in weights):
        raise ValueError(
            f"weights of layers must be at least 0 and finite, not {tuple(weights)}: omit layers that must not count"
        )
