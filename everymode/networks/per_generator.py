"""A linear layer with separate weights for each of several generators, as the first layer of MGAN's generators.

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
    """The linear layer of generator condition[i] for each row i: z [B, in], condition [B] int64 -> [B, out].

    One matrix product computes all rows: each row's input is in its generator's columns of [B, generators * in], with
    zeros in the others. Copying a matrix [in, out] for each row would take more memory than the layer's weights.

    Args:
        in_features: length of z.
        out_features: length of the outputs.
        num_generators: number of generators, at least 1.
    Raises:
        ValueError: if there is no generator; in `forward`, if the condition is no tensor of labels.
    """

    weight: Tensor
    """[generators, in, out]."""
    bias: Tensor
    """[generators, out]."""

    def __init__(self, in_features: int, out_features: int, *, num_generators: int) -> None:
        super().__init__()
        if num_generators < 1:
            raise ValueError(f"num_generators is {num_generators}; there must be at least 1 generator")
        self.num_generators = num_generators
        self.weight = nn.Parameter(torch.empty(num_generators, in_features, out_features))
        self.bias = nn.Parameter(torch.empty(num_generators, out_features))
        bound = 1 / math.sqrt(in_features)  # as in torch's nn.Linear
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, z: Tensor, condition: Tensor | None) -> Tensor:
        index = require_labels(condition, "PerGeneratorLinear")
        one_hot = F.one_hot(index, self.num_generators).to(z.dtype)
        inputs = (one_hot.unsqueeze(2) * z.unsqueeze(1)).flatten(1)
        return inputs @ self.weight.flatten(0, 1) + one_hot @ self.bias
