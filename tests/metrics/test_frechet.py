"""Frechet distance: stored values, analytic Gaussians, a symmetric square root as oracle, singular covariances."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch

from everymode.metrics import (
    StreamingMoments,
    frechet_distance,
    frechet_distance_from_moments,
    frechet_parts,
)
from everymode.metrics.frechet import covariance_factor

VECTORS = np.load(Path(__file__).parents[1] / "vectors_metrics.npz")


def whitened(count: int, covariance: np.ndarray, mean: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return rows with exactly this sample mean and unbiased covariance."""
    rows = np.random.default_rng(seed).standard_normal((count, len(mean)))
    rows -= rows.mean(0)
    rows = np.linalg.solve(np.linalg.cholesky(np.cov(rows.T)), rows.T).T
    return rows @ np.linalg.cholesky(covariance).T + mean


def oracle(real: np.ndarray, fake: np.ndarray) -> float:
    """Compute the textbook formula with scipy's square root of the symmetric form; covariances must be regular."""
    first, second = np.cov(real.T), np.cov(fake.T)
    root = scipy.linalg.sqrtm(first)
    middle = scipy.linalg.sqrtm(root @ second @ root)
    gap = real.mean(0) - fake.mean(0)
    return float(gap @ gap + np.trace(first + second - 2 * middle).real)


def test_stored_values() -> None:
    result = frechet_distance(VECTORS["metrics.a_real"], VECTORS["metrics.a_fake"])
    np.testing.assert_allclose(result, VECTORS["metrics.a_fid"], rtol=1e-9)
    # Fewer samples than features on both sides; the stored value is that of a 40-digit computation.
    singular = frechet_distance(VECTORS["metrics.s_real"], VECTORS["metrics.s_fake"])
    np.testing.assert_allclose(singular, VECTORS["metrics.s_fid"], rtol=1e-12)


def test_commuting_gaussians_have_the_sum_of_squared_std_differences() -> None:
    real = whitened(50, np.diag([1.0, 4.0, 9.0]), np.zeros(3))
    fake = whitened(60, np.diag([4.0, 4.0, 0.25]), np.array([1.0, -2.0, 0.0]), seed=1)
    parts = frechet_parts(real, fake)
    np.testing.assert_allclose(parts.mean, 5.0, rtol=1e-12)
    np.testing.assert_allclose(parts.covariance, 1 + 0 + 2.5**2, rtol=1e-11)
    assert parts.distance == frechet_distance(real, fake)


@pytest.mark.parametrize(("reals", "fakes", "width"), [(90, 70, 12), (200, 13, 12), (14, 300, 12)])
def test_the_textbook_formula(reals: int, fakes: int, width: int) -> None:
    random = np.random.default_rng(5)
    real = random.standard_normal((reals, width)) @ random.standard_normal((width, width))
    fake = random.standard_normal((fakes, width)) @ random.standard_normal((width, width)) + 0.5
    np.testing.assert_allclose(frechet_distance(real, fake), oracle(real, fake), rtol=1e-8)
    np.testing.assert_allclose(frechet_distance(real, fake), frechet_distance(fake, real), rtol=1e-11)


def test_one_singular_side_against_a_regular_one() -> None:
    # Adding eps to the diagonal of the singular covariance converges to the value without it as eps goes to 0.
    random = np.random.default_rng(2)
    real, fake = random.standard_normal((300, 20)), random.standard_normal((9, 20)) * 2
    first, second = np.cov(real.T), np.cov(fake.T)
    root = scipy.linalg.sqrtm(first).real
    eigenvalues = np.linalg.eigvalsh(root @ second @ root)[-8:]
    gap = real.mean(0) - fake.mean(0)
    expected = gap @ gap + np.trace(first) + np.trace(second) - 2 * np.sqrt(eigenvalues).sum()
    np.testing.assert_allclose(frechet_distance(real, fake), expected, rtol=1e-10)


def test_both_routes_agree_at_their_border() -> None:
    random = np.random.default_rng(4)
    rows = random.standard_normal((16, 16))
    other = random.standard_normal((17, 16))
    by_samples = frechet_distance(rows, other)
    by_moments = frechet_distance_from_moments(rows.mean(0), np.cov(rows.T), other.mean(0), np.cov(other.T))
    np.testing.assert_allclose(by_samples, by_moments, rtol=0, atol=1e-6)


@pytest.mark.parametrize("count", [5, 8, 9, 100])
def test_identical_sets_are_at_distance_zero(count: int) -> None:
    rows = np.random.default_rng(0).standard_normal((count, 8)) * [1, 1, 1, 1, 1, 100, 0, 1e-4]
    assert 0 <= frechet_distance(rows, rows) < 1e-10


