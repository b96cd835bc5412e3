"""Partition loss: neighbors share a part, each image belongs to one part, and all parts are used."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.old_names import renamed_keywords

__all__ = ["PartitionTerms", "partition_loss", "partition_terms"]


class PartitionTerms(NamedTuple):
    """The three terms of the partition loss, scalars in nats."""

    consistency: Tensor
    """-mean log <p, q> over anchors and their neighbors."""
    sample_entropy: Tensor
    """mean H(p) over anchors, 0 to log K."""
    mean_entropy: Tensor
    """H(mean p) over anchors, 0 to log K."""

    def total(self, *, sample_entropy_weight: float, mean_entropy_weight: float) -> Tensor:
        """Return the loss: consistency + ws * sample entropy - wm * mean entropy."""
        return (
            self.consistency
            + sample_entropy_weight * self.sample_entropy
            - mean_entropy_weight * self.mean_entropy
        )


@renamed_keywords(neighbour_logits="neighbor_logits")
def partition_terms(anchor_logits: Tensor, neighbor_logits: Tensor) -> PartitionTerms:
    """Return the terms of `partition_loss`.

    They are computed from log-probabilities, so nothing overflows. A part with probability 0 (a logit of minus
    infinity) contributes no entropy and receives no gradient.

    Args:
        anchor_logits, neighbor_logits: [B, K]; row i of the second is a neighbor of row i of the first.
    Raises:
        ValueError: if the shapes differ or are not [B, K] with B at least 1 and K at least 2.
    """
    shape = anchor_logits.shape
    if shape != neighbor_logits.shape or len(shape) != 2 or shape[0] < 1 or shape[1] < 2:
        raise ValueError(
            "anchors and neighbors need equal shapes [B, K] with B at least 1 and at least two parts K, not "
            f"{list(shape)} and {list(neighbor_logits.shape)}"
        )
    anchors, neighbors = F.log_softmax(anchor_logits, dim=1), F.log_softmax(neighbor_logits, dim=1)
    finite = anchors.clamp_min(torch.finfo(anchors.dtype).min / 4)
    mean = finite.logsumexp(0) - math.log(shape[0])
    return PartitionTerms(
        consistency=-(anchors + neighbors).logsumexp(1).mean(),
        sample_entropy=-(finite.exp() * finite).sum(1).mean(),
        mean_entropy=-(mean.exp() * mean).sum(),
    )


def partition_loss(
    anchor_logits: Tensor,
    neighbor_logits: Tensor,
    *,
    sample_entropy_weight: float,
    mean_entropy_weight: float,
) -> Tensor:
    """Compute -mean log <p, q> + ws * mean H(p) - wm * H(mean p), with p, q the softmax of anchors and neighbors.

    This is Partition-Guided GAN's equation 5 with the sign flipped. The paper's text gives only one of the two weights,
    1e-3; the defaults of PartitionSettings are 5 for the entropy of the mean and 1e-3 for that of the samples (SCAN's
    5, and the order of the two in the text). SCAN (Van Gansbeke et al. 2020) has no per-sample term, and clamps the
    logarithms.

    Args:
        anchor_logits, neighbor_logits: [B, K]; row i of the second is a neighbor of row i of the first.
    Returns:
        Scalar.
    Raises:
        ValueError: under the conditions of `partition_terms`.
    """
    return partition_terms(anchor_logits, neighbor_logits).total(
        sample_entropy_weight=sample_entropy_weight, mean_entropy_weight=mean_entropy_weight
    )
