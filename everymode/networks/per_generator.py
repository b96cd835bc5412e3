"""A layer that each of several generators has for itself, as MGAN's generators have their first one.

Hoang, Nguyen, Le, Phung: MGAN: Training Generative Adversarial Nets with Multiple Generators (ICLR 2018); released as
qhoangdl/MGAN.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks.heads import require_labels


class PerGeneratorLinear(nn.Module):
    """Row i goes through the linear layer of generator condition[i]: z [B, in], condition [B] int64 -> [B, out].

    One matrix product for all rows: each row's input stands in its generator's columns of [B, generators * in], and
    zeros elsewhere. Copying a [in, out] matrix for each row would cost more memory than the layer has.

    Args:
        num_generators: how many.
    """

    weight: Tensor
    """[generators, in, out]."""
    bias: Tensor
    """[generators, out]."""

    def __init__(self, in_features: int, out_features: int, *, num_generators: int) -> None:
        super().__init__()
        if num_generators < 1:
            raise ValueError(f"there must be at least 1 generator, not {num_generators}")
        self.num_generators = num_generators
        self.weight = nn.Parameter(torch.empty(num_generators, in_features, out_features))
        self.bias = nn.Parameter(torch.empty(num_generators, out_features))
        bound = 1 / math.sqrt(in_features)  # as torch initializes a linear layer of its own
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, z: Tensor, condition: Tensor | None) -> Tensor:
        index = require_labels(condition, "PerGeneratorLinear")
        mine = F.one_hot(index, self.num_generators).to(z.dtype)
        spread = (mine.unsqueeze(2) * z.unsqueeze(1)).flatten(1)
        return spread @ self.weight.flatten(0, 1) + mine @ self.bias
