"""A discriminator head that returns a score and an embedding, for contrastive losses.

ContraGAN (Kang and Park, NeurIPS 2020) and ReACGAN (Kang et al., NeurIPS 2021), as in
`POSTECH-CVLab/PyTorch-StudioGAN:src/models/big_resnet.py`.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from everymode.game import Verdict
from everymode.precision import at_least_float32


class EmbeddingHead(nn.Module):
    """A realness score, which ignores the condition, and an embedding of unit length, to compare with class proxies.

    Features [B, F] -> Verdict of scores [B, 1] and classes [B, K], the cosines between embedding and proxies: the most
    likely class is that of the nearest proxy. Losses of the embeddings themselves are terms of an objective, which call
    `embed` on the Verdict's features.

    Args:
        in_features: F.
        num_classes: K.
        embedding_dim: length of the embeddings.
    """

    def __init__(self, in_features: int, num_classes: int, *, embedding_dim: int = 512) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.linear = nn.Linear(in_features, 1)
        self.embedding = nn.Linear(in_features, embedding_dim)
        self.proxies = nn.Embedding(num_classes, embedding_dim)

    def forward(self, features: Tensor, condition: object = None) -> Verdict:
        directions = F.normalize(self.proxies.weight, dim=1)
        embedded = self.embed(features)
        return Verdict((self.linear(features),), F.linear(embedded, directions.to(embedded.dtype)))

    def embed(self, features: Tensor) -> Tensor:
        """Return embeddings of unit length, [B, F] -> [B, embedding_dim], in at least single precision."""
        return F.normalize(at_least_float32(self.embedding(features)), dim=1)
