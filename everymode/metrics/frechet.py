"""Frechet distance between two sets of features (Heusel et al. 2017, eq. 6), from samples or from moments.

    distance = |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2)

with unbiased covariances. Each covariance is factored as S = A^T A. Then tr (S1 S2)^(1/2) is the sum of the singular
values of A1 A2^T, which is real by construction: no matrix square root, no complex numbers, nothing added to a
diagonal. With at most as many samples as features, A is the centered samples themselves (exact for a singular
covariance); otherwise the Cholesky factor, or, if Cholesky fails, the eigenvectors times the roots of the eigenvalues.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from everymode.metrics.inputs import Values, as_tensor, check_finite, feature_pair
from everymode.metrics.moments import StreamingMoments

_ROUNDING = 8.0
"""Tolerated rounding error of an eigenvalue, in units of F times the dtype's epsilon times the largest eigenvalue."""

_TOO_LARGE = "the features are too large for float64 when squared; scale both sides down by the same factor"


class FrechetParts(NamedTuple):
    """A Frechet distance as its two summands, both at least 0."""

    mean: float
    covariance: float

    @property
    def distance(self) -> float:
        """Sum of both summands."""
        return self.mean + self.covariance


class Gaussian(NamedTuple):
    """Statistics of one side: mean [F], and a factor [R, F] with factor^T factor = covariance."""

    mean: Tensor
    factor: Tensor


def frechet_distance(real: Values, fake: Values) -> float:
    """Compute the Frechet distance between real [N, F] and fake [M, F] features; 0 for identical sets.

    It is biased upward, the more so the smaller N and M are: report both with it. With N or M at most F the covariance
    is singular; the value is exact but carries little information. Call it FID only on Inception features.

    Raises:
        ValueError: if there is NaN, a side has fewer than 2 rows, or the numbers of features differ.
    """
    return frechet_parts(real, fake).distance


def frechet_parts(real: Values, fake: Values) -> FrechetParts:
    """Compute the summands of `frechet_distance`: that of the means and that of the covariances.

    Raises:
        ValueError: under the conditions of `frechet_distance`.
    """
    real, fake = feature_pair(real, fake)
    return gaussian_parts(fitted_gaussian(real), fitted_gaussian(fake))


def frechet_distance_from_moments(
    real_mean: Values, real_covariance: Values, fake_mean: Values, fake_covariance: Values
) -> float:
    """Compute the Frechet distance from means [F] and covariances [F, F], such as those of StreamingMoments.

    Raises:
        ValueError: if shapes do not fit, there is NaN, or a matrix is not a covariance: not symmetric, or with
            eigenvalues below what rounding in its dtype explains.
    """
    real = _checked_gaussian("real", real_mean, real_covariance)
    fake = _checked_gaussian("fake", fake_mean, fake_covariance)
    if len(real.mean) != len(fake.mean):
        raise ValueError(
            f"the real moments have {len(real.mean)} features and the fake ones {len(fake.mean)}; "
            "take both from the same layer of the same extractor"
        )
    return gaussian_parts(real, fake).distance


def fitted_gaussian(rows: Tensor) -> Gaussian:
    """Return the mean and covariance factor of checked rows [N, F], N at least 2."""
    count, width = rows.shape
    if count <= width:
        samples = rows.double()
        mean = samples.mean(0)
        return Gaussian(mean, (samples - mean) / math.sqrt(count - 1))
    moments = StreamingMoments()
    moments.update(rows)
    covariance = torch.from_numpy(moments.covariance)
    return Gaussian(
        torch.from_numpy(moments.mean), covariance_factor("the covariance", covariance, torch.float64)
    )


def covariance_factor(name: str, covariance: Tensor, rounded_to: torch.dtype) -> Tensor:
    """Return a matrix A [F, F] with A^T A = covariance.

    Args:
        name: the name of the covariance in error messages.
        covariance: symmetric, float64.
        rounded_to: the dtype to which it was rounded.
    Raises:
        ValueError: if an eigenvalue is below -8 F epsilon times the largest one. Eigenvalues between that and 0 are
            rounding errors and count as 0.
    """
    if not torch.isfinite(covariance).all():
        raise ValueError(_TOO_LARGE)
    lower, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return lower.T
    values, vectors = torch.linalg.eigh(covariance)
    largest = float(values[-1].clamp(min=0))
    allowed = _ROUNDING * len(values) * torch.finfo(rounded_to).eps * largest
    if float(values[0]) < -allowed:
        raise ValueError(
            f"{name} is not a covariance: its smallest eigenvalue is {float(values[0]):.3g}, the largest "
            f"{largest:.3g}, and rounding explains only -{allowed:.1g}; recompute it from the features, in float64"
        )
    return values.clamp(min=0).sqrt()[:, None] * vectors.T


def gaussian_parts(real: Gaussian, fake: Gaussian) -> FrechetParts:
    """Return the two summands of the distance between two Gaussians."""
    traces = float(real.factor.square().sum() + fake.factor.square().sum())
    mean = float((real.mean - fake.mean).square().sum())
    if not math.isfinite(traces + mean):
        raise ValueError(_TOO_LARGE)
    shared = float(torch.linalg.svdvals(real.factor @ fake.factor.T).sum())
    covariance = traces - 2 * shared
    # By the inequality of arithmetic and geometric means this is never negative except for rounding.
    assert covariance >= -100 * len(real.mean) * torch.finfo(torch.float64).eps * traces, covariance
    return FrechetParts(mean, max(0.0, covariance))


def _checked_gaussian(side: str, mean: Values, covariance: Values) -> Gaussian:
    center, matrix = as_tensor(f"{side}_mean", mean), as_tensor(f"{side}_covariance", covariance)
    if center.ndim != 1 or len(center) == 0 or matrix.shape != (len(center), len(center)):
        raise ValueError(
            f"{side}_mean has shape {list(center.shape)} and {side}_covariance {list(matrix.shape)}; "
            "[F] and [F, F] are needed"
        )
    dtype = matrix.dtype if matrix.is_floating_point() else torch.float64
    center, matrix = center.double(), matrix.double()
    check_finite(f"{side}_mean", center[None])
    check_finite(f"{side}_covariance", matrix)
    tolerance = _ROUNDING * len(center) * torch.finfo(dtype).eps * float(matrix.abs().max())
    if float((matrix - matrix.T).abs().max()) > tolerance:
        raise ValueError(
            f"{side}_covariance is not symmetric, so it is not a covariance; recompute it from the features"
        )
    return Gaussian(center, covariance_factor(f"{side}_covariance", (matrix + matrix.T) / 2, dtype))
