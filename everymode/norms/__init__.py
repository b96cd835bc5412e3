"""Normalizations of weights and of activations."""

from everymode.norms.conditional import BatchNorm, ConditionalBatchNorm2d, synchronize_batch_norm
from everymode.norms.constraints import Constraint, InPlaceSparsityAware, WeightClipping
from everymode.norms.diagnosis import Diagnosis, diagnose
from everymode.norms.layer import LayerNorm
from everymode.norms.operator import convolution_spectral_norm, exact_spectral_norm, operator_norm
from everymode.norms.orthonormal import orthonormal_penalty
from everymode.norms.sparsity_aware import (
    filter_sigmas,
    released_sigma,
    sparsity_aware_norm,
    sparsity_aware_sigma,
)
from everymode.norms.spectral import SpectralNorm, singular_values, spectral_norm
from everymode.norms.subsets import compensation
from everymode.norms.weight import (
    WeightRule,
    layer_grids,
    normalize_weights,
    remove_normalization,
    without_embeddings,
)
from everymode.norms.weight_norm import weight_norm

__all__ = [
    "BatchNorm",
    "ConditionalBatchNorm2d",
    "Constraint",
    "Diagnosis",
    "InPlaceSparsityAware",
    "LayerNorm",
    "SpectralNorm",
    "WeightClipping",
    "WeightRule",
    "compensation",
    "convolution_spectral_norm",
    "diagnose",
    "exact_spectral_norm",
    "filter_sigmas",
    "layer_grids",
    "normalize_weights",
    "operator_norm",
    "orthonormal_penalty",
    "released_sigma",
    "remove_normalization",
    "singular_values",
    "sparsity_aware_norm",
    "sparsity_aware_sigma",
    "spectral_norm",
    "synchronize_batch_norm",
    "weight_norm",
    "without_embeddings",
]
