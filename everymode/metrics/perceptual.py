"""Perceptual distance between images, from the feature maps of a network, in the form of LPIPS (Zhang et al. 2018,
eq. 1).

Call it LPIPS only on the network, layers and learned weights that its authors published. On `lite0` it is
"pd-lite0-128".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from everymode.metrics.inputs import Values, check_finite, like_inputs

_EPSILON = 1e-10
"""Added to the norm of a feature vector, as in the released code of LPIPS."""


def perceptual_distance(
    a_features: Sequence[Values], b_features: Sequence[Values], weights: Sequence[Values] | None = None
) -> Tensor | np.ndarray:
    """Compute the distance of each pair of images from their feature maps. Gradients flow through tensors.

    Per layer: features are divided by their norm over channels, and squared differences are weighted, summed over
    channels and averaged over positions. Layers are summed.

    Args:
        a_features, b_features: one map [B, C, h, w] per layer; sizes may differ between layers.
        weights: one weight per channel, [C] or [1, C, 1, 1], for each layer (not negative in LPIPS); default: all 1.
    Returns:
        [B], at least 0 for weights that are not negative, on the device of the features.
    Raises:
        ValueError: if the numbers of layers or shapes don't fit, there are no layers, or there is NaN.
    """
    pairs = _pairs(a_features, b_features)
    if weights is not None and len(weights) != len(pairs):
        raise ValueError(
            f"there are weights for {len(weights)} layers, but {len(pairs)} layers; give one set per layer"
        )
    total: Tensor | float = 0.0
    for number, (first, second) in enumerate(pairs):
        difference = (_normalized(first) - _normalized(second)).square()
        if weights is not None:
            difference = difference * _channel_weights(weights[number], first, number)
        total = total + difference.sum(1).mean((1, 2))
    assert isinstance(total, Tensor)  # there is at least one layer
    return like_inputs(total, *a_features, *b_features)


def _pairs(a_features: Sequence[Values], b_features: Sequence[Values]) -> list[tuple[Tensor, Tensor]]:
    if len(a_features) != len(b_features) or len(a_features) == 0:
        raise ValueError(
            f"there are {len(a_features)} and {len(b_features)} feature maps; give one per layer, the same layers "
            "for both sides"
        )
    pairs = [(_floats(a), _floats(b)) for a, b in zip(a_features, b_features, strict=True)]
    for number, (a, b) in enumerate(pairs):
        if a.ndim != 4 or a.shape != b.shape or a.numel() == 0 or len(a) != len(pairs[0][0]):
            raise ValueError(
                f"the maps of layer {number} have shapes {list(a.shape)} and {list(b.shape)}; [B, C, h, w] is "
                "needed, the same for both sides, with one B for all layers"
            )
        check_finite(f"a_features[{number}]", a)
        check_finite(f"b_features[{number}]", b)
    return pairs


def _floats(values: Values) -> Tensor:
    tensor = values if isinstance(values, Tensor) else torch.from_numpy(np.array(values))
    if tensor.is_complex():
        raise ValueError(f"features are {tensor.dtype}; give real numbers")
    return tensor if tensor.is_floating_point() else tensor.double()


def _normalized(features: Tensor) -> Tensor:
    return features / (torch.linalg.vector_norm(features, dim=1, keepdim=True) + _EPSILON)


def _channel_weights(weights: Values, features: Tensor, number: int) -> Tensor:
    tensor = _floats(weights)
    if tensor.numel() != features.shape[1] or max(tensor.shape, default=0) != features.shape[1]:
        raise ValueError(
            f"the weights of layer {number} have shape {list(tensor.shape)}; one for each of {features.shape[1]} "
            "channels is needed"
        )
    check_finite(f"weights[{number}]", tensor.flatten())
    return tensor.to(features).view(1, -1, 1, 1)
