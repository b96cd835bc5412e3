"""Label embeddings of unit length, concatenated to the latent code, as in Self-Conditioned GAN's generators."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks.heads import require_labels


class UnitEmbeddingConcat(nn.Module):
    """[z, e_y / ||e_y||]: z [B, Z] and labels [B] -> [B, Z + embedding_dim]; the gradient includes the normalization.

    Follows stevliu/self-conditioned-gan:gan_training/models/blocks.py (LatentEmbeddingConcat).

    Args:
        num_classes: number of classes.
        embedding_dim: length of the embeddings.
    """

    def __init__(self, num_classes: int, embedding_dim: int) -> None:
        super().__init__()
        self.table = nn.Embedding(num_classes, embedding_dim)

    def forward(self, z: Tensor, condition: Tensor | None) -> Tensor:
        embedded = self.table(require_labels(condition, "the generator"))
        return torch.cat((z, F.normalize(embedded, dim=1).to(z.dtype)), dim=1)
