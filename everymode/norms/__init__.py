"""Normalizations of weights and of activations."""

from everymode.norms.conditional import BatchNorm, ConditionalBatchNorm2d, synchronize_batch_norm
from everymode.norms.spectral import SpectralNorm, singular_values, spectral_norm
from everymode.norms.weight import WeightRule, normalize_weights, remove_normalization, without_embeddings

__all__ = [
    "BatchNorm",
    "ConditionalBatchNorm2d",
    "SpectralNorm",
    "WeightRule",
    "normalize_weights",
    "remove_normalization",
    "singular_values",
    "spectral_norm",
    "synchronize_batch_norm",
    "without_embeddings",
]
