"""Paired feature matching: each fake has the discriminator's features of the real image of the same condition.

High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs (pix2pixHD; Wang et al., CVPR 2018),
equation 4; SPADE (Park et al., CVPR 2019) uses it with weight 10. Unlike `feature_matching`, which compares means over
the batch, row i of the fakes is compared with row i of the reals, so both must be of the same condition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from everymode.game import Term, Turn
from everymode.precision import at_least_float32

Features = Sequence[Sequence[Tensor]] | Sequence[Tensor]
"""Layers [B, ...] of each scale; a plain sequence of layers is one scale."""


def feature_matching_paired(real: Features, fake: Features, weight: float = 1.0) -> Tensor:
    """Compute weight * mean over scales of the sum over layers of mean |fake - real|.

    The mean of a layer is over rows, channels and positions. Half precision is computed in float32, float64 stays
    float64. All layers that are given count: SPADE's critic has no score maps among its features.

    Args:
        real: features of the reals: per scale, its layers, of any shape [B, ...]. No gradient goes to them.
        fake: features of the fakes, with the same shapes.
        weight: factor; published: 10.

    Returns:
        A scalar.

    Raises:
        ValueError: if there are no features, or if the numbers of scales or layers, or the shapes of layers, differ.
    """
    pairs = list(zip(_scales(real), _scales(fake), strict=False))
    shapes = [[[list(layer.shape) for layer in scale] for scale in _scales(side)] for side in (real, fake)]
    if not pairs or not all(shapes[0]) or shapes[0] != shapes[1]:
        raise ValueError(
            "paired feature matching needs features of reals and fakes with the same scales, layers and shapes, at "
            "least "
            f"one layer per scale; got {shapes[0]} of the reals and {shapes[1]} of the fakes: score as many fakes as "
            "reals with one discriminator that returns features"
        )
    if any(not layer.numel() for scale, _ in pairs for layer in scale):
        raise ValueError(f"there is no mean over an empty layer; the features have shapes {shapes[0]}")
    costs = [
        torch.stack([_distance(*layers) for layers in zip(*scales, strict=True)]).sum() for scales in pairs
    ]
    return weight * torch.stack(costs).mean()


def paired_feature_matching() -> Term:
    """Return the generator's term `feature_matching_paired` of D's features, without a factor.

    It reads the features of both verdicts of a turn: one sequence of layers, or one per scale. The term raises
    ValueError if the discriminator returns no features, or if reals and fakes differ in number. Fakes must be generated
    under the conditions of the reals, and augmentation that moves pixels must move both alike, or the pairs do not
    match.
    """

    def term(turn: Turn) -> Tensor:
        # In the order of the objective, which is fixed because a pass may update the discriminator's state.
        fake = turn.fake_verdict.features
        real = turn.real_verdict.features
        if not fake or not real:
            raise ValueError(
                "feature matching needs a discriminator whose Verdict holds features, and this one's has none"
            )
        return feature_matching_paired(real, fake)

    return term


def _scales(features: Features) -> list[Sequence[Tensor]]:
    tensors = sum(isinstance(each, Tensor) for each in features)
    if tensors not in (0, len(features)):
        raise ValueError(
            "features must be a sequence of layers, or one sequence of layers per scale, not a mixture of both"
        )
    return cast("list[Sequence[Tensor]]", [features] if tensors else list(features))


def _distance(real: Tensor, fake: Tensor) -> Tensor:
    return (at_least_float32(fake) - at_least_float32(real).detach()).abs().mean()
