"""The distance of two images in a discriminator's features, which deep generative prior minimizes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def feature_distance(real: Sequence[Tensor], fake: Sequence[Tensor], last: int | None = None) -> Tensor:
    """Return the sum, over the last features, of their mean absolute differences.

    Pan et al., Exploiting Deep Generative Prior (ECCV 2020), in the form of the released code: the mean replaces the
    paper's L1 norm, and is over the batch too.

    Args:
        real: features of one batch, shallow to deep, [B, ...] each.
        fake: features of the other batch, of the same shapes.
        last: number of features, from the deepest on; default: all.
    Returns:
        Scalar.
    Raises:
        ValueError: if the lengths or shapes differ, or `last` is below 1 or above the number of features.
    """
    return feature_distances(real, fake, last).mean()


def feature_distances(real: Sequence[Tensor], fake: Sequence[Tensor], last: int | None = None) -> Tensor:
    """Return the same for each example: [B]; the features of `real` may be those of a single example.

    Args:
        real: as in `feature_distance`, or with B = 1.
        fake: as in `feature_distance`.
        last: as in `feature_distance`.
    Raises:
        ValueError: as `feature_distance`.
    """
    if len(real) != len(fake) or not real:
        raise ValueError(
            f"there are {len(real)} features of the one batch and {len(fake)} of the other; pass the same number of "
            "each, at least 1"
        )
    count = len(real) if last is None else last
    if not 1 <= count <= len(real):
        raise ValueError(
            f"the last {count} features are requested, but there are {len(real)}; pass 1 to {len(real)}"
        )
    terms: list[Tensor] = []
    for index in range(len(real) - count, len(real)):
        one, other = real[index], fake[index]
        if one.shape[1:] != other.shape[1:] or len(one) not in (1, len(other)):
            raise ValueError(
                f"feature {index} has shapes {list(one.shape)} and {list(other.shape)}; pass features of images of one "
                "size, by one network"
            )
        terms.append((one - other).abs().flatten(1).mean(1))
    return torch.stack(terms).sum(0)
