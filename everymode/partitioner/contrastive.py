"""NT-Xent, the loss of the pretext task: match two views of an image among the views of all images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["nt_xent"]


def nt_xent(first: Tensor, second: Tensor, *, temperature: float = 0.1, symmetric: bool = True) -> Tensor:
    """Return the mean cross-entropy of identifying an image's other view among the 2 B - 1 other views.

    The logits are inner products. Chen, Kornblith, Norouzi and Hinton 2020 (SimCLR); Partition-Guided GAN, equation 4,
    whose text does not give the temperature (0.1 is that of the code it builds on).

    Args:
        first, second: [B, F] unit vectors, the embeddings of two views of the same B >= 2 images. They are not
            normalized here: apply `F.normalize` first, and the gradient flows through it.
        temperature: divisor of the similarities.
        symmetric: whether both views serve as anchors (mean over 2 B). False: only `first` does (mean over B), as in
            the code that the paper's unpublished code derives from.
    Returns:
        Scalar.
    Raises:
        ValueError: if the shapes differ or are not [B, F], B is below 2, or the temperature is not positive.
    """
    if first.shape != second.shape or first.ndim != 2 or len(first) < 2:
        raise ValueError(
            f"two views need equal shapes [B, F] with B at least 2, not {list(first.shape)} and {list(second.shape)}"
        )
    if not temperature > 0:
        raise ValueError(f"the temperature must be positive, not {temperature}")
    count = len(first)
    views = torch.cat((first, second))
    anchors = views if symmetric else views[:count]
    similarity = anchors @ views.T / temperature
    itself = torch.eye(len(anchors), len(views), dtype=torch.bool, device=views.device)
    partner = torch.arange(count, count + len(anchors), device=views.device) % (2 * count)
    return F.cross_entropy(similarity.masked_fill(itself, -torch.inf), partner)