def test_dead_and_doubled_features_and_constant_fakes_need_no_epsilon() -> None:
    random = np.random.default_rng(6)
    real, fake = random.standard_normal((80, 5)), random.standard_normal((70, 5)) + 1
    expected = frechet_distance(real, fake)
    with_dead = [np.hstack([side, np.zeros((len(side), 3))]) for side in (real, fake)]
    np.testing.assert_allclose(frechet_distance(*with_dead), expected, rtol=1e-12)
    doubled = [np.hstack([side, side]) for side in (real, fake)]
    np.testing.assert_allclose(frechet_distance(*doubled), 2 * expected, rtol=1e-7)
    # The distance to a point mass is |m1 - m2|^2 + tr S1.
    constant = np.full((70, 5), 2.0)
    gap = real.mean(0) - 2.0
    np.testing.assert_allclose(
        frechet_distance(real, constant), gap @ gap + np.trace(np.cov(real.T)), rtol=1e-12
    )
    assert frechet_distance(constant, constant[:3]) == 0


def test_scaling_and_shifting() -> None:
    real, fake = VECTORS["metrics.a_real"].astype(float), VECTORS["metrics.a_fake"].astype(float)
    base = frechet_distance(real, fake)
    for scale in (1e-6, 1e6):
        np.testing.assert_allclose(frechet_distance(real * scale, fake * scale), base * scale**2, rtol=1e-10)
    np.testing.assert_allclose(frechet_distance(real + 1e5, fake + 1e5), base, rtol=1e-8)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((16, 16)))[0]
    np.testing.assert_allclose(frechet_distance(real @ turn, fake @ turn), base, rtol=1e-11)


def test_moments_give_what_the_samples_give() -> None:
    sides = []
    for name in ("a_real", "a_fake"):
        moments = StreamingMoments()
        for batch in np.array_split(VECTORS[f"metrics.{name}"], 7):
            moments.update(batch)
        sides += [moments.mean, torch.from_numpy(moments.covariance)]
    np.testing.assert_allclose(frechet_distance_from_moments(*sides), VECTORS["metrics.a_fid"], rtol=1e-9)


def test_rounded_covariances_are_accepted_and_others_rejected() -> None:
    basis = np.linalg.qr(np.random.default_rng(8).standard_normal((6, 6)))[0]
    singular = basis[:, :2] @ np.diag([3.0, 1.0]) @ basis[:, :2].T
    # Rounding to float32 leaves small negative eigenvalues, which are no error if the dtype is float32.
    single = ((singular + singular.T) / 2).astype(np.float32)
    assert np.linalg.eigvalsh(single.astype(float))[0] < -1e-9
    zero = np.zeros(6)
    result = frechet_distance_from_moments(zero, single, zero, single)
    assert 0 <= result < 1e-6
    with pytest.raises(
        ValueError, match=r"real_covariance is not a covariance: .*eigenvalue.*rounding explains"
    ):
        frechet_distance_from_moments(zero, single.astype(float), zero, np.eye(6))
    with pytest.raises(ValueError, match="fake_covariance is not a covariance"):
        frechet_distance_from_moments(zero, np.eye(6), zero, np.diag([1, 1, 1, 1, 1, -1e-3]))
    skew = np.eye(6)
    skew[0, 1] = 0.5
    with pytest.raises(ValueError, match="not symmetric"):
        frechet_distance_from_moments(zero, skew, zero, np.eye(6))
    with pytest.raises(ValueError, match="6 features and the fake ones 5"):
        frechet_distance_from_moments(zero, np.eye(6), np.zeros(5), np.eye(5))
    with pytest.raises(ValueError, match=r"\[F\] and \[F, F\] are needed"):
        frechet_distance_from_moments(zero, np.eye(5), zero, np.eye(6))
    with pytest.raises(ValueError, match="NaN"):
        frechet_distance_from_moments(zero, np.full((6, 6), np.nan), zero, np.eye(6))


def test_factors_reproduce_the_covariance() -> None:
    regular = torch.from_numpy(np.cov(np.random.default_rng(0).standard_normal((30, 5)).T))
    singular = torch.ones(5, 5, dtype=torch.float64)
    for matrix in (regular, singular, torch.zeros(5, 5, dtype=torch.float64)):
        factor = covariance_factor("c", matrix, torch.float64)
        torch.testing.assert_close(factor.T @ factor, matrix, rtol=0, atol=1e-14)


def test_features_too_large_to_square_raise() -> None:
    for count in (3, 6):
        huge = np.random.default_rng(0).standard_normal((count, 3)) * 1e200
        with pytest.raises(ValueError, match="too large"):
            frechet_distance(huge, huge)
