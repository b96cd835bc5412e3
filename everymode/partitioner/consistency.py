"""The partition's loss: neighbors belong together, each image to one part, and all parts are used."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.old_names import renamed_keywords

__all__ = ["PartitionTerms", "partition_loss", "partition_terms"]


class PartitionTerms(NamedTuple):
    """The three parts of the partition's loss, scalars in nats."""

    consistency: Tensor
    """-mean log <p, q> over anchors and their neighbors."""
    sample_entropy: Tensor
    """mean H(p) over anchors, 0 to log K."""
    mean_entropy: Tensor
    """H(mean p) over anchors, 0 to log K."""

    def total(self, *, sample_entropy_weight: float, mean_entropy_weight: float) -> Tensor:
        """The loss: consistency + ws * sample entropy - wm * mean entropy."""
        return (
            self.consistency
            + sample_entropy_weight * self.sample_entropy
            - mean_entropy_weight * self.mean_entropy
        )


@renamed_keywords(neighbour_logits="neighbor_logits")
def partition_terms(anchor_logits: Tensor, neighbor_logits: Tensor) -> PartitionTerms:
    """The parts of `partition_loss`. Computed from logarithms, so nothing overflows; a part of no probability (a
    logit of minus infinity) has no entropy, and takes no gradient.

    Args:
        anchor_logits, neighbor_logits: [B, K]; row i of the second is a neighbor of row i of the first.
    Raises:
        ValueError: shapes that differ or are not [B, K] with B at least 1 and K at least 2.
    """
    shape = anchor_logits.shape
    if shape != neighbor_logits.shape or len(shape) != 2 or shape[0] < 1 or shape[1] < 2:
        raise ValueError(
            "anchors and neighbors need equal shapes [B, K] with at least two parts, not "
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
    """-mean log <p, q> + ws * mean H(p) - wm * H(mean p), where p and q are the softmax of anchors and neighbors.

    Partition-Guided GAN, equation 5, with the sign turned. Of its two weights the text gives one, 1e-3; we take 5 for
    the entropy of the mean and 1e-3 for that of the samples (SCAN's 5, and the order of the two in the text). SCAN
    (Van Gansbeke et al. 2020) has no per-sample term, and clamps the logarithms.

    Args:
        anchor_logits, neighbor_logits: [B, K]; row i of the second is a neighbor of row i of the first.
    Returns:
        Scalar.
    Raises:
        ValueError: as `partition_terms`.
    """
    return partition_terms(anchor_logits, neighbor_logits).total(
        sample_entropy_weight=sample_entropy_weight, mean_entropy_weight=mean_entropy_weight
    )
